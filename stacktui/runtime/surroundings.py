"""What the runtime gives each component beside its config: folders, the environment, and the metadata store."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from stacktui.categories.base import Caller, StepChannel, Surroundings
from stacktui.categories.homes import from_home

if TYPE_CHECKING:
    from stacktui.categories.artifact_store import ArtifactStore
    from stacktui.categories.metadata_store import MetadataStore


def user_data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's own data folder for stacktui (XDG); the environment's `STACKTUI_DATA` puts it elsewhere.

    Whoever writes there makes the folder, private to the user.
    """
    given = environ.get("STACKTUI_DATA")
    if given:
        return from_home(given).absolute()
    from platformdirs import user_data_path

    return user_data_path("stacktui", appauthor=False)


class LazySurroundings(Surroundings):
    """Surroundings whose metadata store is made when a component first asks for it.

    So a component that keeps nothing there works even if the store cannot be made. The user's own folder is looked for
    as late: few ask.
    """

    _store: Callable[[], MetadataStore | None]
    _user_data: Callable[[], Path]

    def __init__(
        self,
        *,
        name: str,
        workspace: Path,
        state: Path,
        user_data: Callable[[], Path],
        store: Callable[[], MetadataStore | None],
        artifact_store: Callable[[], ArtifactStore] | None,
        channel: StepChannel | None,
        environment: Mapping[str, str],
        caller: Caller,
    ) -> None:
        object.__setattr__(self, "_store", store)
        object.__setattr__(self, "_user_data", user_data)
        super().__init__(
            name=name,
            workspace=workspace,
            state=state,
            # Not kept: the property below asks.
            user_data=state,
            artifact_store=artifact_store,
            channel=channel,
            environment=environment,
            caller=caller,
        )

    @property
    def metadata_store(self) -> MetadataStore | None:
        """The stack's metadata store, made now if it was not there. Raises `ComponentError` if it cannot be made."""
        return self._store()

    @metadata_store.setter
    def metadata_store(self, _: MetadataStore | None) -> None:
        """The dataclass's own initialiser writes its default here."""

    @property
    def user_data(self) -> Path:
        """The user's own data folder."""
        return self._user_data()

    @user_data.setter
    def user_data(self, _: Path) -> None:
        """The dataclass's own initialiser writes here."""

    def __repr__(self) -> str:
        # The inherited one would make the store, and would show the environment.
        return f"<surroundings of {self.name!r}>"

    __eq__ = object.__eq__
    __hash__ = object.__hash__
