"""The live pane of each category."""
