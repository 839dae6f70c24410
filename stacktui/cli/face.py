"""What all commands of one call share. Used by the commands and by the views that write their answers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.cli.terminal import Out

if TYPE_CHECKING:
    from stacktui.operations.session import Session


@dataclass
class Face:
    """What all commands of one call share: the streams and the global options."""

    out: Out
    err: Out
    folder: Path = Path()
    stack: str | None = None
    store: str | None = None
    readonly: bool = False
    json: bool = False

    def session(self) -> Session:
        """The session that the global options ask for."""
        from stacktui.operations.session import Session

        return Session(
            self.folder.absolute(), stack=self.stack, store=self.store, readonly=self.readonly, face="cli"
        )
