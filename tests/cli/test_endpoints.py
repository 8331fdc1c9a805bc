"""`outworx endpoints`: what is configured, for people and for scripts, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.commands import invoked

FILE = """
[endpoints."/webhooks/stripe"]
provider = "stripe"
signature_secret_env = "STRIPE_SECRET"
idempotency_key = true

[endpoints."/hooks/*"]
provider = "github"
"""


def test_every_endpoint_has_its_line(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "whsec_of_the_endpoints")
    (folder / "outworx.toml").write_text(FILE)

    done = invoked("endpoints")

    assert (done.code, done.err) == (0, "")
    assert done.lines == [
        "/webhooks/stripe  provider=stripe  signature=verified  idempotency=on  from outworx.toml",
        "/hooks/*  provider=github  signature=not verified  idempotency=off  from outworx.toml",
    ]


def test_scripts_get_one_document(folder: Path) -> None:
    (folder / "outworx.toml").write_text(FILE)

    done = invoked("endpoints", "--json")

    (document,) = done.json()
    assert done.code == 1
    assert document["endpoints"][0] == {
        "path": "/webhooks/stripe",
        "provider": "stripe",
        "signature": "BROKEN",
        "idempotency": "on",
        "source": "outworx.toml",
    }
    assert "STRIPE_SECRET" in document["problems"][0]


def test_where_nothing_is_configured_it_says_how_to_begin(folder: Path) -> None:
    done = invoked("endpoints")

    assert (done.code, done.lines[0]) == (0, "No endpoints. Begin an outworx.toml with")


def test_a_file_that_cannot_be_read_is_not_taken_for_none(folder: Path) -> None:
    (folder / "outworx.toml").write_text('[endpoints."/in"\n')

    done = invoked("endpoints")

    assert (done.code, done.out) == (1, "")
    assert "not valid TOML" in done.err
