"""The options that choose deliveries, against a real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer
from server.ingest.serving import Serving
from support.commands import runner
from support.exports import PROTOBUF, WEBHOOK, span, traces

from outworx_otel.cli import delivery_filters
from outworx_otel.cli.delivery_filters import DeliveryFilters, deliveries, takes_filters
from outworx_otel.cli.server_calls import KeyRefused, OutworxServer, ServerCallFailed
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.filters import PARAMETERS
from outworx_otel.telemetry import semconv

KEY = "ohk_0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A server that has seven deliveries: three of GitHub's."""
    served = Serving(tmp_path_factory.mktemp("filters") / "outworx.db", api_keys=(KEY,))
    try:
        kinds = ["github", "stripe", "stripe"] * 2 + ["github"]
        spans = [span(attributes={**WEBHOOK, semconv.PROVIDER: provider}) for provider in kinds]
        answer = served.post(
            "/v1/traces", traces(spans).SerializeToString(), PROTOBUF, {"authorization": f"Bearer {KEY}"}
        )
        assert answer.status_code == 200, answer.text
        yield served
    finally:
        served.stop()


def _asked(*arguments: str) -> DeliveryFilters:
    """What a command with these options is given."""
    given: list[DeliveryFilters] = []
    app = typer.Typer()

    @app.command()
    @takes_filters()
    def command(filters: DeliveryFilters) -> None:
        given.append(filters)

    done = runner().invoke(app, list(arguments))
    assert done.exit_code == 0, done.output
    return given[0]


def _listed(serving: Serving, filters: DeliveryFilters, limit: int | None = None) -> list[dict[str, Any]]:
    with OutworxServer(serving.url, KEY) as server:
        return list(deliveries(server, filters, limit))


def test_every_filter_of_the_server_has_an_option() -> None:
    assert set(delivery_filters._options({})) == set(PARAMETERS)


def test_so_long_ago_is_written_without_the_servers_minus() -> None:
    asked = _asked("--since", "3h", "--until", "-1.5m", "--outcome", "error", "--outcome", "failed")

    assert asked.values("since") == ("-3h",)
    assert asked.values("until") == ("-1.5m",)
    assert asked.values("outcome") == ("error", "failed")
    assert _asked("--since", "2026-11-07").asked == (("since", "2026-11-07"),)


def test_all_pages_are_read_as_far_as_they_are_wanted(
    serving: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery_filters, "PAGE", 2)
    everything = [
        one["id"]
        for one in serving.client.get("/api/deliveries", headers={"authorization": f"Bearer {KEY}"}).json()[
            "deliveries"
        ]
    ]

    assert [one["id"] for one in _listed(serving, DeliveryFilters())] == everything
    assert [one["id"] for one in _listed(serving, DeliveryFilters(), 3)] == everything[:3]
    assert [one["provider"] for one in _listed(serving, _asked("--provider", "github"))] == ["github"] * 3
    assert len(_listed(serving, _asked("--search", "charge.succ", "--since", "1h"))) == 7


def test_what_the_server_does_not_take_is_said_in_its_words(serving: Serving) -> None:
    with pytest.raises(ConfigurationError, match=r"since: must be a time such as"):
        _listed(serving, _asked("--since", "yesterday"))


def test_a_key_that_is_refused_is_told_from_a_server_that_is_away(serving: Serving) -> None:
    with OutworxServer(serving.url) as server, pytest.raises(KeyRefused, match="wants a key"):
        list(deliveries(server, DeliveryFilters(), 1))
    with (
        OutworxServer("http://127.0.0.1:9") as server,
        pytest.raises(ServerCallFailed, match="no server at") as away,
    ):
        list(deliveries(server, DeliveryFilters(), 1))
    assert not isinstance(away.value, KeyRefused)
