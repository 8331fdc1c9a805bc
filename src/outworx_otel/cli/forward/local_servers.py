"""Sends a delivery's exact bytes to the developer's server and returns its answer's exact bytes."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import Sequence
from typing import Final

import httpx

from outworx_otel.cli.forward.local_targets import Target, Targets
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, Pairs, TunnelledRequest
from outworx_otel.http.headers import end_to_end

MAX_BODY_BYTES: Final = 10 * 1024 * 1024
_CONNECT_TIMEOUT: Final = 5.0
# Shorter than what servers keep idle connections for (uvicorn 5 s), so that none is used as it is being closed.
_KEEP_ALIVE: Final = 2.0
# httpx writes these for the connection that it makes.
_REWRITTEN: Final = frozenset({"host", "content-length", "expect"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


class LocalServers:
    """Keeps connections to what the user named, and to nothing else; redirects are the caller's business.

    Args:
        targets: where deliveries go.
        headers: (name, value) pairs that replace the delivery's of the same name.
        timeout: seconds for one answer.
        connections: at once.
        verify: how an https server's certificate is checked.
    """

    def __init__(
        self,
        targets: Targets,
        *,
        headers: Sequence[tuple[str, str]] = (),
        timeout: float = 30.0,
        connections: int = 50,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        self._targets = targets
        self._headers = tuple(headers)
        self._replaced = frozenset(name.lower() for name, _ in headers)
        self._timeout = timeout
        if verify is True and not any(target.url.startswith("https:") for target in targets):
            # Without the certificates, which take their time to load.
            verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        # The bare transport, without a client round it: no redirects, no cookies, no proxies from the environment.
        self._transport = httpx.AsyncHTTPTransport(
            verify=verify,
            trust_env=False,
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                keepalive_expiry=_KEEP_ALIVE,
            ),
        )
        self._timeouts = httpx.Timeout(timeout, connect=_CONNECT_TIMEOUT).as_dict()

    async def close(self) -> None:
        """Closes the connections."""
        await self._transport.aclose()

    async def forward(self, delivery: TunnelledRequest) -> LocalAnswer:
        """Returns the local server's answer, or one that says why there is none. Raises for no server's fault."""
        target = self._targets.find(delivery.path)
        if target is None:
            return _own(404, "no local server is named for this path")
        begun = time.monotonic()
        timeout = min(self._timeout, max(delivery.seconds_left, 0.1))
        try:
            return await asyncio.wait_for(self._exchange(delivery, target, begun), timeout)
        except (asyncio.TimeoutError, TimeoutError):
            return _own(504, f"{target.url} did not answer within {timeout:.0f} s", begun)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
            return _own(502, f"{target.url} {_reason(error)}", begun)

    async def _exchange(self, delivery: TunnelledRequest, target: Target, begun: float) -> LocalAnswer:
        response = await self._transport.handle_async_request(self._request(delivery, target))
        try:
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    return _own(502, f"{target.url} answered more than {MAX_BODY_BYTES >> 20} MiB", begun)
        finally:
            await response.aclose()
        pairs = tuple(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw
        )
        return LocalAnswer(
            response.status_code, tuple(end_to_end(pairs)), bytes(body), time.monotonic() - begun
        )

    def _request(self, delivery: TunnelledRequest, target: Target) -> httpx.Request:
        """Makes a request with the delivery's bytes and headers only, without httpx's defaults."""
        query = f"?{delivery.query_string}" if delivery.query_string else ""
        line = f"{target.base}{delivery.path}{query}"
        if not _TOKEN.fullmatch(delivery.method) or not _visible(line):
            raise ValueError("cannot be asked for this: method or path are not valid")
        kept: Pairs = tuple(
            (name, value)
            for name, value in end_to_end(delivery.headers)
            if name.lower() not in _REWRITTEN and name.lower() not in self._replaced
        )
        request = httpx.Request(
            delivery.method,
            target.origin,
            headers=[
                (name.encode("latin-1"), value.encode("latin-1")) for name, value in (*kept, *self._headers)
            ],
            content=delivery.body,
            extensions={"target": line.encode(), "timeout": self._timeouts},
        )
        # httpx writes it in capitals; to HTTP `get` is another method than `GET`.
        request.method = delivery.method
        return request


def _visible(text: str) -> bool:
    return text.isascii() and text.isprintable() and " " not in text


def _reason(error: Exception) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return "cannot be reached: no connection in time"
    if isinstance(error, httpx.ConnectError):
        text = str(error).lower()
        if "certificate" in text:
            return "has a certificate that is not trusted here: give --ca-bundle FILE, or --insecure"
        return "cannot be reached: is the local server running?"
    if isinstance(error, httpx.RemoteProtocolError):
        return f"broke off: {str(error)[:200]}"
    return f"failed: {str(error)[:200] or type(error).__name__}"


def _own(status: int, problem: str, begun: float | None = None) -> LocalAnswer:
    seconds = 0.0 if begun is None else time.monotonic() - begun
    # The caller is a stranger: it is not told what this machine looks like.
    text = {
        404: b"outworx forward: no local server for this path\n",
        502: b"outworx forward: the local server could not answer\n",
        504: b"outworx forward: the local server did not answer in time\n",
    }[status]
    return LocalAnswer(status, (("content-type", "text/plain; charset=utf-8"),), text, seconds, problem)
