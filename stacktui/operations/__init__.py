"""Everything that can be done, one file a noun. Both faces, the command line and the workbench, derive from it."""
