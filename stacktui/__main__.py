"""The entry: the command line, or the workbench where no command is named."""

from __future__ import annotations

import sys


def main() -> int:
    """Run `stacktui`; returns the exit code."""
    from stacktui.cli.main import main as run_cli

    return run_cli(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
