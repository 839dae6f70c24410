"""A runner that is killed at a commit of its own: `killed_runner.py before|after NUMBER COUNT_FILE <what a runner takes>`.

It is the real runner; only the end of a transaction is wrapped. `before`: the transaction is open and never ends;
`after`: it is durable, and nobody has been told. A runner that comes to its end writes the number of its commits into
COUNT_FILE. Used by `test_killed_runner`.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from stacktui.flavors.sqlite.connection import Transaction
from stacktui.pipelines import runner


def main(moment: str, number: int, count_file: Path, arguments: list[str]) -> int:
    """Run the runner, which dies at its commit with that number, counted from 1."""
    commits = itertools.count(1)
    leave = Transaction.__exit__
    last = 0

    def leaving(self: Transaction, kind: type[BaseException] | None, *rest: Any) -> None:
        nonlocal last
        mine = 0
        if kind is None:
            mine = last = next(commits)
        if mine == number and moment == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        leave(self, kind, *rest)
        if mine == number and moment == "after":
            os.kill(os.getpid(), signal.SIGKILL)

    Transaction.__exit__ = leaving  # type: ignore[method-assign]
    code = runner.main(arguments)
    count_file.write_text(str(last))
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:]))
