"""The oracle of the cache: after any edit of any project, the results with the cache are those without it.

The long test prints how many edits of each kind came, and how often a step ran again that need not have.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

import pytest

from stacktui.model.run import StepStatus
from tests.pipelines.oracle import Oracle, WrongHit, again, sweep
from tests.pipelines.oracle_maker import make_project
from tests.pipelines.oracle_project import Edit, random_edit, write_project
from tests.pipelines.running import place
from tests.pipelines.test_plan_and_run import planned

SEEDS = 40
EDITS = 50
"""For each seed."""
KEPT = (3, 11, 17)
"""Seeds of projects, and how many of their edits, that the quick test goes through."""
REGRESSIONS = (
    # Two names of one import change places; a docstring that the code reads.
    (5, False, ((96, 1), (12, 2), (119, 1), (120, 2), (122, 1), (25, 1), (78, 1))),
    (13, False, ((53, 1),)),
)
"""Seed, plain, edits of wrong hits that were. They mean what they do for as long as the projects are made as they are."""


@pytest.mark.parametrize("seed", KEPT)
@pytest.mark.parametrize("plain", [True, False], ids=["plain", "nasty"])
def test_a_few_edits(seed: int, plain: bool, tmp_path: Path) -> None:
    came, _ = sweep(tmp_path, seed, 6, plain=plain)
    assert came.total() == 6


@pytest.mark.parametrize(("seed", "plain", "edits"), REGRESSIONS)
def test_a_failure_that_was(
    seed: int, plain: bool, edits: tuple[tuple[int, int], ...], tmp_path: Path
) -> None:
    again(tmp_path, seed, edits, plain=plain)


def test_an_edit_that_is_taken_back_is_a_hit(tmp_path: Path) -> None:
    oracle = Oracle(tmp_path, 5, plain=True)
    try:
        first = oracle.edited(None)
        assert (
            first.misses + first.hits == len(oracle.project.files["pipelines/main.py"].split("@step")) - 1 + 1
        )
        knob = next(place for place, one in enumerate(oracle.project.knobs) if one.kind == "parameter")
        assert oracle.edited(Edit(knob, 1)).misses > 0
        assert oracle.edited(Edit(knob, 0)).misses == 0
    finally:
        oracle.close()


def test_the_oracle_sees_a_wrong_hit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache key that forgets the code is found out within a few edits."""
    from stacktui.pipelines import cache, plan, reuse
    from stacktui.pipelines.fingerprint import StepFingerprint

    def forgets(node: object, code: object) -> StepFingerprint:
        return StepFingerprint(digest=str(getattr(node, "function", "")), parts={})

    for module in (cache, plan, reuse):
        monkeypatch.setattr(module, "step_fingerprint", forgets)
    with pytest.raises(WrongHit, match="without the cache"):
        sweep(tmp_path, 3, 40, plain=True)


@pytest.mark.long
def test_with_the_cache_and_without_it_results_are_equal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counts: dict[bool, tuple[Counter[str], Counter[str]]] = {
        True: (Counter(), Counter()),
        False: (Counter(), Counter()),
    }
    for seed in range(SEEDS):
        plain = seed % 2 == 0
        came, false = sweep(tmp_path / str(seed), seed, EDITS, plain=plain)
        counts[plain][0].update(came)
        counts[plain][1].update(false)
    with capsys.disabled():
        print("\n" + _table(counts))
    assert sum(came.total() for came, _ in counts.values()) == SEEDS * EDITS
    for came, false in counts.values():
        assert came["unrelated comment"] > 20
        assert false["unrelated comment"] == 0
    assert counts[True][0]["unrelated function"] > 20
    assert counts[True][1]["unrelated function"] == 0


def _table(counts: dict[bool, tuple[Counter[str], Counter[str]]]) -> str:
    kinds = sorted({kind for came, _ in counts.values() for kind in came})
    lines = [f"{'edit':24}{'plain':>7}{'false misses':>14}{'nasty':>9}{'false misses':>14}"]
    for kind in kinds:
        (a, b), (c, d) = ((came[kind], false[kind]) for came, false in (counts[True], counts[False]))
        lines.append(f"{kind:24}{a:7}{b:14}{c:9}{d:14}")
    return "\n".join(lines)


@pytest.mark.long
def test_the_runner_does_what_the_oracle_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same projects through real runs: each edit planned, run with the cache, then with none."""

    cached = 0
    for seed in (2, 7):
        project = make_project(seed, plain=seed % 2 == 0)
        choice = [0] * len(project.knobs)
        root = tmp_path / str(seed)
        monkeypatch.setenv("ORACLE_ROOT", str(root))
        monkeypatch.setenv("PYTHONPATH", str(root / "site"))
        monkeypatch.syspath_prepend(str(root / "site"))
        draw = Random(seed)
        kinds = sorted({knob.kind for knob in project.knobs})
        files = project.render(choice)
        with place(root, files["pipelines/main.py"]) as where:
            for _ in range(10):
                edit = random_edit(draw, project, choice, kinds)
                choice[edit.knob] = edit.text
                write_project(root, project.render(choice))
                plan = planned(where)
                found = []
                for cache in (True, False):
                    run = where.run(cache=cache)
                    steps = where.steps(run.id)
                    assert run.status == "succeeded", [step.error for step in steps.values() if step.error]
                    hits = {name: step.status is StepStatus.CACHED for name, step in steps.items()}
                    cached += sum(hits.values())
                    if cache:
                        said = {name: state for name, state in plan.items() if state is not None}
                        assert said.items() <= hits.items(), (seed, choice)
                    found.append({name: where.value(run.id, name) for name in steps if name != "fit"})
                assert found[0] == found[1], (seed, choice)
    assert cached > 0
