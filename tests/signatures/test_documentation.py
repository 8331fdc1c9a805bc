"""The page about signatures says what the code does."""

from __future__ import annotations

from support.pages import page

from outworx_otel.signatures import REASONS


def test_every_reason_is_explained_on_the_page() -> None:
    text = page("signatures.md")

    assert all(f"| `{reason}` |" in text for reason in REASONS)
