"""The secrets manager of one user on one host: an encrypted file, its key in the user's data folder.

The file holds one line of JSON (version, cipher, the key's id, the nonce) and then the encrypted secrets.
That line is authenticated along with them: a file that was changed anywhere does not open.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from stacktui.categories.base import FlavorConfig, ProbeResult
from stacktui.categories.errors import ComponentError, NotFound, Unauthorised
from stacktui.categories.flavor import FlavorFacts
from stacktui.categories.homes import from_home
from stacktui.categories.private import belongs_to_group, create_file, make_folder
from stacktui.categories.secrets_manager import SecretEntry, SecretsManager
from stacktui.flavors.local.private import locked, sync_folder, write_whole
from stacktui.flavors.local.probing import check_folder, probe_within
from stacktui.model.base import NAME_RULE, is_name
from stacktui.model.category import Category
from stacktui.model.secretref import SecretRef, SecretValue, references

_VERSION = 1
_CIPHER = "chacha20-poly1305"
_KEY_BYTES = 32
_NONCE_BYTES = 12
_LARGEST_FILE = 64 << 20

_Secrets = dict[str, dict[str, str]]


class LocalSecretsManagerConfig(FlavorConfig):
    """Where a local secrets manager keeps its encrypted file."""

    path: str = Field(
        default="",
        description="The encrypted file, relative to the workspace; left empty, `secrets/NAME.enc` in the "
        "state folder. Its key lies in the user's own data folder and is never in the workspace.",
        json_schema_extra={"format": "path"},
    )
    kept_as: str = Field(
        default="",
        pattern=r"^([a-z0-9][a-z0-9_-]{0,62})?$",
        description="The NAME in `secrets/NAME.enc` where it is not the component's own: a rename sets it, so that "
        "the secrets stay.",
    )


class LocalSecretsManager(SecretsManager):
    """Secrets in one encrypted file (ChaCha20-Poly1305), written whole and durably, one writer at a time."""

    facts = FlavorFacts(
        category=Category.SECRETS_MANAGER,
        name="local",
        summary="an encrypted file, its key beside your user data",
        packages=("cryptography>=43",),
        install="pip install cryptography",
        capabilities=SecretsManager.CAPABILITIES,
    )
    Config = LocalSecretsManagerConfig
    config: LocalSecretsManagerConfig

    @classmethod
    def config_when_renamed(cls, config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        return config if config.get("path") or config.get("kept_as") else {**config, "kept_as": name}

    def list(self) -> list[SecretEntry]:
        return [
            SecretEntry(name=name, keys=tuple(sorted(values)))
            for name, values in sorted(self._read().items())
        ]

    def get(self, name: str) -> Mapping[str, str]:
        secrets = self._read()
        if name not in secrets:
            raise self._unknown(name, secrets)
        return secrets[name]

    def set(self, name: str, values: Mapping[str, str]) -> None:
        _check_names(name, values)
        if not values:
            raise ComponentError(f"nothing to keep in secret {name!r}: give at least one key and its value")
        with self._changing() as secrets:
            secrets.setdefault(name, {}).update(values)

    def delete(self, name: str, key: str | None = None) -> None:
        with self._changing() as secrets:
            if name not in secrets:
                raise self._unknown(name, secrets)
            if key is None:
                del secrets[name]
                return
            if key not in secrets[name]:
                raise NotFound(f"secret {name!r} has no key {key!r}{_meant(key, secrets[name])}")
            del secrets[name][key]
            if not secrets[name]:
                del secrets[name]

    def probe(self, timeout_s: float = 5.0) -> ProbeResult:
        return probe_within(timeout_s, self._look)

    def _look(self) -> str:
        if not self._file.exists():
            check_folder(self._file.parent)
            return "no secrets yet; the first one makes the file and its key"
        count = len(self._read())
        return f"{count} {'secret' if count == 1 else 'secrets'} in {self._file}"

    @property
    def _file(self) -> Path:
        if self.config.path:
            return self.around.workspace / from_home(self.config.path)
        folder = self.around.state / "secrets"
        if self.around.state.is_dir() and belongs_to_group(self.around.state):
            # A group shares runs, not secrets: each user keeps a file of their own.
            folder = folder / str(os.getuid())
        return folder / f"{self.config.kept_as or self.name}.enc"

    def _key_file(self, key_id: str) -> Path:
        return self.around.user_data / "keys" / f"{key_id}.key"

    @contextlib.contextmanager
    def _changing(self) -> Iterator[_Secrets]:
        """The secrets to change in place; they are written when the block ends without an error."""
        lock = self._file.with_name(f".{self._file.name}.lock")
        try:
            with locked(lock, f"the secrets of {self.name!r}"):
                secrets = self._read()
                yield secrets
                self._write(secrets)
        except OSError as error:
            raise ComponentError(
                f"cannot write the secrets of {self.name!r} to {self._file}: {error.strerror or error}"
            ) from None

    def _read(self) -> _Secrets:
        opened = self._open()
        if opened is None:
            return {}
        header, head_line, sealed = opened
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        key = self._key(str(header["key"]))
        try:
            # `from None` throughout: no frame of the decryption, whose locals hold values, is chained.
            plain = ChaCha20Poly1305(key).decrypt(bytes.fromhex(header["nonce"]), sealed, head_line)
        except (InvalidTag, ValueError):
            raise Unauthorised(
                f"the secrets of {self.name!r} do not open: {self._file} was changed, or "
                f"{self._key_file(header['key'])} is not its key; restore both from one backup"
            ) from None
        # As `SecretValue` from the start: not even the locals of a traceback show one.
        return {
            name: {key: SecretValue(value) for key, value in values.items()}
            for name, values in json.loads(plain).items()
        }

    def _open(self) -> tuple[dict[str, Any], bytes, bytes] | None:
        """The header, the bytes of its line and the sealed rest; None where there is no file."""
        try:
            with self._file.open("rb") as file:
                data = file.read(_LARGEST_FILE)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Unauthorised(
                f"the secrets of {self.name!r} cannot be read: {self._file}: {error.strerror}"
            ) from None
        head_line, _, sealed = data.partition(b"\n")
        try:
            header = json.loads(head_line)
            version, cipher = header["stacktui_secrets"], header["cipher"]
            # The id becomes a part of a path: nothing but hexadecimal digits.
            bytes.fromhex(header["key"])
            bytes.fromhex(header["nonce"])
        except (ValueError, TypeError, KeyError):
            raise ComponentError(
                f"{self._file} is not a file of secrets that stacktui wrote: restore it from a backup, "
                f"or move it away and set the secrets again"
            ) from None
        if version != _VERSION or cipher != _CIPHER:
            raise ComponentError(
                f"{self._file} was written by another version of stacktui (format {version}, {cipher}): "
                f"use that version"
            )
        return header, head_line, sealed

    def _write(self, secrets: _Secrets) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

        opened = self._open()
        key_id = str(opened[0]["key"]) if opened else self._new_key()
        nonce = os.urandom(_NONCE_BYTES)
        header = {"stacktui_secrets": _VERSION, "cipher": _CIPHER, "key": key_id, "nonce": nonce.hex()}
        head_line = json.dumps(header).encode()
        plain = json.dumps(secrets, sort_keys=True).encode()
        sealed = ChaCha20Poly1305(self._key(key_id)).encrypt(nonce, plain, head_line)
        write_whole(self._file, head_line + b"\n" + sealed, durable=True, secret=True)

    def _new_key(self) -> str:
        # A new file gets a key of its own: an old key that lies about never opens it, nor is it overwritten.
        key_id = os.urandom(16).hex()
        file = self._key_file(key_id)
        make_folder(file.parent)
        with os.fdopen(create_file(file, secret=True), "wb") as writer:
            writer.write(os.urandom(_KEY_BYTES))
            writer.flush()
            os.fsync(writer.fileno())
        sync_folder(file.parent)
        return key_id

    def _key(self, key_id: str) -> bytes:
        file = self._key_file(key_id)
        try:
            with file.open("rb") as reader:
                mode = stat.S_IMODE(os.fstat(reader.fileno()).st_mode)
                key = reader.read(_KEY_BYTES + 1)
        except FileNotFoundError:
            raise Unauthorised(
                f"the key of {self.name!r}'s secrets is missing: put {file} back from where they were set, "
                f"or move {self._file} away and set them again"
            ) from None
        except OSError as error:
            raise Unauthorised(
                f"the key of {self.name!r}'s secrets cannot be read: {file}: {error.strerror}"
            ) from None
        if mode & 0o077:
            raise Unauthorised(
                f"the key {file} is open to others (mode {mode:04o}): run `chmod 600` on it, and set new "
                f"values if somebody else may have read it"
            )
        if len(key) != _KEY_BYTES:
            raise Unauthorised(f"{file} is not a key that stacktui made: put it back from a backup")
        return key

    def _unknown(self, name: str, secrets: _Secrets) -> NotFound:
        return NotFound(
            f"there is no secret {name!r} in {self.name!r}{_meant(name, secrets)}; "
            f"`stacktui secret set {name} KEY` makes it"
        )


def _check_names(name: str, values: Mapping[str, str]) -> None:
    if not is_name(name):
        raise ComponentError(f"{name!r} cannot name a secret: a name has {NAME_RULE}")
    for key, value in values.items():
        if references("{{" + f"{name}.{key}" + "}}") != [SecretRef(name, key)]:
            raise ComponentError(
                f"{key!r} cannot be a key of secret {name!r}: use letters, digits, '_', '.' and '-', "
                f"at most 128, starting with a letter, a digit or '_'"
            )
        if not isinstance(value, str):
            raise ComponentError(f"the value of {name}.{key} is not text")


def _meant(word: str, known: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
