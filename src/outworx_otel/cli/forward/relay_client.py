"""The calls to the tunnel's server: in the format of old servers, or byte for byte where it can."""

from __future__ import annotations

import asyncio
import secrets
import ssl
from collections.abc import Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, Pairs, TunnelledRequest
from outworx_otel.http.bounded_client import untrusted
from outworx_otel.http.certificates import trust
from outworx_otel.http.proxies import Proxy, proxy_for
from outworx_otel.version import __version__

T = TypeVar("T")

# Servers hold a poll open for 25 s. Where nothing has come after this, the connection is dead, and nobody said so.
_SILENCE: Final = 29.0
_TIMEOUT: Final = httpx.Timeout(10.0, read=20.0, write=20.0)
# Times the silence that is allowed: many bodies over a slow line take a while.
_CALL_MAY_LAST: Final = 10
_END_TIMEOUT: Final = httpx.Timeout(3.0)
_MAX_MESSAGE: Final = 300


class RelayError(Exception):
    """A call to the relay failed.

    Args:
        message: what happened, for people.
        status: the HTTP status; None where there was no answer.
        wait: seconds that the server asks to wait.
    """

    def __init__(self, message: str, status: int | None = None, wait: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait

    @property
    def session_is_gone(self) -> bool:
        """Returns whether a new session would help."""
        return self.status in (404, 410)

    @property
    def is_refusal(self) -> bool:
        """Returns whether asking again is pointless."""
        return self.status in (400, 401, 402, 403, 405, 422)


class OpenedSession(msgspec.Struct, frozen=True):
    """The answer to opening a session; only newer servers send `resume` and `waiting`."""

    sessionId: str
    ingressUrl: str
    expiresAt: str = ""
    resume: str | None = None
    waiting: int | None = None


class _Event(msgspec.Struct, frozen=True):
    id: str
    method: str = "POST"
    path: str | None = None
    query_string: str | None = None
    headers: list[tuple[str, str]] | None = None
    body_base64: bytes | None = None
    request_headers: dict[str, Any] | None = None
    request_body: Any = None
    received_at: str | None = None
    expires_in: float | None = None

    def delivery(self) -> TunnelledRequest:
        path = self.path or "/"
        return TunnelledRequest(
            self.id,
            self.method,
            path if path.startswith("/") else f"/{path}",
            (self.query_string or "").removeprefix("?"),
            self._pairs(),
            self._body(),
            self.received_at or "",
            30.0 if self.expires_in is None else self.expires_in,
        )

    def _pairs(self) -> Pairs:
        if self.headers is not None:
            return tuple(self.headers)
        pairs: list[tuple[str, str]] = []
        for name, value in (self.request_headers or {}).items():
            pairs += [(name, str(one)) for one in (value if isinstance(value, list) else [value])]
        return tuple(pairs)

    def _body(self) -> bytes:
        if self.body_base64 is not None:
            return self.body_base64
        body = self.request_body
        if body is None:
            return b""
        return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


class Poll(msgspec.Struct, frozen=True):
    """The answer to a poll; the next poll must acknowledge its `batch`."""

    events: list[_Event] = []
    batch: int = 0

    def deliveries(self) -> list[TunnelledRequest]:
        """In order."""
        return [event.delivery() for event in self.events]


class RelayClient:
    """Calls one relay with one API key.

    Args:
        endpoint: scheme, host and port.
        api_key: sent as a Bearer; None for none.
        connections: at once.
        authorities: (option, file) pairs: certificates to trust in addition.
        silence: seconds without a byte after which a poll's connection counts as dead.

    Raises:
        ConfigurationError: the environment names a proxy or certificates that cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        api_key: str | None,
        connections: int = 50,
        *,
        authorities: Sequence[tuple[str, str]] = (),
        silence: float = _SILENCE,
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self.client_id = secrets.token_hex(8)
        headers = {"user-agent": f"outworx-otel/{__version__}", "content-type": "application/json"}
        if api_key:
            headers["authorization"] = f"Bearer {api_key}"
        self._poll_timeout = httpx.Timeout(min(10.0, silence), read=silence)
        self._trust = trust(*authorities)
        self._proxy = proxy_for(self.endpoint)
        encrypted = self.endpoint.startswith("https:")
        through_tls = self._proxy is not None and self._proxy.scheme == "https"
        # Without TLS nothing is verified, and loading the certificates takes its time.
        context = (
            self._trust.context() if encrypted or through_tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        self._client = httpx.AsyncClient(
            headers=headers,
            verify=context,
            proxy=_httpx_proxy(self._proxy, context),
            trust_env=False,
            timeout=_TIMEOUT,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=connections + 8, keepalive_expiry=4.0),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def open(
        self, destination: str, resume: str | None = None, replaces: str | None = None
    ) -> OpenedSession:
        """Opens a session, or resumes one.

        Raises:
            ServerError: it cannot be reached, or refuses.
        """
        call: dict[str, str] = {"destination_url": destination}
        if resume is not None:
            call["resume"] = resume
        if replaces is not None:
            call["replaces"] = replaces
        return _decoded(await self._call("POST", "/api/forward/sessions", call), OpenedSession)

    async def poll(self, session: OpenedSession, acknowledged: int, room: int) -> Poll:
        """Returns the deliveries that have come. The server holds the call open while there are none.

        Raises:
            ServerError: it cannot be reached, or the session is gone.
        """
        asked = f"/api/forward/poll?session={quote(session.sessionId, safe='')}"
        if session.resume is not None:
            asked += f"&client={self.client_id}&ack={acknowledged}&max={room}"
        return _decoded(await self._call("GET", asked, timeout=self._poll_timeout), Poll)

    async def respond(self, session: OpenedSession, delivery: TunnelledRequest, answer: LocalAnswer) -> None:
        """Sends an answer for the caller.

        Raises:
            ServerError: it cannot be reached, or nobody waits any more (404).
        """
        call: dict[str, Any] = {
            "eventId": delivery.id,
            "status": answer.status,
            "durationMs": round(answer.seconds * 1000),
        }
        if session.resume is not None:
            call |= {"headers": answer.headers, "body_base64": answer.body}
        else:
            call |= _as_text(answer)
        await self._call("POST", "/api/forward/responses", call)

    async def end(self, session: OpenedSession) -> None:
        """Closes the session.

        Raises:
            ServerError: it cannot be reached, or knows nothing of it.
        """
        path = f"/api/forward/sessions/{quote(session.sessionId, safe='')}"
        await self._call("DELETE", path, timeout=_END_TIMEOUT)

    async def read(self, path: str) -> dict[str, Any]:
        """Gets a JSON object.

        Raises:
            ServerError: it has not.
        """
        return _decoded(await self._call("GET", path, timeout=_END_TIMEOUT), dict)

    async def _call(
        self, method: str, path: str, call: Any = None, timeout: httpx.Timeout = _TIMEOUT
    ) -> bytes:
        content = None if call is None else msgspec.json.encode(call)
        try:
            # A server that sends a byte now and then holds a call no longer than this.
            response = await asyncio.wait_for(
                self._client.request(method, self.endpoint + path, content=content, timeout=timeout),
                _CALL_MAY_LAST * (timeout.read or 1.0),
            )
        except (asyncio.TimeoutError, TimeoutError):
            raise RelayError("no whole answer in time") from None
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            raise RelayError(self._reason(error)) from error
        if response.is_success:
            return response.content
        raise RelayError(_said(response), response.status_code, _wait(response))

    def _reason(self, error: Exception) -> str:
        text = _reason(error)
        if "CERTIFICATE_VERIFY_FAILED" in text:
            text = untrusted(self.endpoint, text, self._trust) + " or --ca-bundle"
        failed_on_the_way = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
        return f"{text}, through {self._proxy}" if self._proxy is not None and failed_on_the_way else text


def _httpx_proxy(proxy: Proxy | None, context: ssl.SSLContext) -> httpx.Proxy | None:
    if proxy is None:
        return None
    return httpx.Proxy(
        proxy.url, auth=proxy.credentials, ssl_context=context if proxy.scheme == "https" else None
    )


def _as_text(answer: LocalAnswer) -> dict[str, Any]:
    """Formats an answer for a server that takes only text: headers by name, the body decompressed."""
    joined: dict[str, str] = {}
    for name, value in answer.headers:
        name = name.lower()
        joined[name] = f"{joined[name]}, {value}" if name in joined else value
    body = answer.body
    try:
        body = httpx.Response(200, headers=list(answer.headers), content=answer.body).content
        joined = {
            name: value
            for name, value in joined.items()
            if name not in ("content-encoding", "content-length")
        }
    except httpx.DecodingError:
        pass
    return {"headers": joined, "body": body.decode("utf-8", "replace")}


def _decoded(content: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(content or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RelayError(f"its answer is not what this client knows: {str(error)[:_MAX_MESSAGE]}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout):
        return "no connection in time"
    if isinstance(error, httpx.TimeoutException):
        return "no answer in time"
    if isinstance(error, httpx.ConnectError):
        text = str(error)
        return "connection refused" if "attempts failed" in text or "refused" in text.lower() else text
    if isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError):
        return "connection closed"
    return str(error)[:_MAX_MESSAGE] or type(error).__name__


def _said(response: httpx.Response) -> str:
    try:
        said = msgspec.json.decode(response.content, type=dict[str, Any]).get("error")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said = None
    text = said if isinstance(said, str) else response.reason_phrase
    return f"{response.status_code} {text[:_MAX_MESSAGE]}"


def _wait(response: httpx.Response) -> float | None:
    text = response.headers.get("retry-after", "")
    return min(float(text), 60.0) if text.isdecimal() and text.isascii() and len(text) < 6 else None
