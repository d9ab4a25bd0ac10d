"""API keys as people send them go in, who may do what comes out; the file holds only their hashes.

A key is 32 random bytes, so one SHA-256 is as strong as the key itself: no list of likely keys could be tried against it.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, final

from hannun.errors import InputError, MissingError, StorageError, neighbours
from hannun.files import write_whole

SCOPES = ("read", "write")
_PREFIX = "hn_"
_LENGTH = 32  # bytes of a secret
_MODE = 0o600  # for its owner's eyes only
_HASH = re.compile(r"[0-9a-f]{64}")
log = logging.getLogger("hannun.keys")


@dataclass(frozen=True)
class Key:
    """One key as it is kept: `hash` is the hex SHA-256 of what its owner sends; `rate` requests per minute, 0 for the service's own."""

    name: str
    hash: str
    scopes: tuple[str, ...]
    rate: float = 0.0
    made: str = ""


@final
class Keys:
    """A file of keys; read again when it has changed, so that a revoked key stops working without a restart."""

    def __init__(self, file: Path) -> None:
        self._file, self._lock = file, threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, Key] = {}
        self._looked = 0.0
        self._read()

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def kept(self) -> bool:
        """Whether there is a file of keys, with or without a key in it."""
        return self._stamp is not None

    def of(self, sent: str) -> Key | None:
        """The key that was sent, if there is such a one."""
        if time.monotonic() - self._looked > 1:
            self._read()
        return self._keys.get(hashlib.sha256(sent.encode("utf-8", "replace")).hexdigest())

    def add(self, name: str, scopes: Sequence[str], rate: float = 0.0) -> str:
        """Make a key and return it: the only time that it can be seen. Raises InputError for a taken name or an unknown scope."""
        if not name.strip() or not name.isprintable():
            raise InputError(f"the name {name!r} came, expected printable characters")
        if any(k.name == name for k in self._keys.values()):
            raise InputError(f"there is a key named {name!r} already; revoke it first, or take another name")
        for scope in scopes:
            if scope not in SCOPES:
                raise InputError(f"the scope {scope!r} came; {neighbours(scope, SCOPES)}")
        if not scopes or rate < 0:
            raise InputError("expected at least one scope, and a rate of 0 or more")
        sent = _PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        key = Key(name, hashlib.sha256(sent.encode()).hexdigest(), tuple(sorted(set(scopes))), rate, made)
        self._write({**self._keys, key.hash: key})
        return sent

    def revoke(self, name: str) -> None:
        """Forget a key. Raises MissingError."""
        left = {h: k for h, k in self._keys.items() if k.name != name}
        if len(left) == len(self._keys):
            raise MissingError(f"{self._file}: has no key named {name!r}; {neighbours(name, [k.name for k in self._keys.values()])}")
        self._write(left)

    def all(self) -> list[Key]:
        """Every key, by name."""
        return sorted(self._keys.values(), key=lambda k: k.name)

    def _read(self) -> None:
        with self._lock:
            self._looked = time.monotonic()
            try:
                stat = self._file.stat()
            except OSError:
                # A file that is gone means no keys at the start, but never an open door later.
                if self._stamp is not None:
                    self._keys = {}
                return
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp == self._stamp:
                return
            try:
                found = [_key(row) for row in json.loads(self._file.read_text("utf-8"))["keys"]]
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as e:
                said = f"{self._file}: is not a file of keys ({e}); restore it, or delete it and make new keys"
                if self._stamp is None:
                    raise StorageError(said) from None
                log.error("the file of keys cannot be read; those that were known stay", extra={"fields": {"error": said}})
                self._stamp = stamp  # told once for each change
                return
            self._keys, self._stamp = {k.hash: k for k in found}, stamp

    def _write(self, keys: dict[str, Key]) -> None:
        write_whole(self._file, json.dumps({"keys": [asdict(k) for k in keys.values()]}, ensure_ascii=False, indent=1).encode(), _MODE)
        self._keys = keys


def _key(row: dict[str, Any]) -> Key:
    """A key as the file has it. Raises ValueError where a value cannot be one's."""
    key = replace(Key(**row), scopes=tuple(row["scopes"]))
    if not _HASH.fullmatch(key.hash) or not key.scopes or not set(key.scopes) <= set(SCOPES) or isinstance(row["scopes"], str):
        raise ValueError(f"the key {key.name!r} has a hash or scopes that no key has")
    if isinstance(key.rate, bool) or not isinstance(key.rate, int | float) or key.rate < 0:
        raise ValueError(f"the key {key.name!r} has the rate {key.rate!r}")
    return key


@final
class Signer:
    """Signs short texts with a secret kept in a file, so that an <img> can show a picture without sending a key."""

    def __init__(self, file: Path) -> None:
        try:
            self._secret = file.read_bytes()
        except FileNotFoundError:
            self._secret = secrets.token_bytes(_LENGTH)
            write_whole(file, self._secret, _MODE)
        except OSError as e:
            raise StorageError(f"{file}: cannot be read ({e.strerror}); make it readable for who runs the service") from None
        if len(self._secret) < _LENGTH or len(set(self._secret)) < 8:  # a crash leaves files empty, or full of zeros
            raise StorageError(
                f"{file}: is no secret that links could be signed with ({len(self._secret)} bytes, expected {_LENGTH} random ones); "
                "delete it and start again: a new one is made, and pages that are open have to be loaded anew"
            )

    def sign(self, text: str) -> str:
        """`text` with its signature, in characters that a URL takes."""
        said = text.encode("utf-8", "surrogatepass")
        return f"{_b64(said)}.{_b64(self._mac(said))}"

    def read(self, token: str) -> str:
        """The text that was signed. Raises MissingError for anything else."""
        body, _, mac = token.partition(".")
        with contextlib.suppress(ValueError):
            said, given = (base64.urlsafe_b64decode(p + "=" * (-len(p) % 4)) for p in (body, mac))
            if hmac.compare_digest(given, self._mac(said)):
                return said.decode("utf-8", "surrogatepass")
        raise MissingError("no such picture")

    def _mac(self, said: bytes) -> bytes:
        return hmac.digest(self._secret, said, "sha256")[:16]


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
