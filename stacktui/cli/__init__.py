"""The command line: one of the two faces of the table of operations, derived from it."""
