"""What is made from the providers' files: three tables, and the index by which a provider is found.

The tables stand in docs/signatures.md, docs/handshakes.md and docs/published-keys.md; the index is a module, read
before any provider's file.
"""

from __future__ import annotations

import json
import pkgutil
from pathlib import Path

from outworx_otel.signatures import SignatureScheme
from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.handshakes import handshakes_of, with_handshakes
from outworx_otel.signatures.provider import WebhookProvider
from outworx_otel.signatures.providers import __path__, load

DOCS = Path(__file__).resolve().parents[1] / "docs"
INDEX = Path(__path__[0], "_index.py")

_KEYS = {
    "utf8": "as text",
    "utf8-nfkd": "as text, in Unicode's form NFKD",
    "whsec": "base64 after `whsec_`",
    "whsec-or-utf8": "base64 after `whsec_`, else text",
    "base64": "base64",
    "hex": "hex",
    "sha1": "as text, hashed with SHA-1",
    "public": "public key: extra `asymmetric`",
    "user-password": "as `user:password`",
    "header-value": "as `Header-Name: value`",
}
_ALGORITHMS = {
    "hmac-sha1": "HMAC-SHA-1",
    "hmac-sha256": "HMAC-SHA-256",
    "hmac-sha512": "HMAC-SHA-512",
    "hmac-sha1-or-sha256": "HMAC-SHA-1, or -256 where announced",
    "hmac-sha256-384-512": "HMAC-SHA-256, -384 or -512",
    "hash-sha256": "SHA-256, a plain hash and no HMAC",
    "hash-sha1-or-sha256": "SHA-1 or SHA-256, a plain hash and no HMAC",
    "ed25519": "Ed25519",
    "ecdsa-p256-sha256": "ECDSA P-256",
    "rsa-sha256": "RSA, SHA-256",
    "token": "none: equality",
}
SOURCES = {"code": "its code", "docs": "its page"}
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))


def all_providers() -> list[WebhookProvider]:
    """Every provider that has a file, in the order of their names."""
    names = [found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_")]
    return [load(name) for name in sorted(names)]


def where(row: SignatureScheme) -> str:
    procedure = row.procedure or row.published
    if procedure is not None:
        return procedure.place
    own = ["a header of your own"] if row.own_header else []
    return " or ".join([*(f"`{name}`" for name in row.signature_header), *own])


def algorithm(row: SignatureScheme) -> str:
    if row.published is not None:
        return row.published.algorithm
    return _ALGORITHMS.get(row.algorithm, row.algorithm)


def signed(provider: WebhookProvider) -> str:
    message = provider.scheme.message
    return provider.signed or (f"`{message}`" if message else "nothing")


def window(row: SignatureScheme) -> str:
    if row.tolerance is None:
        return "none"
    if row.timestamp_field == "exp":
        return "the token's own" + (f", ± {row.tolerance:g} s" if row.tolerance else "")
    sign = "± " if row.window == "both" else "past "
    return f"{sign}{row.tolerance:g} s" + (", none in the future" if row.window == "elapsed" else "")


def needs(row: SignatureScheme) -> str:
    needs = [f"secret {_KEYS[row.key]}" if row.key != "public" else _KEYS["public"]]
    if row.published is not None:
        needs = ["[published keys](published-keys.md): extra `asymmetric`"]
    if row.signs_url:
        needs.append("the public URL")
    if row.note:
        needs.append(row.note.rstrip("."))
    return "; ".join(needs)


def gives_up(provider: WebhookProvider) -> str:
    if provider.gives_up is None:
        return ""
    after, source = provider.gives_up
    if after == 0:
        return f"[never retries]({source})"
    unit, size = next((unit, size) for unit, size in _UNITS if after >= 2 * size)
    return f"[{after / size:.3g} {unit}]({source})"


def table() -> str:
    """The table in Markdown, one row for each provider."""
    lines = [
        "| provider | signature | encoding | algorithm | signed | window | event id | needs | rule | retries for |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for provider in all_providers():
        row = provider.scheme
        cells = [
            f"{row.title} `{row.provider}`",
            where(row),
            row.encoding,
            algorithm(row),
            signed(provider),
            window(row),
            f"`{row.event_id}`" if row.event_id else "",
            needs(row),
            f"[{SOURCES[provider.source_kind]}]({row.source})",
            gives_up(provider),
        ]
        # A bar would end the cell, in code too.
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def index() -> str:
    """The module that says which providers there are, and which headers give them away."""
    lines = ['"""Written by `python -m docs_build` from the files beside this one."""', ""]
    lines += ["from __future__ import annotations", "", "NAMES: tuple[str, ...] = ("]
    lines += [f"    {json.dumps(provider.scheme.provider)}," for provider in all_providers()]
    lines += [")", "DETECTION: dict[str, str] = {"]
    for provider in all_providers():
        row = provider.scheme
        lines += [f"    {json.dumps(name)}: {json.dumps(row.provider)}," for name in row.detection_headers]
    return "\n".join([*lines, "}", ""])


def _stands(path: str, value: str = "") -> str:
    """Where something stands in a request, and what, as people write it."""
    place, _, name = path.partition(".")
    if place == "query":
        return f"`?{name}={value or '…'}`"
    if place == "header":
        return f"`{name}: {value}`" if value else f"header `{name}`"
    return f"`{name}` = `{value}` in the body" if value else f"`{name}` in the body"


def question(row: Handshake) -> str:
    parts = [_stands(path, json.dumps(value).strip('"')) for path, value in row.when.items()]
    parts += [_stands(path) for path in (*row.present, row.shared) if path and path != row.challenge]
    parts += [_stands(row.challenge)] if row.challenge else []
    parts += ["and nothing else in it"] if row.only else []
    parts += [f"no {_stands(path)}" for path in row.absent]
    return f"{row.method} {', '.join(parts)}".strip()


def reply(row: Handshake) -> str:
    said = {"{challenge}": "the challenge", "{made}": "what is computed from it"}
    parts = [str(row.status)] if row.status != 200 else []
    if row.text:
        parts.append(f"{said.get(row.text, row.text)}, as text")
    if row.document is not None:
        fields = [f"`{name}` = {said.get(value, value)}" for name, value in row.document.items()]
        parts.append(f"JSON: {', '.join(fields)}")
    for name, value in row.headers.items():
        if name != "content-type":
            made = "what was asked for" if value == "{made}" else said.get(value, value)
            parts.append(f"header `{name}`: {made}")
    if row.before is not None:
        parts.append("200, once the address in the message was called")
    return "; ".join(parts) or "200, no body"


def conditions(row: Handshake) -> str:
    needs = {"signature": "a valid signature", "token": "`verify_token`"}.get(row.proof, "")
    if row.key == "verify_token":
        needs = "`verify_token`, `public_url` as registered"
    elif row.key == "both":
        needs = "the secret (the private key), `verify_token` (the public key)"
    elif row.key == "secret" and not needs:
        needs = "the secret"
    parts = [needs] if needs else []
    if row.asked:
        parts.append("`handshake = true`")
    return ", ".join(parts) or "`handshake = true` or the secret"


def handshake_table() -> str:
    """The table of handshakes, one row for each question."""
    lines = ["| provider | it sends | it is answered | needs | rule |", "|---|---|---|---|---|"]
    for name in with_handshakes():
        for row in handshakes_of(name):
            cells = [f"`{name}`", question(row), reply(row), conditions(row), f"[source]({row.source})"]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def keys_table() -> str:
    """The table of published keys: what is configured, and where a key comes from."""
    lines = [
        "| provider | `signature_secret` | where its keys come from, and how long one is kept |",
        "|---|---|---|",
    ]
    for row in (provider.scheme for provider in all_providers()):
        if row.published is not None:
            cells = [f"{row.title} `{row.provider}`", row.note.rstrip("."), row.published.published_at]
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def parts() -> dict[Path, dict[str, str]]:
    """What stands between marks, by page and name."""
    return {
        DOCS / "signatures.md": {"providers": table()},
        DOCS / "handshakes.md": {"handshakes": handshake_table()},
        DOCS / "published-keys.md": {"published keys": keys_table()},
    }
