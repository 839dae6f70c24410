"""Who does something here: the user, the host, and the way in. Stands on every edit of the journal and in the audit list."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from stacktui.categories.process_mark import host_name, user_name


class Who(NamedTuple):
    """One person at one place."""

    user: str
    host: str
    origin: str = ""
    """The address that an SSH session comes from; empty for one that began on this host."""


def whoami(environ: Mapping[str, str] | None = None) -> Who:
    """The one who runs this process."""
    environ = os.environ if environ is None else environ
    connection = environ.get("SSH_CONNECTION", environ.get("SSH_CLIENT", ""))
    return Who(user_name(), host_name(), connection.split(" ", 1)[0])
