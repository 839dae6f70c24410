"""What is typed on the `:` line: a place or an operation with its arguments, and what could complete it.

Knows no widget. Words are as in a shell: quotes keep spaces together.
"""

from __future__ import annotations

import difflib
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

from stacktui.operations import complete
from stacktui.operations.table import Operation, Parameter, all_operations
from stacktui.tui.doing import convert
from stacktui.tui.screens.registry import PLACES

if TYPE_CHECKING:
    from stacktui.operations.session import Session


class GoTo(NamedTuple):
    """A place, with what stood behind its name."""

    place: str
    argument: str


class Call(NamedTuple):
    """An operation, with the arguments that were typed; more may be needed."""

    operation: Operation
    arguments: dict[str, Any]


class Switch(NamedTuple):
    """Another workspace, by path or name."""

    where: str


class Leave(NamedTuple):
    """Quit, by habit from vim and k9s."""


class Suggestion(NamedTuple):
    """One way to go on. Raw text: who shows it cleans it."""

    line: str
    """What the whole line becomes."""
    word: str
    help: str


_LEAVE = ("quit", "q", "q!", "qa", "exit")


def understand(line: str) -> GoTo | Call | Switch | Leave:
    """What a line asks for. Raises ValueError with one line that says what would be right."""
    words = _words(line)
    if not words:
        raise ValueError("type where to go or what to do; esc leaves")
    if len(words) == 1 and words[0] in _LEAVE:
        return Leave()
    operations = all_operations()
    two = " ".join(words[:2])
    if two in operations:
        return Call(operations[two], arguments_of(operations[two], words[2:]))
    first = words[0]
    if first == "workspace" and len(words) == 2:
        return Switch(words[1])
    if first in PLACES and not (first in operations and any(":" in word for word in words[1:])):
        if len(words) > 2:
            raise ValueError(f"{first} takes one name at most")
        return GoTo(first, words[1] if len(words) > 1 else "")
    if first in operations:
        return Call(operations[first], arguments_of(operations[first], words[1:]))
    verbs = [name for name in operations if name.partition(" ")[0] == first]
    if verbs and len(words) > 1 and (near := difflib.get_close_matches(two, verbs, 1)):
        raise ValueError(f"there is no {two!r}; did you mean {near[0]}?")
    if verbs:
        raise ValueError(f"{first} what? {', '.join(name.partition(' ')[2] for name in verbs)}")
    near = difflib.get_close_matches(two, [*operations, *PLACES], 1) or difflib.get_close_matches(
        first, [*PLACES, *{name.partition(" ")[0] for name in operations}], 1
    )
    raise ValueError(
        f"there is no {first!r}" + (f"; did you mean {near[0]}?" if near else "; ctrl+p lists all")
    )


def arguments_of(operation: Operation, words: Iterable[str]) -> dict[str, Any]:
    """Arguments as on the command line. Raises ValueError."""
    given: dict[str, Any] = {}
    positional = [p for p in operation.parameters if p.kind == "argument"]
    rest = list(words)
    only_positional = False
    while rest:
        word = rest.pop(0)
        if word == "--" and not only_positional:
            only_positional = True
            continue
        if word.startswith("-") and len(word) > 1 and not only_positional:
            name, equals, value = word.partition("=")
            option, on = _option(operation, name)
            if option.type is bool:
                given[option.name] = on
                continue
            if not equals:
                if not rest:
                    raise ValueError(f"{name} needs a value: {option.help}")
                value = rest.pop(0)
            _put(given, option, value)
            continue
        if not positional and any(p.kind == "asked" for p in operation.parameters):
            raise ValueError("the value is never part of this line: leave it out, and it is asked for unseen")
        if not positional:
            raise ValueError(f"{operation.name} does not take {word!r}")
        parameter = positional[0]
        if not parameter.multiple:
            positional.pop(0)
        _put(given, parameter, word)
    return given


def suggestions(session: Session, line: str, limit: int = 200) -> list[Suggestion]:
    """What could complete the last word of a line, best first. Reads files and the store: call it in a thread."""
    words, last = _split(line)
    if not words:
        return _first_words(last, limit)
    operations = all_operations()
    before = line[: len(line) - len(last)] if last else line
    found: list[complete.Completion] = []
    if len(words) == 1:
        found += [
            complete.Completion(name.partition(" ")[2], operation.summary)
            for name, operation in operations.items()
            if operation.verb and operation.noun == words[0] and not operation.hidden
        ]
        if words[0] == "workspace":
            found += complete.names(session, "workspace", {})
        place = PLACES.get(words[0])
        if place is not None and place.complete:
            found += complete.names(session, place.complete, place.params)
    operation = operations.get(" ".join(words[:2])) or operations.get(words[0])
    if operation is not None:
        typed = words[2:] if " ".join(words[:2]) == operation.name and operation.verb else words[1:]
        found += _argument_words(session, operation, typed, last)
    ranked = _ranked(((item.name, item.help) for item in found), last)
    return [Suggestion(before + _quoted(word), word, text) for word, text in ranked[:limit]]


def _first_words(last: str, limit: int) -> list[Suggestion]:
    words: dict[str, str] = {name: f"go to {place.title}" for name, place in PLACES.items()}
    for name, operation in all_operations().items():
        if not operation.hidden:
            words.setdefault(name, operation.summary)
    words[_LEAVE[0]] = "leave; runs go on"
    return [Suggestion(word, word, text) for word, text in _ranked(words.items(), last)[:limit]]


def _argument_words(
    session: Session, operation: Operation, typed: list[str], last: str
) -> list[complete.Completion]:
    waiting: Parameter | None = None
    if typed and typed[-1].startswith("-"):
        try:
            option, _ = _option(operation, typed[-1])
        except ValueError:
            option = None
        if option is not None and option.type is not bool:
            waiting = option
            typed = typed[:-1]
    try:
        given = arguments_of(operation, typed)
    except ValueError:
        return []
    found: list[complete.Completion] = []
    if waiting is None and not last.startswith("-"):
        waiting = next(
            (p for p in operation.parameters if p.kind == "argument" and (p.multiple or p.name not in given)),
            None,
        )
    if waiting is not None:
        found += [complete.Completion(choice, waiting.help) for choice in waiting.choices]
        if waiting.complete:
            known = {item.name for item in found}
            found += [c for c in complete.names(session, waiting.complete, given) if c.name not in known]
    if waiting is None or waiting.kind == "argument":
        found += [
            complete.Completion(p.flag, p.help)
            for p in operation.parameters
            if p.kind == "option" and (p.multiple or p.name not in given)
        ]
    return found


def _ranked(items: Iterable[tuple[str, str]], last: str) -> list[tuple[str, str]]:
    """Those that begin with the word, then those that hold it, then those that hold its letters in order."""
    wanted = last.casefold()
    groups: tuple[list[tuple[str, str]], ...] = ([], [], [])
    for word, text in items:
        low = word.casefold()
        if low.startswith(wanted):
            groups[0].append((word, text))
        elif wanted in low:
            groups[1].append((word, text))
        elif _in_order(wanted, low):
            groups[2].append((word, text))
    return [*groups[0], *groups[1], *groups[2]]


def _in_order(letters: str, text: str) -> bool:
    place = iter(text)
    return all(letter in place for letter in letters)


def _option(operation: Operation, name: str) -> tuple[Parameter, bool]:
    for parameter in operation.parameters:
        if parameter.kind != "option":
            continue
        if name == parameter.flag or (parameter.short and name == f"-{parameter.short}"):
            return parameter, True
        if parameter.type is bool and name == f"--no-{parameter.flag[2:]}":
            return parameter, False
    flags = [p.flag for p in operation.parameters if p.kind == "option"]
    near = difflib.get_close_matches(name, flags, 1)
    raise ValueError(f"{operation.name} has no {name}" + (f"; did you mean {near[0]}?" if near else ""))


def _put(given: dict[str, Any], parameter: Parameter, word: str) -> None:
    if parameter.multiple:
        given[parameter.name] = (*given.get(parameter.name, ()), *convert(parameter, word))
    else:
        given[parameter.name] = convert(parameter, word)


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:
        raise ValueError("a quote is not closed") from None


def _split(line: str) -> tuple[list[str], str]:
    """The finished words, and the one that is being typed."""
    try:
        words = shlex.split(line)
    except ValueError:
        words = line.split()
    if not line or line[-1].isspace():
        return words, ""
    return words[:-1], words[-1] if words else ""


def _quoted(word: str) -> str:
    return shlex.quote(word) if any(letter.isspace() for letter in word) else word
