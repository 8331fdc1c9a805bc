"""What can be said of the files without running them."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from jsonschema import Draft7Validator

from outworx_otel.telemetry.semconv import SCOPE

from .backends import CONFIGURATION
from .files import COLLECTORS, read

DEFAULTS = {
    "OUTWORX_SAMPLE_PERCENT": "10",
    "OUTWORX_DECISION_WAIT": "10s",
    "OUTWORX_SLOW": "2000",
    "OUTWORX_COLLECTOR_STORAGE": "/var/lib/otelcol/outworx",
    "OUTWORX_COLLECTOR_METRICS_PORT": "8888",
}


@pytest.fixture(params=COLLECTORS)
def file(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def test_every_component_is_used(file: str) -> None:
    config = read(file)
    used: set[str] = set(config["service"]["extensions"])
    for pipeline in config["service"]["pipelines"].values():
        used |= {name for names in pipeline.values() for name in names}
    kinds = ("extensions", "receivers", "processors", "exporters", "connectors")
    assert used == {name for kind in kinds for name in config[kind]}


def test_whatever_comes_from_outside_is_guarded_and_masked(file: str) -> None:
    for name, pipeline in read(file)["service"]["pipelines"].items():
        if "otlp" in pipeline["receivers"]:
            assert pipeline["processors"][0] == "memory_limiter", name
            assert "redaction" in pipeline["processors"], name


def test_every_queue_is_bounded_on_disk_and_never_gives_up(file: str) -> None:
    for name, exporter in read(file)["exporters"].items():
        queue = exporter["sending_queue"]
        assert (queue["storage"], queue["sizer"]) == ("file_storage", "bytes"), name
        assert 0 < int(str(queue["queue_size"]).replace("_", "")) <= 2**30, name
        assert exporter["retry_on_failure"]["max_elapsed_time"] == 0, name


def test_the_three_mask_alike() -> None:
    first, *others = (read(name)["processors"] for name in COLLECTORS)
    for other in others:
        assert other["redaction"] == first["redaction"]
        assert other["transform/status"] == first["transform/status"]


def test_variables_have_the_defaults_that_are_promised(file: str) -> None:
    text = (CONFIGURATION / file).read_text()
    for name, default in re.findall(r"\$\{env:([A-Z0-9_]+)(?::-([^}]*))?\}", text):
        assert default == DEFAULTS.get(name, ""), name


def test_what_is_ours_is_told_by_the_scope(file: str) -> None:
    text = (CONFIGURATION / file).read_text()
    assert set(re.findall(r'scope\.name [!=]= "([^"]*)"', text)) <= {SCOPE}


def test_the_compose_file_is_one() -> None:
    schema = get_builtin_schema("vendor.compose-spec")
    assert [error.message for error in Draft7Validator(schema).iter_errors(read("docker-compose.yml"))] == []


def test_the_compose_file_mounts_what_is_there_and_listens_on_loopback() -> None:
    services = read("docker-compose.yml")["services"]
    for service in services.values():
        for mount in service.get("volumes", ()):
            if mount.startswith("./"):
                assert (CONFIGURATION / mount.split(":")[0]).is_file(), mount
        assert all(port.startswith("127.0.0.1:") for port in service["ports"])
        if "build" in service:
            assert (CONFIGURATION / service["build"]["context"] / service["build"]["dockerfile"]).is_file()
    said = services["collector"]["environment"]
    assert set(re.findall(r"\$\{env:([A-Z_]+)\}", (CONFIGURATION / "agent.yaml").read_text())) <= set(said)


def test_the_dashboard_is_one() -> None:
    """Read by Grafana's own types and written again, nothing is lost."""
    document = read("grafana-dashboard.json")
    again = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(document)))
    assert lost(document, again) == []


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Where something of `before` is not in `after`."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            found
            for key, value in before.items()
            for found in (lost(value, after[key], f"{path}.{key}") if key in after else [f"{path}.{key}"])
        ]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [
            found
            for number, (one, other) in enumerate(zip(before, after, strict=True))
            for found in lost(one, other, f"{path}[{number}]")
        ]
    return [] if before == after else [path]
