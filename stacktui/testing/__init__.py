"""What a team tests its own flavors with: contract suites, and the pytest plugin that gives them fixtures."""
