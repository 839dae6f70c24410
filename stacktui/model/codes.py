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
    "FIL008": Code(Severity.ERROR, "a file is not UTF-8 text"),
    "FIL009": Code(Severity.ERROR, "a mapping has a key twice"),
    "FIL010": Code(Severity.ERROR, "a file is a link out of the workspace, or not a regular file"),
    "FIL011": Code(Severity.WARNING, "a folder or file has a name that is not read"),
    "NAM001": Code(Severity.ERROR, "a stack names a component that does not exist"),
    "NAM002": Code(Severity.ERROR, "a component names a flavor that does not exist"),
    "STK001": Code(Severity.ERROR, "a stack does not exist, or its file cannot be used"),
    "STK002": Code(Severity.ERROR, "a stack extends a stack that does not exist"),
    "STK003": Code(Severity.ERROR, "stacks extend each other in a circle"),
    "STK004": Code(Severity.ERROR, "a required category has no component"),
    "STK005": Code(Severity.ERROR, "a stack removes a required category that it inherits"),
    "STK006": Code(Severity.ERROR, "a category holds more components than it may"),
    "STK007": Code(Severity.WARNING, "a stack names the same component twice"),
    "STK008": Code(Severity.ERROR, "a step's settings name a component that is not in the stack"),
    "STK009": Code(Severity.ERROR, "the default stack does not exist"),
    "STK010": Code(Severity.HINT, "a component is in no stack"),
    "CFG001": Code(Severity.ERROR, "a component's configuration has a field that its flavor does not know"),
    "CFG002": Code(Severity.ERROR, "a component's configuration lacks a required field"),
    "CFG003": Code(Severity.ERROR, "a field's value does not fit"),
    "FLV001": Code(Severity.ERROR, "a flavor needs packages that are not installed"),
    "FLV002": Code(Severity.ERROR, "a flavor does not load"),
    "FLV003": Code(Severity.ERROR, "a file or package of flavors cannot be read"),
    "SEC001": Code(Severity.ERROR, "a secret is referred to where no secret may stand"),
    "SEC002": Code(Severity.ERROR, "a reference to a secret is malformed"),
    "SEC003": Code(Severity.ERROR, "a reference to a secret is not quoted"),
    "SEC004": Code(Severity.ERROR, "a stack refers to secrets and has no secrets manager"),
    "SEC005": Code(Severity.ERROR, "a secret is missing"),
    "SEC006": Code(Severity.WARNING, "a secrets manager cannot be asked which secrets it holds"),
    "SEC007": Code(Severity.ERROR, "a secrets manager refers to a secret that only it could give"),
    "CMP001": Code(Severity.ERROR, "a flavor needs a category that the stack does not fill"),
    "CMP002": Code(Severity.ERROR, "a flavor needs a component that can be reached from other hosts"),
    "CMP003": Code(Severity.ERROR, "a flavor works with certain flavors only"),
    "PRB001": Code(Severity.ERROR, "a component does not answer, or refuses the credentials"),
    "RUL001": Code(Severity.ERROR, "a rule failed"),
    "RUL002": Code(Severity.ERROR, "a team's rule cannot be loaded"),
    "PIP001": Code(Severity.ERROR, "a pipeline file is not valid Python"),
    "PIP002": Code(Severity.ERROR, "a pipeline file cannot be read"),
    "PIP003": Code(Severity.WARNING, "a place that should hold pipelines does not exist"),
    "PIP004": Code(Severity.ERROR, "a step names a component that the stack does not hold"),
    "PIP005": Code(Severity.ERROR, "a run needs a component that the stack does not hold"),
    "PIP006": Code(Severity.ERROR, "two pipelines of one file have the same name"),
    "PIP007": Code(Severity.ERROR, "an earlier artifact that a step takes does not exist"),
    "KEY001": Code(Severity.ERROR, "a keymap cannot be read"),
    "KEY002": Code(Severity.WARNING, "a keymap names something that does not exist"),
    "KEY003": Code(Severity.WARNING, "a keymap names a key that terminals do not send"),
    "KEY004": Code(Severity.WARNING, "a keymap gives one key to two things"),
    "THM001": Code(Severity.ERROR, "a theme's file cannot be used"),
    "THM002": Code(Severity.ERROR, "a theme mixes the terminal's own colors with others"),
    "SET001": Code(Severity.ERROR, "the user's settings cannot be used"),
    "SET002": Code(Severity.WARNING, "a setting names something that does not exist"),
}
