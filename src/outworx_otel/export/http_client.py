"""Posts a body to the receiver and reads what its answer means."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, Literal

from opentelemetry.util.re import parse_env_headers

from outworx_otel.export.send_result import (
    SendResult,
    Verdict,
    log_excerpt,
    partial_success,
    retry_after_seconds,
    verdict_of_status,
)
from outworx_otel.process import environment
from outworx_otel.process.forks import PerProcess
from outworx_otel.version import __version__

if TYPE_CHECKING:
    import requests

    from outworx_otel.export.destination import Destination

Signal = Literal["traces", "metrics"]

_MAX_ANSWER: Final = 64 * 1024
_MIN_TIMEOUT: Final = 0.05


class HttpClient:
    """Posts to one destination. Used by one thread at a time.

    `requests` is imported when the first sender is made, not with the package: an application that
    exports nothing does not pay for it, and a thread at interpreter exit cannot import any more.
    """

    def __init__(self, destination: Destination) -> None:
        import requests

        self._requests = requests
        self._destination = destination
        # A child must not write into its parent's sockets, nor close them: that would end the parent's TLS
        # connection. Its garbage collector frees what it inherits.
        self._session: PerProcess[requests.Session] = PerProcess(requests.Session)

    def post(
        self,
        url: str,
        body: bytes,
        content_type: str,
        *,
        signal: Signal = "traces",
        encoding: str | None = None,
        timeout: float | None = None,
    ) -> SendResult:
        """Makes one attempt of at most `timeout` seconds; None is the destination's own time-out."""
        bound = self._destination.timeout / 1000
        bound = bound if timeout is None else max(min(bound, timeout), _MIN_TIMEOUT)
        headers = self._headers(signal, content_type, encoding)
        verify, cert = _tls(signal)
        try:
            response = self._session().post(
                url,
                data=body,
                headers=headers,
                timeout=bound,
                allow_redirects=False,
                auth=_set_no_other_credentials,
                verify=verify,
                cert=cert,
                stream=True,
            )
            with response:
                content = _bounded_content(response, bound)
        except (self._requests.RequestException, OSError, ValueError) as exc:
            # A connection that could not be made, broke, or took too long.
            return SendResult(Verdict.PASSING, self._plain(_reason(exc)))
        return self._read(response, content, signal)

    def _read(self, response: requests.Response, content: bytes, signal: Signal) -> SendResult:
        verdict = verdict_of_status(response.status_code)
        media = response.headers.get("content-type", "").lower()
        if verdict is Verdict.DELIVERED:
            rejected, reason = partial_success(content, media, signal)
            return SendResult(verdict, self._plain(reason), rejected=rejected)
        detail = f"HTTP {response.status_code} from {response.url}"
        if 300 <= response.status_code < 400:
            target = response.headers.get("location", "elsewhere")
            detail += f", a redirect to {target}: it is not followed; set the endpoint to where it leads"
        elif content and ("json" in media or media.startswith("text/plain")):
            detail += f": {content.decode('utf-8', 'replace')}"
        return SendResult(
            verdict, self._plain(detail), retry_after_seconds(response.headers.get("retry-after"))
        )

    def _headers(self, signal: Signal, content_type: str, encoding: str | None) -> dict[str, str]:
        headers: dict[str, str] = {}
        if _takes_standard_headers(self._destination):
            given = _setting(signal, "HEADERS")
            headers.update(parse_env_headers(given or "", liberal=True))
        headers["user-agent"] = f"outworx-otel/{__version__}"
        headers["content-type"] = content_type
        if encoding:
            headers["content-encoding"] = encoding
        if self._destination.api_key:
            headers["authorization"] = f"Bearer {self._destination.api_key}"
        return headers

    def _plain(self, text: str) -> str:
        return log_excerpt(text, self._destination.api_key)

    def close(self) -> None:
        """Close the sockets that this process opened."""
        session = self._session.forget()
        if session is not None:
            session.close()


def _set_no_other_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Without an `auth` of its own, requests replaces our Authorization by what ~/.netrc holds.
    return request


def _takes_standard_headers(destination: Destination) -> bool:
    standard = environment.text("OTEL_EXPORTER_OTLP_ENDPOINT")
    return destination.standard or (standard is not None and standard.rstrip("/") == destination.endpoint)


def _setting(signal: Signal, name: str) -> str | None:
    return environment.text(f"OTEL_EXPORTER_OTLP_{signal.upper()}_{name}", f"OTEL_EXPORTER_OTLP_{name}")


def _tls(signal: Signal) -> tuple[bool | str, str | tuple[str, str] | None]:
    certificate, key = _setting(signal, "CLIENT_CERTIFICATE"), _setting(signal, "CLIENT_KEY")
    trusted = _setting(signal, "CERTIFICATE") or True
    return trusted, (certificate, key) if certificate and key else certificate


def _reason(exc: Exception) -> str:
    # requests wraps urllib3's error, which wraps the system's; the last says it in a few words.
    cause = getattr(exc.args[0], "reason", None) if exc.args else None
    return f"{type(exc).__name__}: {str(cause or exc).rpartition('): ')[2]}"


def _bounded_content(response: requests.Response, seconds: float) -> bytes:
    content = bytearray()
    until = time.monotonic() + seconds
    for chunk in response.iter_content(8192):
        content += chunk
        if len(content) >= _MAX_ANSWER or time.monotonic() > until:
            break
    return bytes(content[:_MAX_ANSWER])
