"""Writes the table of providers into docs/signatures.md: `python docs/provider_table.py`.

The table is made from the built-in rows, by which deliveries are verified; a test fails when it is out of date.
"""

from __future__ import annotations

import re
from pathlib import Path

from outworx_otel.signatures import SignatureScheme
from outworx_otel.signatures.registry import built_in_providers

PAGE = Path(__file__).with_name("signatures.md")
BEGIN, END = "<!-- providers: begin -->\n", "<!-- providers: end -->\n"

_KEYS = {
    "utf8": "as text",
    "whsec": "base64 after `whsec_`",
    "whsec-or-utf8": "base64 after `whsec_`, else text",
    "base64": "base64",
    "hex": "hex",
    "public": "public key: extra `asymmetric`",
}
_ALGORITHMS = {
    "hmac-sha1": "HMAC-SHA-1",
    "hmac-sha256": "HMAC-SHA-256",
    "hmac-sha1-or-sha256": "HMAC-SHA-1, or -256 where announced",
    "ed25519": "Ed25519",
    "ecdsa-p256-sha256": "ECDSA P-256",
    "token": "equality of a token",
}


def _where(row: SignatureScheme) -> str:
    if row.procedure is not None:
        return row.procedure.place
    return " or ".join(f"`{name}`" for name in row.signature_header)


def _signed(row: SignatureScheme) -> str:
    if row.procedure is not None:
        return {"twilio": "URL, form fields or body hash", "adyen": "eight fields of each item"}.get(
            row.provider, "timestamp, token"
        )
    return f"`{row.message}`" if row.message else "nothing"


def _window(row: SignatureScheme) -> str:
    if row.tolerance is None:
        return "none"
    sign = "± " if row.window == "both" else "past "
    return f"{sign}{row.tolerance:g} s"


def _needs(row: SignatureScheme) -> str:
    needs = [f"secret {_KEYS[row.key]}" if row.key != "public" else _KEYS["public"]]
    if row.signs_url:
        needs.append("the public URL")
    if row.note:
        needs.append(row.note.rstrip("."))
    return "; ".join(needs)


def table() -> str:
    """The table in Markdown, one row for each provider in the order of their names."""
    lines = [
        "| provider | signature | encoding | algorithm | signed | window | event id | needs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in built_in_providers():
        cells = [
            f"[{row.title}]({row.source}) `{row.provider}`",
            _where(row),
            row.encoding,
            _ALGORITHMS.get(row.algorithm, row.algorithm),
            _signed(row),
            _window(row),
            f"`{row.event_id}`" if row.event_id else "",
            _needs(row),
        ]
        # A bar would end the cell, in code too.
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with a fresh table between its two marks."""
    return re.sub(
        re.escape(BEGIN) + ".*?" + re.escape(END), lambda _: BEGIN + table() + END, page, flags=re.DOTALL
    )


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
