"""The page about signatures says what the code does."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from outworx_otel.signatures import REASONS, SignatureScheme, register_provider, unregister_provider
from outworx_otel.signatures.handshakes import with_handshakes
from outworx_otel.signatures.registry import built_in_providers

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("provider_table", DOCS / "provider_table.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_of_providers_is_current(generator: ModuleType) -> None:
    page = (DOCS / "signatures.md").read_text(encoding="utf-8")

    assert generator.with_table(page) == page, "run: python docs/provider_table.py"
    assert all(f"`{one.scheme.provider}` |" in page for one in built_in_providers())


def test_the_table_of_handshakes_is_current(generator: ModuleType) -> None:
    page = generator.HANDSHAKES.read_text(encoding="utf-8")

    assert generator.with_table(page) == page, "run: python docs/provider_table.py"
    assert all(f"| `{name}` |" in page for name in with_handshakes())


def test_the_table_of_published_keys_is_current(generator: ModuleType) -> None:
    page = generator.KEYS.read_text(encoding="utf-8")

    assert generator.with_table(page) == page, "run: python docs/provider_table.py"
    assert "`aws_sns` |" in page


def test_the_index_of_providers_is_current(generator: ModuleType) -> None:
    assert generator.INDEX.read_text(encoding="utf-8") == generator.index(), (
        "run: python docs/provider_table.py"
    )


def test_the_table_of_providers_knows_nothing_of_what_a_file_registered(generator: ModuleType) -> None:
    before = generator.table()
    for provider in ("acme", "stripe"):
        register_provider(SignatureScheme(provider=provider, signature_header="x-acme"))
    try:
        assert generator.table() == before
    finally:
        for provider in ("acme", "stripe"):
            unregister_provider(provider)


def test_every_reason_is_explained_on_the_page() -> None:
    page = (DOCS / "signatures.md").read_text(encoding="utf-8")

    assert all(f"| `{reason}` |" in page for reason in REASONS)
