"""Whose certificates are trusted: one answer for everything of ours that calls a server over TLS.

SSL_CERT_FILE, SSL_CERT_DIR, REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE stand in for the public authorities, all that are
set together: each of them is what some other tool reads, and a company sets the one that it knows. What
OTEL_EXPORTER_OTLP_CERTIFICATE or an option such as `--ca-bundle` names is trusted as well.
"""

from __future__ import annotations

import dataclasses
import os
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
            # `create_default_context` takes the system's where it is given none.
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            # An intermediate authority's certificate will do, as it does for curl.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        places = [
            (name, path)
            for name, value in self.named
            for path in (value.split(os.pathsep) if name == "SSL_CERT_DIR" else [value])
        ]
        for name, path in places:
            _load(name, path, context, alone=len(places) == 1)
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


def _load(name: str, path: str, context: ssl.SSLContext, alone: bool) -> None:
    """Adds the certificates of a file or a folder to a context."""
    place = Path(path)
    try:
        if not place.is_dir():
            context.load_verify_locations(cafile=path)
            return
        # OpenSSL takes any folder, and finds nothing in this one.
        if alone and not any(_HASHED.fullmatch(entry.name) for entry in place.iterdir()):
            raise ConfigurationError(
                f"{name}: the folder {path} holds no certificates under their hashes: run `openssl rehash {path}`, "
                "or name a file"
            )
        context.load_verify_locations(capath=path)
    except ssl.SSLError:
        raise ConfigurationError(f"{name}: {path} holds no certificates in PEM form") from None
    except FileNotFoundError:
        raise ConfigurationError(f"{name}: there is no file {path}: correct it, or unset it") from None
    except OSError as error:
        raise ConfigurationError(f"{name}: {path} cannot be read: {error.strerror or error}") from None
