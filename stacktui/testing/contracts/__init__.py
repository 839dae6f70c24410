"""The contract suites: one class of tests a category, which every flavor of it passes.

A team's own flavor is tested by a subclass of the category's suite; see `stacktui.testing.contracts.base`.
"""
