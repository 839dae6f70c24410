"""The fixtures of the contract suites, also where stacktui is not installed and its plugin not registered."""

from stacktui.testing.plugin import stacktui_environment, stacktui_surroundings

__all__ = ["stacktui_environment", "stacktui_surroundings"]
