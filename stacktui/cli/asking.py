"""Asks for secrets at the terminal, without an echo. Used by operations that learn while they run what they need."""

from __future__ import annotations

import sys

from stacktui.operations.attention import Asking


class TerminalAsking(Asking):
    """The person at the terminal; nobody where standard input or standard error is not one."""

    def secret(self, what: str) -> str | None:
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            return None
        from stacktui.cli.hidden import typed_value

        return typed_value(what)
