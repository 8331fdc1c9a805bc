"""Where a signing secret comes from: code, the environment, a file that may change, or a function of the request."""

from __future__ import annotations

import os
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import Any, Final

from outworx_otel.errors import ConfigurationError

Secrets = tuple[str | bytes, ...]

_MAX_FILE: Final = 64 * 1024
_LOOK_AGAIN: Final = 1.0
_REMEMBERED: Final = 60.0
# A tenant that was made a moment ago must not wait for a minute.
_NOTHING_REMEMBERED: Final = 5.0
_MAX_REMEMBERED: Final = 1024


def several(given: Any) -> Secrets:
    """One secret or a list of them, as a tuple without empty ones; `()` for None.

    Raises:
        TypeError: it is neither text nor bytes nor a list of them.
    """
    if given is None:
        return ()
    secrets = (given,) if isinstance(given, str | bytes) else given
    if not isinstance(secrets, Sequence) or not all(isinstance(one, str | bytes) for one in secrets):
        raise TypeError(f"it gave a {type(given).__name__}: a secret is text, bytes or a list of them")
    return tuple(one for one in secrets if one.strip())


def texts(given: str | Sequence[str]) -> tuple[str, ...]:
    """One text or several, as a tuple."""
    return (given,) if isinstance(given, str) else tuple(given)


def from_environment(
    names: str | Sequence[str],
    option: str = "signature_secret_env",
    remedy: str = "the provider's signing secret, or leave the option out to run without verification",
) -> tuple[str, ...]:
    """What these variables hold.

    Args:
        names: of one or several.
        option: that names them.
        remedy: what to set them to, for the message.

    Raises:
        ConfigurationError: one is unset or empty; the message names it.
    """
    secrets = []
    for name in texts(names):
        secret = os.environ.get(name, "")
        if not secret.strip():
            raise ConfigurationError(
                f"the environment variable {name} ({option}) is not set; set it to {remedy}"
            )
        secrets.append(secret)
    return tuple(secrets)


class SecretFile:
    """A secret in a file, as Kubernetes and Docker mount it; read again when the file changes.

    Args:
        path: relative to where the process runs.

    `told`, once set, is given what is wrong with the file, each time that this changes.
    """

    __slots__ = ("_identity", "_looked", "_path", "_problem", "_secrets", "told")

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path).absolute()
        self.told: Callable[[str], object] | None = None
        self._identity: tuple[int, int, int] | None = None
        self._looked = -_LOOK_AGAIN
        self._secrets: Secrets = ()
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """Why there is no secret, or None."""
        self.read()
        return self._problem

    def read(self) -> Secrets:
        """The secret as it stands there, looked at once a second at most; `()` where there is none."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_AGAIN:
            self._looked = now
            self._look()
        return self._secrets

    def _look(self) -> None:
        try:
            state = self._path.stat()
            identity = (state.st_mtime_ns, state.st_ino, state.st_size)
            if identity == self._identity:
                return
            with self._path.open("rb") as file:
                raw = file.read(_MAX_FILE + 1)
        except OSError as error:
            self._set(None, (), f"cannot be read: {error.strerror}")
            return
        text = raw.rstrip(b"\r\n")
        if not text.strip():
            self._set(identity, (), "is empty")
        elif len(raw) > _MAX_FILE:
            self._set(identity, (), f"is larger than {_MAX_FILE} bytes")
        else:
            self._set(identity, (_text(text),), None)

    def _set(self, identity: tuple[int, int, int] | None, secrets: Secrets, problem: str | None) -> None:
        self._identity, self._secrets = identity, secrets
        said = None if problem is None else f"signature_secret_file {self._path} {problem}"
        if said is not None and said != self._problem and self.told is not None:
            self.told(said)
        self._problem = said


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


class SecretMemory:
    """What a function gave for an address, for a minute, and for 1024 addresses at most."""

    __slots__ = ("_kept", "_lock")

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, Secrets]] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, address: Hashable) -> Secrets | None:
        """What was given for this address; None where it must be asked for."""
        with self._lock:
            kept = self._kept.get(address)
            if kept is None:
                return None
            until, secrets = kept
            if time.monotonic() >= until:
                del self._kept[address]
                return None
            self._kept.move_to_end(address)
            return secrets

    def keep(self, address: Hashable, secrets: Secrets) -> None:
        """Remembers it."""
        until = time.monotonic() + (_REMEMBERED if secrets else _NOTHING_REMEMBERED)
        with self._lock:
            self._kept[address] = until, secrets
            self._kept.move_to_end(address)
            while len(self._kept) > _MAX_REMEMBERED:
                self._kept.popitem(last=False)
