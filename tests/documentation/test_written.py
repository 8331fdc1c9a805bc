"""What pages have of the code is as the code is, and nothing of the code is on no page."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import ROOT, page

import outworx_otel
from docs_build.listing import first_sentence
from docs_build.navigation import faults_of_navigation, load_settings, named_pages
from docs_build.provider_pages import page as provider_page
from docs_build.provider_table import all_providers, table
from docs_build.references import commands
from docs_build.written import renewed, superfluous, written
from outworx_otel import testing
from outworx_otel.signatures import SignatureScheme, register_provider, unregister_provider
from outworx_otel.signatures.handshakes import with_handshakes
from outworx_otel.signatures.registry import built_in_providers
from outworx_otel.telemetry import semconv

SOURCE = ROOT / "src"
VARIABLE = re.compile(r"(?<![A-Z_])(?:OUTWORX|OTEL)_[A-Z0-9_]+")
# Where a variable is told of: what begins so, or has this for its beginning.
PAGES = ("configuration.md", "commands.md", "server.md", "servers.md", "networks.md", "command-line.md")


def test_everything_that_is_written_from_the_code_is_current() -> None:
    old = [
        str(file.relative_to(ROOT))
        for file, text in written().items()
        if not file.exists() or file.read_text(encoding="utf-8") != text
    ]

    assert old == [], "run: python -m docs_build"
    assert superfluous() == [], "run: python -m docs_build"


def test_a_page_without_the_marks_is_an_error() -> None:
    assert renewed("a\n<!-- x: begin -->\nold\n<!-- x: end -->\n", "x", "new\n") == (
        "a\n<!-- x: begin -->\nnew\n<!-- x: end -->\n"
    )
    with pytest.raises(LookupError, match="no marks"):
        renewed("a page", "x", "new")


def test_every_provider_has_a_row_and_a_page() -> None:
    assert all(f"`{one.scheme.provider}` |" in page("signatures.md") for one in built_in_providers())
    assert all(f"({one.scheme.provider}.md)" in page("providers/index.md") for one in built_in_providers())
    assert all(f"| `{name}` |" in page("handshakes.md") for name in with_handshakes())
    assert "`aws_sns` |" in page("published-keys.md")


def test_a_providers_page_says_what_that_provider_needs() -> None:
    pages = {one.scheme.provider: provider_page(one) for one in all_providers()}

    assert "public_url" in pages["twilio"]
    assert "public_url" not in pages["stripe"]
    assert "outworx-otel[asymmetric]" in pages["discord"]
    assert "`sk_live_` (a live API key)" in pages["stripe"]
    assert "## Before the first delivery" in pages["slack"]
    assert "The body is not proved" in pages["telegram"]


def test_what_a_file_registered_is_on_no_page() -> None:
    before = table()
    for provider in ("acme", "stripe"):
        register_provider(SignatureScheme(provider=provider, signature_header="x-acme"))
    try:
        assert table() == before
    finally:
        for provider in ("acme", "stripe"):
            unregister_provider(provider)


def named_variables() -> Iterator[tuple[str, Path]]:
    """The environment variables of ours that the source names, and OpenTelemetry's that it reads."""
    for file in SOURCE.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if VARIABLE.search(text) else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((name, file) for name in VARIABLE.findall(node.value))


def test_every_environment_variable_is_on_a_page() -> None:
    text = "\n".join(page(name) for name in PAGES)
    told = set(VARIABLE.findall(text))
    # `OUTWORX_SECRET_<PROVIDER>`, `OTEL_EXPORTER_OTLP_*`: a beginning stands for all that begin so.
    beginnings = tuple(re.findall(r"((?:OUTWORX|OTEL)_[A-Z_]+_)(?:<|\*)", text))

    missing = {
        f"{name} ({file.name})"
        for name, file in named_variables()
        if name not in told
        and not name.startswith(beginnings)
        and not any(one.startswith(name) for one in told)
    }
    assert missing == set()


def constants() -> dict[str, str]:
    """Names of attributes, events and metrics, with the constants that hold them."""
    return {value: name for name, value in vars(semconv).items() if name.isupper() and isinstance(value, str)}


def test_every_attribute_event_and_metric_is_on_the_page() -> None:
    told = set(re.findall(r"`([a-z_.<>]+)`", page("telemetry.md")))
    beginnings = {name.partition("<")[0] for name in told if "<" in name}

    names = set(constants()) - {semconv.SCOPE, semconv.SCHEMA_URL}
    assert {name for name in names if name not in told and name not in beginnings} == set()


def test_every_name_of_ours_on_the_page_is_one_of_the_code() -> None:
    full = set(re.findall(r"`(outworx\.webhook\.[a-z_.]+)`", page("telemetry.md")))

    assert full - set(constants()) == set()


def test_every_public_name_is_on_the_page() -> None:
    text = page("api.md")

    assert {name for name in outworx_otel.__all__ if f"::: outworx_otel.{name}\n" not in text + "\n"} == {
        "__version__"
    }
    assert {name for name in testing.__all__ if f"::: outworx_otel.testing.{name}\n" not in text + "\n"} == {
        "sign"
    }


def test_every_command_is_told_of() -> None:
    text = page("command-line.md") + page("tunnel.md") + page("server.md")

    assert [name for name, _ in commands() if f"`{name}" not in text and f"{name} " not in text] == []


def test_every_page_is_found_by_the_navigation() -> None:
    named = list(named_pages(load_settings(ROOT)["nav"]))

    assert list(faults_of_navigation(ROOT, named)) == []


def test_the_readme_is_short() -> None:
    assert len(page("README.md").splitlines()) <= 180


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("# A\n\n```sh\nrun\n```\n\nIt runs. Then it ends.", "It runs."),
        ("# A\n\n**Many** [ask](b.md) first: is it there?", "Many ask first."),
        ("# A\n", ""),
    ],
)
def test_the_first_sentence_of_a_page(text: str, first: str) -> None:
    assert first_sentence(text) == first
