"""Fixtures: an environment that says nothing of networks, a private authority, servers and proxies."""

from __future__ import annotations

import contextlib
import os
import ssl
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from .parts import Listening, Proxy, Talk

_ABOUT_NETWORKS = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        about = name in _ABOUT_NETWORKS or name.lower().endswith("_proxy")
        if about or name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)


def _subject_hash(file: Path) -> str:
    done = subprocess.run(  # noqa: S603  # our own file
        ["openssl", "x509", "-subject_hash", "-noout", "-in", str(file)],  # noqa: S607  # wherever it is
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


class Authority:
    """A company's own authority, whose certificate is in a file."""

    def __init__(self, folder: Path) -> None:
        self._authority = trustme.CA()
        self.file = folder / "company.pem"
        self._authority.cert_pem.write_to_path(str(self.file))
        # As `openssl rehash` leaves it.
        self.hashed = folder / "hashed"
        self.hashed.mkdir()
        self._authority.cert_pem.write_to_path(str(self.hashed / f"{_subject_hash(self.file)}.0"))

    def context(self, *names: str) -> ssl.SSLContext:
        """TLS for a server of these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert(*(names or ("127.0.0.1", "localhost", "outworx.test"))).configure_cert(
            context
        )
        return context


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority that a test's servers have their certificates from."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def started() -> Iterator[contextlib.ExitStack]:
    """Stops whatever a test has started."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def listen(started: contextlib.ExitStack) -> Callable[..., Listening]:
    """Starts a server."""

    def start(talk: Talk, context: ssl.SSLContext | None = None) -> Listening:
        listening = Listening(talk, context)
        started.callback(listening.stop)
        return listening

    return start


@pytest.fixture
def proxy(started: contextlib.ExitStack) -> Callable[..., Proxy]:
    """Starts a proxy."""

    def start(to: int, **more: Any) -> Proxy:
        made = Proxy(to, **more)
        started.callback(made.stop)
        return made

    return start
