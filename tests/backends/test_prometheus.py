"""In Prometheus, by its own OTLP receiver: the three metrics, whether they are sent as sums or as differences."""

from __future__ import annotations

from pathlib import Path

import pytest
from collector.daemon import Daemon, until
from collector.prometheus import Prometheus

from .conftest import Shop

OUTCOMES = {"accepted", "replayed", "failed", "error", "silent_drop", "rejected"}


def reporting(prometheus: Prometheus, temporality: str) -> dict[str, str]:
    """The variables that send metrics there, and traces nowhere: Prometheus takes none."""
    return {
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{prometheus.url}/v1/metrics",
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": temporality,
    }


@pytest.fixture
def taking_deltas(running: list[Daemon], tmp_path: Path) -> Prometheus:
    """One that was told to add differences up."""
    made = Prometheus(tmp_path / "deltas", options=["--enable-feature=otlp-deltatocumulative"])
    running.append(made)
    return made.start()


def assert_counted(prometheus: Prometheus) -> None:
    until(lambda: prometheus.value("outworx_webhook_deliveries_total") == 6)
    for outcome in OUTCOMES:
        assert (
            prometheus.value(f'outworx_webhook_deliveries_total{{outworx_webhook_outcome="{outcome}"}}') == 1
        )
    (series,) = prometheus.query('outworx_webhook_deliveries_total{outworx_webhook_outcome="rejected"}')
    labels = series["metric"]
    assert labels["job"] == "shop"
    assert labels["http_route"] == "/webhooks/github"
    assert labels["outworx_webhook_provider"] == "github"
    assert labels["outworx_webhook_signature_reason"] == "hmac_mismatch"
    assert prometheus.value("outworx_webhook_duration_seconds_count") == 6


def test_sums_are_taken_as_they_are(prometheus: Prometheus, shop: Shop) -> None:
    shop(**reporting(prometheus, "cumulative"))
    assert_counted(prometheus)


def test_differences_are_added_up_where_it_was_told_to(taking_deltas: Prometheus, shop: Shop) -> None:
    shop(**reporting(taking_deltas, "delta"))
    assert_counted(taking_deltas)


def test_differences_are_refused_elsewhere_and_the_application_says_so(
    prometheus: Prometheus, shop: Shop
) -> None:
    said = shop(**reporting(prometheus, "delta"))
    assert f"{prometheus.url}/v1/metrics refuses what it is sent" in said
    assert "Internal Server Error" in said
    assert "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" in said
    assert prometheus.query("outworx_webhook_deliveries_total") == []
