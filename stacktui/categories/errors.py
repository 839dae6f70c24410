"""How components say that something did not work. Messages are one line, for people, with the next step."""

from __future__ import annotations


class ComponentError(Exception):
    """A component could not do what was asked. The message says what happened, where, and what to do next."""


class Unsupported(ComponentError):
    """The flavor cannot do this at all: the capability is not among those that it declares."""


class NotFound(ComponentError):
    """What was asked for does not exist there."""


class DigestMismatch(ComponentError):
    """Stored content is not what was put: torn by a power loss, or changed. A cached step counts as not cached."""


class Unreachable(ComponentError):
    """Nothing answered at the component's address within the time limit."""


class Unauthorised(ComponentError):
    """The component answered and refused the credentials."""


class StoreBusy(ComponentError):
    """The metadata store was locked for longer than the caller may wait."""


class StoreVersion(ComponentError):
    """The metadata store was written by another version of stacktui."""
