"""The forms in which findings are written for programs that read them: the names of `stack validate --format`."""

from __future__ import annotations

from enum import StrEnum


class Report(StrEnum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"
    GITHUB = "github"
    JUNIT = "junit"
