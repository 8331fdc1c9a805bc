"""Prepares a stored request to be sent again: renews the signature and removes the connection's headers."""

from __future__ import annotations

import dataclasses
import re
import time
from typing import Final
from urllib.parse import urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import end_to_end
from outworx_otel.server.replay.stored import Pairs, StoredRequest
from outworx_otel.signatures import SignatureScheme, scheme_for, sign_request, verify
from outworx_otel.signatures.secret import row_for_secret
from outworx_otel.telemetry.redaction import REDACTED

# What belongs to the way that the request came by.
_OF_THE_WAY: Final = frozenset(
    {
        "content-length",
        "expect",
        "forwarded",
        "host",
        "via",
        "x-outworx-tunnel",
        "x-real-ip",
        # A replay is no part of the trace in which it came first.
        "baggage",
        "traceparent",
        "tracestate",
    }
)
_PROXYS_PREFIX: Final = "x-forwarded-"


@dataclasses.dataclass(frozen=True)
class Outgoing:
    """A request to send.

    Args:
        method: as stored.
        url: where to; some schemes write into it.
        headers: all but those of the connection.
        body: exact.
        fresh: whether the signature is of now.
        note: what the sender should know, in plain words; "" for nothing.
        unsigned: why the signature is not of now; "" where it is.
    """

    method: str
    url: str
    headers: Pairs
    body: bytes = dataclasses.field(repr=False)
    fresh: bool
    note: str = ""
    unsigned: str = ""


def resigned(
    stored: StoredRequest,
    secret: str | bytes | None,
    *,
    url: str,
    public_url: str | None = None,
    now: float | None = None,
) -> Outgoing:
    """The request to send: its signature and timestamp of now, its message id as it was.

    Where the provider has no row, or no secret is known, or the secret cannot sign (a public key), it goes as it is
    stored, and `note` says so.

    Args:
        stored: what was received.
        secret: the endpoint's; None for none.
        url: where it will be sent.
        public_url: what the application takes for its own address, for schemes that sign it; None is `url`.
        now: Unix seconds; None is the clock.
    """
    headers = _transportable(stored)
    scheme = scheme_for(stored.provider)
    if scheme is None:
        who = repr(stored.provider) if stored.provider else "this provider"
        return _as_stored(stored, url, headers, f"{who} has no signature that could be renewed")
    if secret is None:
        return _as_stored(stored, url, headers, f"no secret is known for {scheme.provider}")
    if _stands(stored, scheme, secret, headers):
        return Outgoing(stored.method, url, headers, stored.body, True)
    moment = time.time() if now is None else now
    body, dated = _dated(stored.body, scheme, moment)
    called = signed_url(public_url, url)
    try:
        signed = sign_request(
            scheme.provider,
            body,
            secret,
            now=moment,
            url=called,
            method=stored.method,
            message_id=next(filter(None, map(stored.header, scheme.id_header)), None),
            headers=headers,
        )
    except ConfigurationError as error:
        return _as_stored(stored, url, headers, str(error))
    stale = _of_the_signature(scheme, row_for_secret(scheme, secret))
    kept = tuple(
        (name, value)
        for name, value in headers
        if not stale.fullmatch(name.lower()) and name.lower() not in signed.headers
    )
    return Outgoing(
        stored.method,
        # Twilio writes a hash of the body into the URL.
        signed.url if signed.url is not None and called == url else url,
        (*kept, *signed.headers.items()),
        signed.body,
        True,
        _changed(stored.body, signed.body, dated),
    )


def _as_stored(stored: StoredRequest, url: str, headers: Pairs, why: str) -> Outgoing:
    note = f"sent with the signature it came with, which is not fresh: {why}"
    return Outgoing(stored.method, url, headers, stored.body, False, note, why)


def _transportable(stored: StoredRequest) -> Pairs:
    kept = tuple(
        (name, value)
        for name, value in end_to_end(stored.headers)
        if name.lower() not in _OF_THE_WAY
        and not name.lower().startswith(_PROXYS_PREFIX)
        and REDACTED not in value
    )
    if stored.header("content-type") is None and stored.body.lstrip()[:1] in (b"{", b"["):
        # Frameworks that were not told read no JSON.
        kept = (*kept, ("content-type", "application/json"))
    return kept


def _stands(stored: StoredRequest, scheme: SignatureScheme, secret: str | bytes, headers: Pairs) -> bool:
    """Returns whether a signature inside the body is valid as it is; then the body is not changed."""
    if scheme.procedure is None or scheme.signs_url or scheme.signature_header:
        return False
    return bool(verify(scheme.provider, stored.body, headers, secret))


def _dated(body: bytes, scheme: SignatureScheme, now: float) -> tuple[bytes, bool]:
    """The body with the timestamp in it set to now (Linear), and whether it was; the rest stays to the byte."""
    if not scheme.timestamp_path:
        return body, False
    name = re.escape(scheme.timestamp_path.rpartition(".")[2].encode())
    moment = str(int(now * 1000) if scheme.timestamp_unit == "ms" else int(now)).encode()
    pattern = re.compile(rb'("' + name + rb'"\s*:\s*)\d+')
    if len(pattern.findall(body)) != 1:
        return body, False
    return pattern.sub(lambda match: match[1] + moment, body), True


def signed_url(public_url: str | None, url: str) -> str:
    """What the application will take for the called URL: `public_url`'s origin, and its path if it has one."""
    if public_url is None:
        return url
    given, parts = urlsplit(public_url), urlsplit(url)
    path = parts.path if given.path in ("", "/") else given.path
    return given._replace(path=path, query=given.query or parts.query, fragment="").geturl()


def _of_the_signature(scheme: SignatureScheme, used: SignatureScheme) -> re.Pattern[str]:
    """The names of every header that the old signature stood in or depended on."""
    names: list[str] = []
    for row in (scheme, used, *(other for _, other in scheme.alternatives)):
        names += [*row.signature_header, *row.timestamp_header, *row.id_header]
        names += [name for name, _ in row.weaker_headers]
    return re.compile("|".join(re.escape(name).replace(r"\{n\}", r"\d+") for name in names) or r"(?!)")


def _changed(before: bytes, after: bytes, dated: bool) -> str:
    if before == after:
        return ""
    what = "the timestamp in the body" if dated else "the signature in the body"
    return f"{what} was renewed, so the body differs from the stored one"
