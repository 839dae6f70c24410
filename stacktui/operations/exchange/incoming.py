"""What an import brings, before it is compared with the workspace. Made by `bundle` and `zenml`, used by `settle`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from stacktui.model.category import Category
from stacktui.model.component import Component
from stacktui.model.secretref import SecretRef
from stacktui.model.stack import Stack
from stacktui.operations.exchange.report import ReportRow

T = TypeVar("T")


@dataclass(frozen=True)
class Piece(Generic[T]):
    """One file that an import brings."""

    value: T
    raw: bytes = field(repr=False)
    origin: str = ""
    """What the import's file calls it, where that is something else."""
    message: str = ""
    """What to say beside it: the flavor that it came from."""
    renamed: str = ""
    """Why it is called otherwise here than in the file; empty where it is not."""


@dataclass(frozen=True)
class Incoming:
    """One stack with all that it needs."""

    source: Literal["bundle", "zenml"]
    source_version: str
    """The version of the program that wrote the file; empty where it does not say."""
    components: tuple[Piece[Component], ...]
    stacks: tuple[Piece[Stack], ...]
    """Parents before their children; the last one is the stack itself."""
    rows: tuple[ReportRow, ...] = ()
    """What there is to say beside what becomes of each piece."""
    clear: Mapping[SecretRef, str] = field(default_factory=dict, repr=False)
    """Values that stand in the file in clear, by the reference that stands for them in the workspace's files."""

    flavors: Mapping[tuple[Category, str], str] = field(default_factory=dict)
    """Flavors that the other workspace had of its own, with the file or package that brought each."""

    @property
    def stack(self) -> Piece[Stack]:
        """The stack that is imported."""
        return self.stacks[-1]
