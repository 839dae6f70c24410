"""Foreign configuration without what looks like a credential, for comments and reports. Used by `zenml`.

Exports hold credentials in clear, and a comment in a file of the workspace must not. What hides too much costs a
look into the exported file; what hides too little costs a credential.
"""

from __future__ import annotations

import re
from typing import Any

from stacktui.operations.fields import MASK

_WORD = re.compile(
    r"key|secret|token|passw|pwd|credential|auth|dsn|webhook|connection_?string|sas\b|private|cert",
    re.IGNORECASE,
)
_NAMES_A_SECRET = frozenset({"authentication_secret"})
# Their values say where a credential is, not what it is.
_ANY_REFERENCE = re.compile(r"\{\{\s*[^\s.{}]+\.[^\s{}]+\s*\}\}")
_LOGIN_IN_URL = re.compile(r"(?<=://)[^/\s@]+@")
_KEY_IN_TEXT = re.compile(r"-----BEGIN|[\"'][^\"']*(?:key|secret|token|passw)[^\"']*[\"']\s*:", re.IGNORECASE)


def is_secret_name(name: str) -> bool:
    """Whether a field of this name is likely to hold a credential."""
    return name not in _NAMES_A_SECRET and _WORD.search(name) is not None


def is_reference(text: Any) -> bool:
    """Whether a value is nothing but a reference to a secret, as ZenML writes them."""
    return isinstance(text, str) and _ANY_REFERENCE.fullmatch(text.strip()) is not None


def holds_secret(value: Any, name: str = "") -> bool:
    """Whether something in a value is hidden by `hidden`."""
    return bool(hidden(value, name) != value)


def hidden(value: Any, name: str = "", secret: bool = False) -> Any:
    """A copy with stars where a credential stands or could. `secret` says that all of it is one."""
    secret = secret or is_secret_name(name)
    if isinstance(value, dict):
        return {key: hidden(item, str(key), secret) for key, item in value.items()}
    if isinstance(value, list):
        return [hidden(item, "", secret) for item in value]
    if value is None or value == "" or isinstance(value, bool) or is_reference(value):
        return value
    if secret:
        return MASK
    if isinstance(value, str):
        if _KEY_IN_TEXT.search(value):
            return MASK
        return _LOGIN_IN_URL.sub(f"{MASK}@", value)
    return value
