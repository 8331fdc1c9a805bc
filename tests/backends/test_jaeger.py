"""In Jaeger: every delivery is a span with what became of it, errors are errors, and a replay leads to the run."""

from __future__ import annotations

from typing import Any

import pytest
from collector.daemon import until
from collector.jaeger import Jaeger, tags

from .conftest import Shop


def reporting(jaeger: Jaeger, protocol: str) -> dict[str, str]:
    """The variables that send traces there, and metrics nowhere: Jaeger takes none."""
    endpoint = {
        "grpc": f"http://127.0.0.1:{jaeger.grpc_port}",
        "http/protobuf": f"{jaeger.url}/v1/traces",
    }[protocol]
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": protocol,
        "OTEL_METRICS_EXPORTER": "none",
    }


def deliveries(jaeger: Jaeger) -> dict[str, dict[str, Any]]:
    """The spans of deliveries, by outcome."""
    spans = [span for span in jaeger.spans("shop") if span["operationName"] == "webhook github"]
    return {tags(span)["outworx.webhook.outcome"]: span for span in spans}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_deliveries_their_errors_and_a_replays_link_are_seen(
    protocol: str, jaeger: Jaeger, shop: Shop
) -> None:
    shop(**reporting(jaeger, protocol))
    until(lambda: len(deliveries(jaeger)) == 6, lambda: f"deliveries in Jaeger: {deliveries(jaeger)}")
    found = deliveries(jaeger)
    assert set(found) == {"accepted", "replayed", "failed", "error", "silent_drop", "rejected"}
    said = {outcome: tags(span) for outcome, span in found.items()}
    assert {outcome for outcome, its in said.items() if its.get("error") is True} == {
        *("failed", "error", "silent_drop", "rejected")
    }
    assert said["failed"]["otel.status_description"] == "failed: no stock"
    assert {its["span.kind"] for its in said.values()} == {"consumer"}
    assert said["rejected"]["outworx.webhook.signature.reason"] == "hmac_mismatch"
    assert said["accepted"]["outworx.webhook.metadata.order"] == 4711
    (link,) = [one for one in found["replayed"]["references"] if one["refType"] == "FOLLOWS_FROM"]
    assert (link["traceID"], link["spanID"]) == (found["accepted"]["traceID"], found["accepted"]["spanID"])
    (exception,) = [
        {field["key"]: field["value"] for field in log["fields"]} for log in found["error"]["logs"]
    ]
    assert exception["exception.message"] == "the ledger is closed"
    # The handler's own work hangs below, whatever the framework puts in between.
    whole = jaeger.trace(found["accepted"]["traceID"])
    assert whole is not None
    parents = {one["spanID"]: one["references"][0]["spanID"] for one in whole["spans"] if one["references"]}
    (work,) = [one["spanID"] for one in whole["spans"] if one["operationName"] == "reserve the stock"]
    above = [work]
    while above[-1] in parents:
        above.append(parents[above[-1]])
    assert found["accepted"]["spanID"] in above
