"""The team's own rules, from a package that is really installed: the example in `validation/team.py`, as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from stacktui.validation import team

BLOCKS = [
    textwrap.dedent(block)
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", team.__doc__ or "", re.MULTILINE)
]
"""The example's two files."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package installed into it, as `pip install --target` does."""
    source = tmp_path_factory.mktemp("team-rules")
    code, lines = BLOCKS
    (source / "team_rules.py").write_text(
        f"{code}\n\ndef broken(subject: StackSubject) -> list[Diagnostic]:\n    raise LookupError('no list\\x1b of ours')\n"
    )
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "team-rules"\nversion = "1.0"\n'
        f'{lines}broken = "team_rules:broken"\ngone = "no_such_module:rule"\n'
        '[tool.hatch.build.targets.wheel]\ninclude = ["team_rules.py"]\n'
    )
    target = tmp_path_factory.mktemp("site")
    words = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", *words, str(source)], check=True, capture_output=True)
    return target


def stacktui(installed: Path, root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stacktui", "-C", str(root), *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(installed)},
    )


def test_the_example_of_the_documentation_finds_what_it_says(installed: Path, root: Path) -> None:
    (root / "stacks" / "prod.yaml").write_text("extends: default\nlabels: {tier: prod}\n")
    done = stacktui(installed, root, "stack", "validate", "prod")
    assert done.returncode == 1
    # Where the parent names the component.
    line = next(
        number
        for number, text in enumerate((root / "stacks" / "default.yaml").read_text().splitlines(), 1)
        if "secrets_manager" in text
    )
    assert re.search(rf"TEAM001 +stacks/default.yaml:{line}:\d+\n +prod must use vault", done.stdout), (
        done.stdout
    )
    assert "TEAM001" not in stacktui(installed, root, "stack", "validate", "default").stdout


def test_a_rule_that_fails_and_one_that_is_not_there_are_one_finding_each(
    installed: Path, root: Path
) -> None:
    done = stacktui(installed, root, "stack", "validate", "default")
    assert done.returncode == 1
    failed = [line for line in done.stdout.splitlines() if "the rule broken failed" in line]
    assert len(failed) == 1
    assert "LookupError" in failed[0]
    assert "\x1b" not in done.stdout
    gone = [
        line for line in done.stdout.splitlines() if "the rule gone of team-rules cannot be loaded" in line
    ]
    assert len(gone) == 1
    assert "2 errors" in done.stdout
    # However many stacks it fails on.
    (root / "stacks" / "other.yaml").write_text("extends: default\n")
    whole = stacktui(installed, root, "stack", "validate", "--all").stdout
    assert whole.count("the rule broken failed") == 1


def test_a_code_of_the_team_s_own_stands_in_every_report(installed: Path, root: Path) -> None:
    (root / "stacks" / "prod.yaml").write_text("extends: default\nlabels: {tier: prod}\n")
    for form in ("sarif", "github", "junit", "json"):
        done = stacktui(installed, root, "stack", "validate", "--all", "--format", form)
        assert (done.returncode, done.stderr) == (1, "")
        assert "TEAM001" in done.stdout
        assert "prod must use vault" in done.stdout
