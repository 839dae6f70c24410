"""Shell completion: the script that a shell loads."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

from stacktui.operations.documents import Document
from stacktui.operations.table import Arg, operation

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class Shell(StrEnum):
    """A shell with completion."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


class CompletionScript(Document):
    """The script, to be loaded by the shell."""

    shell: Shell
    script: str


@operation(
    "completions",
    writes=False,
    workspace=False,
    examples=(
        'eval "$(stacktui completions bash)"',
        "stacktui completions fish > ~/.config/fish/completions/stacktui.fish",
    ),
)
def completions(session: Session, shell: Annotated[Shell, Arg("The shell.")]) -> CompletionScript:
    """Write the script that completes commands and names in your shell."""
    import click
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell.value)
    assert kind is not None
    maker = kind(click.Command("stacktui"), {}, "stacktui", "_STACKTUI_COMPLETE")
    # Not `source()`: for bash it starts one to ask for its version.
    return CompletionScript(shell=shell, script=maker.source_template % maker.source_vars())
