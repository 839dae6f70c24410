"""Nothing of other people's reaches the terminal as a command, and nothing of it is parsed as markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stacktui.model.alert import InboxItem, Level
from stacktui.model.base import now, uuid7
from stacktui.model.run import RunStatus
from stacktui.operations.session import Session
from tests.tui.stores import add_run
from tests.tui.terminal import Terminal
from tests.tui.workbench import component, stack, workbench, workspace

_EVIL = "\x1b]0;PWNED\x07\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\u202eevil[@click=app.quit]x[/][/a/b][red]"

# What the workbench itself sends: private modes, colours, cursor places, synchronised output, the pointer's shape.
_OURS = re.compile(
    rb"\x1b\[[0-9;]*[mHJK]|\x1b\[\?[0-9;]+[hl]|\x1b\[\?[0-9;]*\$p|\x1b\[[<>][0-9;]*[a-z]|\x1b\[c"
    rb"|\x1b\]22;[a-z-]*\x07|\x1b\[[0-9]* ?q"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = workspace(tmp_path / "vision")
    quoted = _EVIL.encode("unicode_escape").decode().replace('"', '\\"')
    component(root, "artifact_store", "evil", "local")
    (root / "components/artifact_store/evil.yaml").write_text(
        f'flavor: "local{quoted}"\ndescription: "{quoted}"\nlabels: {{"{quoted}": "{quoted}"}}\n'
    )
    text = (root / "stacks/default.yaml").read_text().replace("artifact_store: local", "artifact_store: evil")
    stack(root, "default", f'{text}steps: {{"{quoted}": {{retries: 1}}}}\n')
    (root / "flavors").mkdir()
    (root / "flavors/bad.py").write_text("x = (\n")
    with Session(root) as session:
        store = session.store()
        add_run(
            store,
            f"run{_EVIL}",
            pipeline=f"p{_EVIL}",
            status=RunStatus.FAILED,
            error=_EVIL,
            labels={"a": _EVIL},
        )
        store.post(
            InboxItem(
                id=uuid7(), kind="question", alerter=f"a{_EVIL}", level=Level.ERROR, text=f"q{_EVIL}",
                choices=(f"yes{_EVIL}", "no"), created_at=now(),
            )
        )  # fmt: skip
    return root


def test_no_control_byte_but_our_own_comes_out(root: Path) -> None:
    with Terminal(root) as terminal:
        terminal.sees("experiment tracker")
        terminal.sees("? 1")
        for keys, expected in (
            ("p", "problems"), ("F", "flavors"), (",", "settings"), ("\x10", "anything"), ("\x1b", "settings"),
            ("h", "home"), ("!", "question"), ("\x1b", "home"), (":", "go to"), ("component list\r", "component list"),
        ):  # fmt: skip
            terminal.press(keys)
            terminal.sees(expected)
            terminal.quiet(0.3)
        terminal.press("\x1b")
        terminal.wait(lambda: "esc close" not in terminal.text(), "the dialog to close")
        terminal.press("q")
        terminal.wait(lambda: terminal.process.poll() is not None, "the end")
        raw = bytes(terminal.raw)
    left = _OURS.sub(b"", raw)
    assert "evil" in left.decode(), "the hostile texts were not shown at all"
    assert b"\x1b]0;" not in raw
    assert b"\x1b]52" not in raw
    strange = sorted({byte for byte in left if byte < 0x20 and byte not in b"\r\n\x07\x08"})
    assert not strange, (
        f"control bytes {strange} near {[left[m.start() - 40 : m.end() + 40] for m in re.finditer(bytes([strange[0]]), left)][:2]}"
    )
    letters = left.decode()
    assert not [letter for letter in letters if "\x80" <= letter <= "\x9f" or letter in "\u202e\u2066\u200b"]


async def test_markup_in_names_is_text(root: Path) -> None:
    async with workbench(root, size=(200, 50)) as bench:
        await bench.press("p")
        await bench.sees("there is no artifact store flavor")
        await bench.sees("evil[@click=app.quit]x[/][/a/b][red]")
        assert not bench.app._exit


async def test_a_toast_and_a_notice_show_markup_as_text(root: Path) -> None:
    from stacktui.model.text import clean

    async with workbench(root, size=(200, 50)) as bench:
        await bench.settled()
        bench.app.toast(clean("[b]not bold[/b] [/a"))
        bench.app.say(clean("[red]not red[/] [/x"), error=True)
        await bench.sees("[b]not bold[/b] [/a", "[red]not red[/] [/x")
