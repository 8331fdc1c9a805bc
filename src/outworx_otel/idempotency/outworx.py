"""`outworx://host:4318`: keys in `outworx serve`, by the calls of the published SDK and a few fields more."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import unquote, urlsplit

import msgspec

from outworx_otel.errors import ConfigurationError, StoreError
from outworx_otel.http.authorization import basic
from outworx_otel.http.body import UNREADABLE
from outworx_otel.http.bounded_client import BoundedClient, BrokenOff, Reply, TooLate
from outworx_otel.http.certificates import trust
from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import StoredAnswer
from outworx_otel.idempotency.store_address import StoreAddress
from outworx_otel.process import environment

_PORT: Final = 4318
# Longer than a delivery's budget: it is made in the background all the same, and the next delivery has it.
_CONNECT_SECONDS: Final = 2.0
_LEASE_OF_OTHERS: Final = 30.0
# The server keeps 256 KiB of an answer's body; in base64, with its headers.
_MAX_ANSWER: Final = 1024 * 1024


class _CheckReply(msgspec.Struct):
    """From `lease_left` on only `outworx serve` says it."""

    status: Literal["new", "in_progress", "duplicate"]
    cached_status_code: int = 200
    cached_body: str | None = None
    lease_left: float = _LEASE_OF_OTHERS
    headers: tuple[tuple[str, str], ...] = ()
    body_base64: str | None = None
    fingerprint: str = ""
    trace_id: str = ""
    span_id: str = ""


class _HeldReply(msgspec.Struct):
    ok: bool


class OutworxBackend:
    """Keys in a server that several machines share, one call for each operation, over a few kept connections.

    Args:
        address: `outworx://[key@]host[:port]`, `outworxs://` for HTTPS; without a host the origin of
            OUTWORX_ENDPOINT. A key in the environment serves where the URL has none.
        budget: seconds that one answer may take.
        connections: at most.
        tls: HTTPS, whatever the scheme says.
        environ: environment variables; None is the process's own.

    Raises:
        ConfigurationError: no host anywhere, or a key that cannot stand in a header.
    """

    def __init__(
        self,
        address: StoreAddress,
        *,
        budget: float,
        connections: int,
        tls: bool = False,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        parts = urlsplit(address.url)
        key = unquote(parts.username or "")
        self._tls = tls or parts.scheme.lower() == "outworxs"
        if parts.query:
            raise ConfigurationError(
                f"idempotency_store {address.shown}: takes tls and connections, and nothing else"
            )
        if not parts.hostname:
            parts = _endpoint(environment.text(*environment.ENDPOINT, environ=environ) or "")
            self._tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80 if parts.scheme == "http" else _PORT)
        self._path = parts.path.rstrip("/").removesuffix("/api/ingest") + "/api/sdk/"
        self._query = f"?{parts.query}" if parts.query else ""
        self._key = _checked(key or environment.text(*environment.API_KEY, environ=environ) or "")
        self._authorization = f"Bearer {self._key}" if self._key else basic(parts)
        self._shown = f"outworx{'s' if self._tls else ''}://{self._host}:{self._port}"
        host = f"[{self._host}]" if ":" in self._host else self._host
        self._base = f"http{'s' if self._tls else ''}://{host}:{self._port}{self._path}"
        self._budget = budget
        self._connections = connections
        self._environ = environ
        self.after_fork()

    def after_fork(self) -> None:
        """See `Backend.after_fork`."""
        # Dropped without a word: closing a plain socket tells the server nothing while the parent has it.
        self._client = BoundedClient(
            lambda: trust(environ=self._environ), connections=self._connections, environ=self._environ
        )

    def __str__(self) -> str:
        return self._shown

    def claim(self, key: str, token: str, lease: float) -> Claim:
        """See `BlockingStore.claim`."""
        said = _read(
            self._call("idempotency/check", {"key": key, "token": token, "lease": lease}), _CheckReply
        )
        if said.status == "new":
            return Claimed(token)
        if said.status == "in_progress":
            return InProgress(said.lease_left)
        return Completed(
            StoredAnswer(
                said.cached_status_code,
                said.headers,
                _body(said),
                said.fingerprint,
                said.trace_id,
                said.span_id,
            )
        )

    def renew(self, key: str, token: str, lease: float) -> bool:
        """See `BlockingStore.renew`."""
        return self._ok("idempotency/renew", {"key": key, "token": token, "lease": lease})

    def complete(self, key: str, token: str, answer: StoredAnswer, ttl: float) -> bool:
        """See `BlockingStore.complete`."""
        body = None if answer.body is None else base64.b64encode(answer.body).decode()
        return self._ok(
            "idempotency/complete",
            {
                "key": key,
                "token": token,
                "ttl": ttl,
                "response_status_code": answer.status,
                "headers": answer.headers,
                "body_base64": body,
                "fingerprint": answer.fingerprint,
                "trace_id": answer.trace_id,
                "span_id": answer.span_id,
            },
        )

    def release(self, key: str, token: str) -> bool:
        """See `BlockingStore.release`."""
        return self._ok("idempotency/release", {"key": key, "token": token})

    def check(self) -> None:
        """See `Backend.check`."""
        self._call("verify", {})

    def tidy(self) -> bool:
        """See `Backend.tidy`: the server does it."""
        return False

    def explain(self, error: BaseException) -> str:
        """See `Backend.explain`."""
        text = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        return text.replace(self._key, "***") if self._key else text

    def close(self) -> None:
        """See `Backend.close`."""
        self._client.close()

    def _ok(self, call: str, document: dict[str, Any]) -> bool:
        held: _HeldReply = _read(self._call(call, document), _HeldReply)
        return held.ok

    def _call(self, call: str, document: dict[str, Any]) -> bytes:
        body = msgspec.json.encode(document)
        try:
            reply = self._post(call, body)
        except BrokenOff:
            # It was restarted since the last operation, and closed what was kept. Each call may be made twice.
            reply = self._post(call, body)
        status = reply.status
        if status == 200:
            return reply.body
        if status == 403 and reply.problem is not None:
            raise StoreError(f"{self}: {reply.problem}")
        if status in (401, 403):
            raise StoreError(
                f"{self}: the API key is not taken ({status}): set OUTWORX_API_KEY to one of the server's"
            )
        if status == 404:
            raise StoreError(
                f"{self}: there is no /api/sdk/{call} (404): is it `outworx serve`, a recent one?"
            )
        if status in (408, 429) or status >= 500:
            raise ConnectionError(f"answered {status}")
        raise StoreError(f"{self}: /api/sdk/{call} was answered {status}")

    def _post(self, call: str, body: bytes) -> Reply:
        headers = {"content-type": "application/json"}
        if self._authorization:
            headers["authorization"] = self._authorization
        try:
            reply = self._client.call(
                "POST",
                self._base + call + self._query,
                headers.items(),
                body,
                seconds=self._budget,
                connecting=_CONNECT_SECONDS,
                most=_MAX_ANSWER,
            )
            if reply.failure is not None:
                raise reply.failure
        except TooLate as error:
            raise TimeoutError(str(error)) from error
        return reply


def _endpoint(url: str) -> Any:
    parts = urlsplit(url if "://" in url else "")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigurationError(
            f"idempotency_store: outworx:// without a host takes that of {environment.ENDPOINT[0]}, which is "
            f"{'no URL' if url else 'not set'}: name the server, e.g. outworx://localhost:{_PORT}"
        )
    return parts


def _checked(key: str) -> str:
    key = key.strip().strip("\"'")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise ConfigurationError(
            "idempotency_store: the API key has characters that cannot stand in a header: copy it again"
        )
    return key


def _read(answer: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(answer, type=kind)
    except UNREADABLE as error:
        raise StoreError(f"the answer is none of `outworx serve`: {error}") from error


def _body(said: _CheckReply) -> bytes | None:
    if said.body_base64 is None:
        return None if said.cached_body is None else said.cached_body.encode()
    try:
        return base64.b64decode(said.body_base64, validate=True)
    except binascii.Error as error:
        raise StoreError("the answer's body is no base64") from error
