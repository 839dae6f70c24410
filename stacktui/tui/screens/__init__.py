"""The screens, found by name through `registry`."""
