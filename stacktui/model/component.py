"""A component: one tool of a team, of one category, in one file. Used by every room above."""

from __future__ import annotations

from typing import Any, NamedTuple

from pydantic import Field

from stacktui.model.base import Name, Noun
from stacktui.model.category import Category


class ComponentId(NamedTuple):
    """What names a component: its category and, within it, its name."""

    category: Category
    name: str

    def __str__(self) -> str:
        return f"{self.category}/{self.name}"


class ComponentFile(Noun):
    """What `components/<category>/<name>.yaml` holds."""

    flavor: str = Field(description="The implementation, as `stacktui flavor list` names it.")
    description: str = Field(default="", description="One line for the people who choose it.")
    labels: dict[str, str] = Field(default_factory=dict, description="Free labels to filter by.")
    config: dict[str, Any] = Field(default_factory=dict, description="The flavor's own fields.")


class Component(ComponentFile):
    """A component as registered: its file's content under its category and name. Secret references are unresolved."""

    category: Category
    name: Name

    @property
    def id(self) -> ComponentId:
        return ComponentId(self.category, self.name)
