"""`OTEL_CONFIG_FILE`: our names in it work, and whatever is wrong with it, endpoints that verify stay closed."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.sampling import Sampler
from support.project_file import project

from outworx_otel.export.by_name import NamedMetricExporter, NamedSpanExporter
from outworx_otel.export.sampler import configured_sampler

from .test_processes import BOTH_SECRETS, CLOSED, INSTRUMENT, ROUTES, SITE, run, said_at_start

BROKEN = {
    "no_file": None,
    "no_yaml": "{",
    "unknown_name": "file_format: '1.0'\ntracer_provider: {sampler: {outwrox:}}",
}


@pytest.fixture
def entry_points(tmp_path: Path) -> str:
    """A folder for PYTHONPATH with the entry points as pyproject.toml has them, whatever is installed."""
    groups: dict[str, dict[str, str]] = project()["entry-points"]
    folder = tmp_path / "path" / "outworx_entry_points-0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: outworx-entry-points\nVersion: 0\n")
    wanted = {name: groups[name] for name in ("opentelemetry_environment_variables", "opentelemetry_sampler")}
    lines = [
        line
        for name, rows in wanted.items()
        for line in (f"[{name}]", *(f"{k} = {v}" for k, v in rows.items()))
    ]
    (folder / "entry_points.txt").write_text("\n".join(lines))
    source = Path(__file__).parents[2] / "src"
    return f"{tmp_path / 'path'}:{source}"


@pytest.mark.parametrize("broken", BROKEN)
def test_a_file_that_cannot_be_used_leaves_endpoints_closed_and_is_one_error_that_names_it(
    broken: str, tmp_path: Path, entry_points: str
) -> None:
    file = tmp_path / "otel.yaml"
    text = BROKEN[broken]
    if text is not None:
        file.write_text(text)
    environ = {"OTEL_CONFIG_FILE": str(file), "PYTHONPATH": entry_points, **ROUTES, **BOTH_SECRETS}
    done = run(tmp_path, INSTRUMENT, sys.executable, str(SITE), **environ)
    assert done.stdout == CLOSED, done.stderr
    assert len(said_at_start(done, f"outworx: OTEL_CONFIG_FILE={file} cannot be used")) == 1
    strict = run(tmp_path, INSTRUMENT, sys.executable, str(SITE), OUTWORX_STRICT="1", **environ)
    assert strict.returncode == 78


def test_somebody_elses_trouble_with_that_file_is_left_to_them(tmp_path: Path, entry_points: str) -> None:
    environ = {"OTEL_CONFIG_FILE": "nowhere.yaml", "PYTHONPATH": entry_points}
    done = run(tmp_path, INSTRUMENT, sys.executable, str(SITE), **environ)
    assert "outworx:" not in done.stderr


def test_the_sampler_and_the_exporters_take_the_settings_that_the_file_gives_them() -> None:
    assert "0.25" in configured_sampler(ratio=0.25).get_description()
    assert isinstance(configured_sampler(), Sampler)
    for kind in (NamedSpanExporter, NamedMetricExporter):
        exporter: Any = kind(
            endpoint="http://127.0.0.1:9/ingest", api_key="ohk_abc", timeout=500, protocol="events"
        )
        destination = exporter._exporter.destination
        assert (destination.endpoint, destination.timeout, destination.protocol) == (
            "http://127.0.0.1:9/ingest",
            500,
            "events",
        )
        exporter.shutdown()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"endpont": "http://x"}, "unknown setting 'endpont': did you mean 'endpoint'"),
        ({"zzz": 1}, "known are api_key, endpoint"),
        ({"endpoint": "no url"}, "endpoint"),
        ({"timeout": "soon"}, "timeout"),
    ],
)
def test_a_setting_that_is_no_use_is_one_error_and_costs_telemetry_only(
    settings: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    exporter: Any = NamedSpanExporter(**settings)
    assert exporter._exporter is None
    exporter.export([])
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert said in error
