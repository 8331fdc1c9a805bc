"""Where providers publish their keys, here: an HTTPS server on this machine, with an authority of the tests' own.

What is asked for at port 443 of any host comes to it, over TLS that is checked as ever.
"""

from __future__ import annotations

import contextlib
import datetime
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpcore
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from outworx_otel.http import bounded_client
from outworx_otel.signatures import set_key_fetcher
from outworx_otel.signatures.published.keyring import forget_keys

HOSTS = (
    "sns.eu-west-1.amazonaws.com",
    "sns.cn-north-1.amazonaws.com.cn",
    "api.paypal.com",
    "api.sandbox.paypal.com",
    "production.plaid.com",
    "sandbox.plaid.com",
    "www.googleapis.com",
    "s3.amazonaws.com",
    "api.ebay.com",
    "api.sandbox.ebay.com",
    "login.botframework.com",
    "keys.example.com",
)


@dataclass
class Asked:
    """One request that came."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Published:
    """What is published at an address, or what the server does there."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    # Whoever asks waits until it is set.
    after: threading.Event | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Whoever does not trust its certificate, or stops waiting, goes away in the middle."""


class KeyServer:
    """The server, what it has, and who asked for what."""

    def __init__(self, authority: trustme.CA) -> None:
        self.authority = authority
        self.signing = Authority()
        self.published: dict[str, Published | Callable[[Asked], Published]] = {}
        self.asked: list[Asked] = []
        self.reachable = True
        self.came = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                length = int(self.headers.get("content-length") or 0)
                url = f"https://{self.headers['host']}{self.path}"
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(self.command, url, headers, self.rfile.read(length))
                server.asked.append(asked)
                server.came.set()
                found = server.published.get(url, Published(b"nothing here", 404))
                found = found(asked) if callable(found) else found
                if found.after is not None:
                    found.after.wait(30)
                with contextlib.suppress(OSError):
                    self.send_response(found.status)
                    for name, value in {**found.headers, "Content-Length": str(len(found.body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    if self.command != "HEAD":
                        self.wfile.write(found.body)

            do_GET = do_POST = do_HEAD = answer

            def log_message(self, *_: Any) -> None:
                pass

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*HOSTS).configure_cert(context)
        self._http = _Server(("127.0.0.1", 0), Handler)
        self._http.socket = context.wrap_socket(
            self._http.socket, server_side=True, do_handshake_on_connect=False
        )
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    @property
    def urls(self) -> list[str]:
        """What was asked for, in order."""
        return [asked.url for asked in self.asked]

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()


@pytest.fixture(scope="session")
def _running_key_server() -> Iterator[KeyServer]:
    server = KeyServer(trustme.CA())
    yield server
    server.stop()


@pytest.fixture
def key_server(
    _running_key_server: KeyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[KeyServer]:
    """The server with nothing published yet, and a process that knows no key."""
    server = _running_key_server
    server.published, server.asked, server.reachable = {}, [], True
    server.came.clear()
    authority = tmp_path / "key-authority.pem"
    authority.write_bytes(server.authority.cert_pem.bytes() + server.signing.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    connect = httpcore.SyncBackend.connect_tcp

    def connect_here(self: Any, host: str, port: int, *rest: Any, **more: Any) -> Any:
        assert (host, port) == ("127.0.0.1", 443), "only what is looked up, and the default port"
        if not server.reachable:
            raise httpcore.ConnectError("connection refused")
        return connect(self, host, server.port, *rest, **more)

    monkeypatch.setattr(bounded_client, "addresses", lambda *_: ["127.0.0.1"])
    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect_here)
    forget_keys()
    yield server
    for found in server.published.values():
        if isinstance(found, Published) and found.after is not None:
            found.after.set()
    set_key_fetcher(None)
    forget_keys()


class Authority:
    """Issues certificates that a strict reader takes; trustme's, which are for servers here, are not."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "the tests' authority")])
        may = x509.BasicConstraints(ca=True, path_length=0)
        usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        built = self._built(self._name, self._key.public_key(), days=365)
        built = built.add_extension(may, critical=True).add_extension(usage, critical=True)
        self.pem = built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def issue(self, key: rsa.RSAPublicKey, name: str, days: int = 30) -> bytes:
        """A certificate for a key and a name; of one that is over, `days` is negative."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        built = self._built(subject, key, days)
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        own = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        built = built.add_extension(names, critical=False).add_extension(own, critical=False)
        built = built.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        return built.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def _built(self, subject: x509.Name, key: rsa.RSAPublicKey, days: int) -> x509.CertificateBuilder:
        today = datetime.datetime.now(datetime.timezone.utc)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(today - datetime.timedelta(days=60))
            .not_valid_after(today + datetime.timedelta(days=days))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
        )


@dataclass(frozen=True)
class Signer:
    """A provider's private key, and the certificate that it publishes."""

    private: rsa.RSAPrivateKey
    certificate: bytes


def make_signer(days: int = 30, name: str = "sns.amazonaws.com") -> Signer:
    """A key of 2048 bits with a certificate that says so itself; of one that is over, `days` is negative."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    today = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=60))
        .not_valid_after(today + datetime.timedelta(days=days))
        .sign(private, hashes.SHA256())
    )
    return Signer(private, certificate.public_bytes(serialization.Encoding.PEM))


@pytest.fixture(scope="session")
def signer() -> Signer:
    """One key for all tests that need but one: making one takes its time."""
    return make_signer()


@pytest.fixture(scope="session")
def another_signer() -> Signer:
    """A second one, for rotation and for strangers."""
    return make_signer()
