"""Stacks that leave a workspace and come into one: our own bundles, and what ZenML's `stack export` writes.

Used by `stack_export`, `stack_import` and the workbench's dialog.
"""
