"""Hypotheses about headers and URL: what a proxy or a wrong look-up changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from urllib.parse import urlsplit, urlunsplit

from outworx_otel.signatures.diagnosis.case import Case, Finding, mismatch
from outworx_otel.signatures.encoding import decode_base64, decode_hex
from outworx_otel.signatures.evidence import display
from outworx_otel.signatures.keys import DERIVATIONS, HmacKey
from outworx_otel.signatures.registry import detect, scheme_for

_SHA1_BYTES = 20
_FORWARDED = re.compile(r'(host|proto)="?([^;,"\s]+)', re.IGNORECASE)


def weaker_header(case: Case) -> Finding | None:
    """The provider's SHA-1 header was looked at, or is all that arrived."""
    scheme = case.verifier.scheme
    if not scheme.algorithm.startswith("hmac-sha256"):
        return None
    names = scheme.signature_header
    good = display(tuple(names))
    headers = case.request.headers
    for value, said in [
        *(
            (headers.get(name), f"the value passed as {good} is the provider's SHA-1 signature")
            for name in names
        ),
        *(
            (headers.get(name), f"only {display((name,))} (SHA-1) arrived")
            for name, _ in scheme.weaker_headers
        ),
    ]:
        text = (value or "").removeprefix("sha1=").strip()
        raw = decode_hex(text) or decode_base64(text)
        if raw is None or len(raw) != _SHA1_BYTES:
            continue
        for _, secret in case.verifier.secrets:
            case.budget.spend(len(case.request.body))
            key = HmacKey(DERIVATIONS[scheme.key](secret), "sha1")
            if key.matches((b"", case.request.body, b""), [raw]):
                return Finding(
                    case.result.reason or "hmac_mismatch",
                    f"Proved: {said}, and it fits the secret; use {good} (SHA-256).",
                )
    return None


def other_provider(case: Case) -> Finding | None:
    """The request carries the unmistakable header of somebody else."""
    scheme = case.verifier.scheme
    found = detect(case.request.headers)
    other = scheme_for(found) if found else None
    if other is None or other.provider == scheme.provider:
        return None
    if set(other.signature_header) & set(scheme.signature_header):
        # Clerk is Svix, and many are Standard Webhooks: the shared headers do not contradict the provider.
        return None
    return Finding(
        case.result.reason or "hmac_mismatch",
        f"{case.result.hint or ''} It carries headers of {other.title}, though: is {scheme.provider!r} the "
        "right provider for this endpoint?".strip(),
    )


def public_url(case: Case) -> Finding | None:
    """The provider called another URL than the one this server sees behind its proxy."""
    scheme = case.verifier.scheme
    if not scheme.signs_url:
        return None
    if not case.request.url:
        return mismatch(
            f"{scheme.title} signs the public URL, and none was given: pass url= or set public_url."
        )
    for url in _urls(case):
        if url != case.request.url and case.fits(case.request._replace(url=url)):
            parts = urlsplit(url)
            return mismatch(
                # Without the query, which may hold credentials.
                f"Proved: {scheme.title} called {parts.scheme}://{parts.netloc}{parts.path}, which is not the "
                "URL that this server sees behind its proxy; set public_url to it."
            )
    return None


def _urls(case: Case) -> Iterator[str]:
    try:
        parts = urlsplit(case.request.url or "")
        port = parts.port
    except ValueError:
        return
    headers = case.request.headers
    forwarded = {name.lower(): value for name, value in _FORWARDED.findall(headers.get("forwarded") or "")}
    proto = forwarded.get("proto") or _first(headers.get("x-forwarded-proto"))
    host = forwarded.get("host") or _first(headers.get("x-forwarded-host")) or _first(headers.get("host"))
    forwarded_port = _first(headers.get("x-forwarded-port"))
    schemes = dict.fromkeys((proto or parts.scheme, "https", "http", parts.scheme))
    bare = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    hosts = dict.fromkeys(filter(None, (host, parts.netloc, bare)))
    if forwarded_port:
        hosts.update(dict.fromkeys([f"{name.partition(':')[0]}:{forwarded_port}" for name in tuple(hosts)]))
    prefix = _first(headers.get("x-forwarded-prefix")).rstrip("/")
    slashed = parts.path[:-1] if parts.path.endswith("/") else parts.path + "/"
    paths = dict.fromkeys((prefix + parts.path, parts.path, slashed))
    for scheme, netloc, path in product(schemes, hosts, paths):
        yield urlunsplit((scheme, netloc, path, parts.query, ""))


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()
