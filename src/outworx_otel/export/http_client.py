"""Posts a body to the receiver and reads what its answer means."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry.util.re import parse_env_headers

from outworx_otel.errors import ConfigurationError
from outworx_otel.export.send_result import (
    SendResult,
    Verdict,
    log_excerpt,
    partial_success,
    retry_after_seconds,
    status_message,
    verdict_of_status,
)
from outworx_otel.http.certificates import Trust, trust
from outworx_otel.process import environment
from outworx_otel.process.forks import PerProcess
from outworx_otel.version import __version__

if TYPE_CHECKING:
    from outworx_otel.export.destination import Destination
    from outworx_otel.http.bounded_client import BoundedClient, Reply

Signal = Literal["traces", "metrics"]

_MAX_ANSWER: Final = 64 * 1024
_MIN_TIMEOUT: Final = 0.05


class HttpClient:
    """Posts to one destination. Used by one thread at a time.

    The HTTP library is imported when the first sender is made, not with the package: an application that
    exports nothing does not pay for it, and a thread at interpreter exit cannot import any more.
    """

    def __init__(self, destination: Destination, signal: Signal = "traces") -> None:
        from outworx_otel.http import bounded_client

        self._failed = bounded_client.CallFailed
        self._destination = destination
        self._signal: Signal = signal
        # A child must not write into its parent's sockets, nor close them: that would end the parent's TLS
        # connection. Its garbage collector frees what it inherits.
        self._client: PerProcess[BoundedClient] = PerProcess(
            lambda: bounded_client.BoundedClient(
                lambda: exporters_trust(signal), certificate=_own_certificate(signal), connections=1
            )
        )

    def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        *,
        encoding: str | None = None,
        timeout: float | None = None,
    ) -> SendResult:
        """Makes one attempt of at most `timeout` seconds; None is the destination's own time-out."""
        try:
            reply = self.exchange(url, body, content_type, encoding=encoding, timeout=timeout)
        except (self._failed, ConfigurationError, OSError, ValueError) as exc:
            # A connection that could not be made, broke, or took too long; or what the environment says of it
            # cannot be used, such as a file of certificates that is not there yet.
            return SendResult(Verdict.PASSING, self._plain(str(exc) or type(exc).__name__))
        return self._read(reply, url)

    def exchange(
        self,
        url: str,
        body: bytes,
        content_type: str,
        *,
        encoding: str | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Makes one attempt as `post` does, and returns the answer itself.

        Raises:
            CallFailed: there was none.
            ConfigurationError: the environment names a proxy or certificates that cannot be used.
        """
        bound = self._destination.timeout / 1000
        bound = bound if timeout is None else max(min(bound, timeout), _MIN_TIMEOUT)
        headers = self._headers(content_type, encoding)
        return self._client().call("POST", url, headers.items(), body, seconds=bound, most=_MAX_ANSWER)

    def _read(self, reply: Reply, url: str) -> SendResult:
        verdict = verdict_of_status(reply.status)
        media = (reply.header("content-type") or "").lower()
        content = _decompressed(reply)
        if verdict is Verdict.DELIVERED:
            # By its status alone: what it says in a body that cannot be read does not undo it.
            rejected, reason = partial_success(content, media, self._signal)
            return SendResult(verdict, self._plain(reason), rejected=rejected)
        detail = f"HTTP {reply.status} from {self._destination.shown(url)}"
        if 300 <= reply.status < 400:
            target = reply.header("location") or "elsewhere"
            detail += f", a redirect to {target}: it is not followed; set the endpoint to where it leads"
        elif content and ("json" in media or media.startswith("text/plain")):
            detail += f": {content.decode('utf-8', 'replace')}"
        elif said := status_message(content, media):
            detail += f": {said}"
        return SendResult(verdict, self._plain(detail), retry_after_seconds(reply.header("retry-after")))

    def _headers(self, content_type: str, encoding: str | None) -> dict[str, str]:
        headers: dict[str, str] = {}
        if _takes_standard_headers(self._destination):
            given = _setting(self._signal, "HEADERS")
            headers.update(parse_env_headers(given or "", liberal=True))
        headers["user-agent"] = f"outworx-otel/{__version__}"
        headers["content-type"] = content_type
        if encoding:
            headers["content-encoding"] = encoding
        authorization = self._destination.authorization(self._signal)
        if authorization is not None:
            headers["authorization"] = authorization
        return headers

    def _plain(self, text: str) -> str:
        return log_excerpt(text, *self._destination.secrets)

    def close(self) -> None:
        """Close the sockets that this process opened."""
        client = self._client.forget()
        if client is not None:
            client.close()


def exporters_trust(signal: Signal = "traces") -> Trust:
    """What the exporter trusts: where OTEL_EXPORTER_OTLP_CERTIFICATE is set, as in the SDK, that alone."""
    names = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_CERTIFICATE", "OTEL_EXPORTER_OTLP_CERTIFICATE")
    path = environment.text(*names)
    if path is None:
        return trust()
    return Trust(((environment.name_set(*names) or "", path),), public=False)


def _takes_standard_headers(destination: Destination) -> bool:
    return destination.standard or destination.is_at(environment.text("OTEL_EXPORTER_OTLP_ENDPOINT"))


def _setting(signal: Signal, name: str) -> str | None:
    return environment.text(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}")


def _own_certificate(signal: Signal) -> tuple[str, str | None] | None:
    certificate = _setting(signal, "CLIENT_CERTIFICATE")
    return None if certificate is None else (certificate, _setting(signal, "CLIENT_KEY"))


def _decompressed(reply: Reply) -> bytes:
    """The body, or as much of it as can be read: a receiver may compress whatever it was asked for."""
    if (reply.header("content-encoding") or "").lower() not in ("gzip", "x-gzip"):
        return reply.body
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(reply.body, _MAX_ANSWER)
    except zlib.error:
        return b""
