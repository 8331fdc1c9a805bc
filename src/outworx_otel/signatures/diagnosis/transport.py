"""Hypotheses about headers and URL: what a proxy or a wrong look-up changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from itertools import product
from urllib.parse import SplitResult, urlsplit, urlunsplit

from outworx_otel.signatures.diagnosis.case import Case, Explanation, Trial
from outworx_otel.signatures.encoding import decode_base64, decode_hex
from outworx_otel.signatures.evidence import display
from outworx_otel.signatures.keys import DERIVATIONS, HmacKey
from outworx_otel.signatures.registry import detect, scheme_for
from outworx_otel.signatures.secret import Secret
from outworx_otel.signatures.urls import DISPUTED, escaped

_SHA1_BYTES = 20
_FORWARDED = re.compile(r'(host|proto)="?([^;,"\s]+)', re.IGNORECASE)


def weaker_header(case: Case) -> Iterator[Trial]:
    """The provider's SHA-1 header was looked at, or is all that arrived."""
    scheme = case.checker.scheme
    if not scheme.algorithm.startswith("hmac-sha256"):
        return
    good = display(tuple(scheme.signature_header))
    passed = f"the value passed as {good} is the provider's SHA-1 signature"
    said = dict.fromkeys(scheme.signature_header, passed)
    said |= {name: f"only {display((name,))} (SHA-1) arrived" for name, _ in scheme.weaker_headers}
    for name, what in said.items():
        text = (case.request.headers.get(name) or "").removeprefix("sha1=").strip()
        raw = decode_hex(text) or decode_base64(text)
        if raw is not None and len(raw) == _SHA1_BYTES:
            explanation = Explanation(f"Proved: {what}, and it fits the secret; use {good} (SHA-256).")
            for index, secret in case.checker.secrets:
                yield Trial((name, index), partial(_fits_sha1, case, secret, raw), explanation)


def _fits_sha1(case: Case, secret: Secret, signature: bytes) -> bool:
    case.budget.spend(len(case.request.body))
    key = HmacKey(DERIVATIONS[case.checker.scheme.key](secret), "sha1")
    return key.matches((b"", case.request.body, b""), [signature])


def url_spelling(case: Case) -> Iterator[Trial]:
    """A character of the URL was signed escaped and is seen as it is, or the other way round: `'` and `%27`."""
    scheme, url = case.checker.scheme, case.request.url
    if not scheme.signs_url or not url:
        return
    for character in DISPUTED:
        escape = escaped(character, character)
        for signed, seen in ((escape, character), (character, escape)):
            # Before the path, such characters belong to scheme, credentials and port.
            origin, separator, rest = url.partition("://")
            host, slash, rest = rest.partition("/")
            changed = rest.replace(seen, signed).replace(seen.lower(), signed)
            if changed != rest:
                explanation = Explanation(
                    f"Proved: {scheme.title} signed the URL with {signed} where this server sees {seen}; pass the "
                    "URL as it was sent, neither decoded nor quoted, or give the provider a URL without this "
                    "character."
                )
                yield case.with_url(signed, explanation, origin + separator + host + slash + changed)


def public_url(case: Case) -> Iterator[Trial]:
    """The provider called another URL than the one this server sees behind its proxy."""
    title = case.checker.scheme.title
    if not case.checker.scheme.signs_url:
        return
    try:
        parts = urlsplit(case.request.url or "")
        rewrites = list(_rewrites(case, parts, parts.port))
    except ValueError:
        return
    for name, (scheme, netloc, path) in rewrites:
        explanation = Explanation(
            # Without the query, which may hold credentials.
            f"Proved: {title} called {scheme}://{netloc}{path}, which is not the URL that this server sees behind "
            "its proxy; set public_url to it."
        )
        yield case.with_url(name, explanation, urlunsplit((scheme, netloc, path, parts.query, "")))


def _rewrites(
    case: Case, parts: SplitResult, port: int | None
) -> Iterator[tuple[tuple[str, str, str], tuple[str, str, str]]]:
    """Schemes, hosts and paths that may have been called, each with the name of where it comes from."""
    headers = case.request.headers
    forwarded = {name.lower(): value for name, value in _FORWARDED.findall(headers.get("forwarded") or "")}
    proto = forwarded.get("proto") or _first(headers.get("x-forwarded-proto"))
    host = forwarded.get("host") or _first(headers.get("x-forwarded-host")) or _first(headers.get("host"))
    forwarded_port = _first(headers.get("x-forwarded-port"))
    bare = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    prefix = _first(headers.get("x-forwarded-prefix")).rstrip("/")
    slashed = parts.path[:-1] if parts.path.endswith("/") else parts.path + "/"
    schemes = _named({"told": proto or None, "https": "https", "http": "http", "seen": parts.scheme})
    hosts = _named({"told": host or None, "seen": parts.netloc or None, "bare": bare or None})
    if forwarded_port:
        ported = {f"{name}, port": f"{host.partition(':')[0]}:{forwarded_port}" for name, host in hosts}
        hosts = _named({**dict(hosts), **ported})
    paths = _named({"prefixed": prefix + parts.path, "seen": parts.path, "slashed": slashed})
    for scheme, netloc, path in product(schemes, hosts, paths):
        yield (scheme[0], netloc[0], path[0]), (scheme[1], netloc[1], path[1])


def _named(texts: Mapping[str, str | None]) -> list[tuple[str, str]]:
    """Each text once, with its first name."""
    names: dict[str, str] = {}
    for name, text in texts.items():
        if text is not None:
            names.setdefault(text, name)
    return [(name, text) for text, name in names.items()]


def _first(value: str | None) -> str:
    return (value or "").partition(",")[0].strip()


def missing_url(case: Case) -> Explanation | None:
    """The URL is signed, and the verifier was given none."""
    scheme = case.checker.scheme
    if not scheme.signs_url or case.request.url:
        return None
    return Explanation(
        f"{scheme.title} signs the public URL, and none was given: pass url= or set public_url."
    )


def other_provider(case: Case) -> Explanation | None:
    """The request carries the unmistakable header of somebody else."""
    scheme = case.checker.scheme
    found = detect(case.request.headers)
    other = scheme_for(found) if found else None
    if other is None or other.provider == scheme.provider:
        return None
    if set(other.signature_header) & set(scheme.signature_header):
        # Clerk is Svix, and many are Standard Webhooks: the shared headers do not contradict the provider.
        return None
    return Explanation(
        f"{case.result.hint or ''} It carries headers of {other.title}, though: is {scheme.provider!r} the right "
        "provider for this endpoint?".strip()
    )
