"""What is already exported to is not exported to a second time."""

from __future__ import annotations

import gc

from opentelemetry.sdk.trace.export import BatchSpanProcessor

from outworx_otel.export import (
    Destination,
    OutworxMetricExporter,
    OutworxSpanExporter,
    OutworxSpanProcessor,
    is_served,
    served_destinations,
)

ENDPOINT = "http://127.0.0.1:9"
HERE = Destination(ENDPOINT, "ohk_1")


def test_a_destination_is_served_from_the_exporters_making_to_its_shutdown() -> None:
    assert not is_served(HERE)
    processor = OutworxSpanProcessor("ohk_1", f"{ENDPOINT}/")
    assert is_served(HERE)
    assert not is_served(Destination(ENDPOINT, "ohk_2"))
    assert not is_served(Destination("http://127.0.0.1:8", "ohk_1"))
    processor.shutdown()
    assert not is_served(HERE)


def test_an_exporter_counts_like_a_processor_and_signals_are_told_apart() -> None:
    batch = BatchSpanProcessor(OutworxSpanExporter("ohk_1", ENDPOINT))
    assert is_served(HERE)
    assert not is_served(HERE, "metrics")
    metrics = OutworxMetricExporter("ohk_1", ENDPOINT)
    assert is_served(HERE, "metrics")
    batch.shutdown()
    metrics.shutdown()
    assert not is_served(HERE)
    assert not is_served(HERE, "metrics")


def test_a_processor_that_was_thrown_away_serves_nobody() -> None:
    OutworxSpanProcessor("ohk_1", ENDPOINT)
    gc.collect()
    assert not is_served(HERE)


def test_the_registry_holds_no_key() -> None:
    processor = OutworxSpanProcessor("ohk_secret", ENDPOINT)
    assert "ohk_secret" not in repr(served_destinations._serving)
    processor.shutdown()
