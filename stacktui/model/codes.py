"""Every code that a diagnostic may carry, in one table: `stacktui doctor --codes` prints it.

Ranges: FIL files, NAM references by name, STK stacks, CFG component configuration, FLV flavors,
SEC secrets, CMP compatibility inside a stack, PRB probes, PIP pipelines, KEY keymaps, THM themes,
SET settings, RUL the team's own rules.
"""

from __future__ import annotations

from typing import NamedTuple

from stacktui.model.diagnostic import Severity


class Code(NamedTuple):
    """What one code stands for."""

    severity: Severity
    """What it is by default; `--offline` and `--strict` may weigh it otherwise."""
    title: str


CODES: dict[str, Code] = {
    "FIL001": Code(Severity.ERROR, "a file cannot be read"),
    "FIL002": Code(Severity.ERROR, "a file is not valid YAML"),
    "FIL003": Code(
        Severity.ERROR, "a file does not have the form of its kind (unknown or missing field, wrong type)"
    ),
    "FIL004": Code(Severity.ERROR, "a file is larger, deeper or has more aliases than is safe to read"),
    "FIL005": Code(Severity.ERROR, "a file's name does not name an object"),
    "FIL006": Code(Severity.ERROR, "a workspace was written by a newer version of stacktui"),
    "FIL007": Code(Severity.ERROR, "a file is empty"),
}
