"""The workbench: the full-screen face of the table of operations. `app.run_workbench` starts it."""
