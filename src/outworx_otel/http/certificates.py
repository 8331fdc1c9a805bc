"""Whose certificates are trusted: one answer for everything of ours that calls a server over TLS.

SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE stand in for the public authorities, all that are
set together: each of them is what some other tool reads, and a company sets the one that it knows. What
OTEL_EXPORTER_OTLP_CERTIFICATE or an option such as `--ca-bundle` names is trusted as well.
"""

from __future__ import annotations

import dataclasses
import re
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.process.environment import Environ

OTLP_CERTIFICATE: Final = "OTEL_EXPORTER_OTLP_CERTIFICATE"
_INSTEAD_OF_PUBLIC: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_HASHED: Final = re.compile(r"[0-9a-f]{8}\.\d+")


@dataclasses.dataclass(frozen=True)
class Trust:
    """The certificates that a server's is checked by.

    Args:
        named: (variable or option, file or folder) pairs.
        public: whether the system's and certifi's public authorities are trusted too.
    """

    named: tuple[tuple[str, str], ...] = ()
    public: bool = True

    def context(self) -> ssl.SSLContext:
        """Loads them.

        Raises:
            ConfigurationError: a file or folder is missing or holds no certificates; the message names the variable.
        """
        if self.public:
            import certifi

            context = ssl.create_default_context()
            context.load_verify_locations(certifi.where())
        else:
            # With a file of its own it loads nothing else.
            (name, path), *_ = self.named
            context = _loaded(name, path, None)
        for name, path in self.named[0 if self.public else 1 :]:
            _loaded(name, path, context)
        return context

    def __str__(self) -> str:
        named = " and ".join(f"{name}={path}" for name, path in self.named)
        if not named:
            return "the public authorities"
        return f"the public authorities and {named}" if self.public else f"{named} and nobody else"


def trust(*also: tuple[str, str], environ: Environ | None = None) -> Trust:
    """Returns what is trusted.

    Args:
        also: (option, file) pairs that are trusted in addition.
        environ: environment variables; None is the process's own.
    """
    named = _set(_INSTEAD_OF_PUBLIC, environ)
    return Trust((*named, *also, *_set((OTLP_CERTIFICATE,), environ)), public=not named)


def _set(names: Sequence[str], environ: Environ | None) -> list[tuple[str, str]]:
    values = [(name, environment.text(name, environ=environ)) for name in names]
    return [(name, value) for name, value in values if value is not None]


def _loaded(name: str, path: str, into: ssl.SSLContext | None) -> ssl.SSLContext:
    """Adds the certificates of a file or a folder to a context, or to a new one."""
    place = Path(path)
    try:
        folder = place.is_dir()
        if folder and not any(_HASHED.fullmatch(entry.name) for entry in place.iterdir()):
            raise ConfigurationError(
                f"{name}: the folder {path} holds no certificates under their hashes: run `openssl rehash {path}`, "
                "or name a file"
            )
        file, folder_path = (None, path) if folder else (path, None)
        if into is None:
            return ssl.create_default_context(cafile=file, capath=folder_path)
        into.load_verify_locations(file, folder_path)
    except ssl.SSLError:
        raise ConfigurationError(f"{name}: {path} holds no certificates in PEM form") from None
    except FileNotFoundError:
        raise ConfigurationError(f"{name}: there is no file {path}: correct it, or unset it") from None
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read: {error.strerror or error}") from None
    return into
