"""`collector-config/agent.yaml` hangs together. A real collector runs it elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from outworx_otel.telemetry.semconv import SCOPE

CONFIG = Path(__file__).resolve().parents[2] / "collector-config" / "agent.yaml"
KINDS = ("receivers", "processors", "exporters")


@pytest.fixture(scope="module")
def config() -> dict[str, Any]:
    return yaml.safe_load(CONFIG.read_text(encoding="utf-8"))


def test_every_component_of_every_pipeline_is_defined(config: dict[str, Any]) -> None:
    for name, pipeline in config["service"]["pipelines"].items():
        assert set(pipeline) == set(KINDS), name
        for kind in KINDS:
            assert pipeline[kind], name
            assert set(pipeline[kind]) <= set(config[kind]), name


def test_every_defined_component_is_used(config: dict[str, Any]) -> None:
    for kind in KINDS:
        used = {component for one in config["service"]["pipelines"].values() for component in one[kind]}
        assert used == set(config[kind])


def test_memory_is_guarded_first_and_batches_are_made_last(config: dict[str, Any]) -> None:
    for pipeline in config["service"]["pipelines"].values():
        assert pipeline["processors"][0] == "memory_limiter"
        assert pipeline["processors"][-1] == "batch"


def test_it_listens_on_loopback_only(config: dict[str, Any]) -> None:
    protocols = config["receivers"]["otlp"]["protocols"]
    assert {one["endpoint"] for one in protocols.values()} == {"127.0.0.1:4317", "127.0.0.1:4318"}


@pytest.mark.parametrize("signal", ["traces", "metrics"])
def test_outworx_gets_what_is_ours_and_the_back_end_everything(config: dict[str, Any], signal: str) -> None:
    pipelines = config["service"]["pipelines"]
    assert pipelines[f"{signal}/outworx"]["exporters"] == ["otlphttp/outworx"]
    assert "filter/webhooks" in pipelines[f"{signal}/outworx"]["processors"]
    assert pipelines[f"{signal}/backend"]["exporters"] == ["otlphttp/backend"]
    assert "filter/webhooks" not in pipelines[f"{signal}/backend"]["processors"]
    [conditions] = config["processors"]["filter/webhooks"][signal].values()
    assert conditions == [f'instrumentation_scope.name != "{SCOPE}"']


def test_outworx_is_reached_with_the_variables_that_the_package_reads(config: dict[str, Any]) -> None:
    exporter = config["exporters"]["otlphttp/outworx"]
    assert exporter["endpoint"] == "${env:OUTWORX_HOOKS_ENDPOINT}"
    assert exporter["headers"] == {"Authorization": "Bearer ${env:OUTWORX_HOOKS_API_KEY}"}
    assert exporter["retry_on_failure"]["enabled"]
    assert exporter["sending_queue"]["queue_size"] > 0
