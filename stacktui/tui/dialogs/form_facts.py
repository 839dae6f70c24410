"""What a component form must know of the workspace: flavors, names in use, secrets, the file as it is now.

Read in a thread when the form is opened and whenever files change. Used by the component form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from stacktui.model.category import Category
from stacktui.model.component import Component, ComponentId
from stacktui.model.text import clean
from stacktui.tui.dialogs.form_draft import Draft
from stacktui.tui.dialogs.form_fields import Choice

if TYPE_CHECKING:
    from stacktui.categories.base import FlavorConfig
    from stacktui.operations.session import Session
    from stacktui.workspace.workspace import Entry


class FormFacts(NamedTuple):
    """The workspace as a form sees it."""

    flavors: tuple[Choice, ...]
    taken: frozenset[str]
    """Names of components of the category."""
    secrets: tuple[str, ...]
    """References that the active stack's secrets manager can resolve: `{{aws.key}}`."""
    entry: Entry[Component] | None
    """The component that is edited or copied, as it is now; None for a new one, or if it is gone."""
    moved: Entry[Component] | None = None
    """If it is gone: another one of the category that holds the same bytes."""


class Opening(NamedTuple):
    """What a form starts with."""

    facts: FormFacts
    draft: Draft


def read_facts(
    session: Session, category: Category, name: str | None, base: Entry[Component] | None = None
) -> FormFacts:
    """Blocks: reads files, and asks the secrets manager for its names. `base` is what a form was made from."""
    snapshot = session.snapshot()
    registry = session.registry()
    flavors = tuple(
        Choice(source.id.name, clean(source.id.name), clean(source.summary))
        for source in registry.of(category)
    )
    taken = frozenset(
        found.name
        for found in (*snapshot.components, *snapshot.broken_components)
        if found.category is category
    )
    entry = snapshot.components.get(ComponentId(category, name)) if name is not None else None
    # A secrets manager's own secrets would have to come from another one.
    secrets = () if category is Category.SECRETS_MANAGER else secret_references(session)
    moved = None
    if entry is None and base is not None:
        moved = next(
            (found for id_, found in snapshot.components.items()
             if id_.category is category and found.raw == base.raw and not found.stale),
            None,
        )  # fmt: skip
    return FormFacts(flavors, taken, secrets, entry, moved)


def secret_references(session: Session) -> tuple[str, ...]:
    """References that the active stack's secrets manager can resolve, as `{{aws.key}}`; none where there is no stack,
    no manager, or one that does not answer: names can still be typed. Blocks."""
    from stacktui.operations.secret import list_

    try:
        found = list_(session).secrets
    except Exception:
        return ()
    return tuple("{{" + f"{row.name}.{key}" + "}}" for row in found if row.exists for key in row.keys)


def open_draft(
    session: Session, category: Category, name: str | None, clone: bool, wanted: str | None = None
) -> Opening:
    """What a form of a new component (`name` None), of an existing one, or of a copy starts with. Blocks.

    Raises `OperationError` for a component that is not there or whose file cannot be read as it is now.
    """
    from stacktui.operations.errors import OperationError

    facts = read_facts(session, category, name)
    source: Component | None = None
    if name is not None:
        entry = facts.entry or session.component(category, name)
        if entry.stale:
            raise OperationError(
                f"{category}/{name}: its file cannot be read as it is now; E opens it in your editor"
            )
        source = entry.value
    adding = source is None or clone
    draft = Draft(category, source, adding, facts.flavors)
    flavor = source.flavor if source else wanted or _first_flavor(session, category, facts)
    draft.start(
        _free_name(name, facts.taken) if clone and name else name or "",
        flavor,
        model_of(session, category, flavor),
    )
    return Opening(facts, draft)


def _first_flavor(session: Session, category: Category, facts: FormFacts) -> str:
    """The flavor that a new component starts with: one that needs nothing installed, if there is one."""
    for source in session.registry().of(category):
        if not source.missing_packages():
            return source.id.name
    return facts.flavors[0].text if facts.flavors else ""


def _free_name(name: str, taken: frozenset[str]) -> str:
    stem = f"{name[:56]}-copy"
    return next(
        found for found in (stem, *(f"{stem}-{number}" for number in range(2, 10_000))) if found not in taken
    )


def model_of(session: Session, category: Category, flavor: str) -> type[FlavorConfig] | None:
    """A flavor's config model; None where it is unknown or does not load. Blocks: imports the flavor."""
    from stacktui.categories.flavor import FlavorBroken

    try:
        return session.registry().load(category, flavor).Config
    except (KeyError, FlavorBroken):
        return None
