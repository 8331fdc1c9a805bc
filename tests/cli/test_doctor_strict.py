"""`outworx doctor --strict`: ends with 78 where less is guarded than was asked for; what it did not try is no ok."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field, make_dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from support.commands import invoked

from outworx_otel.cli.doctor.check_result import CheckResult
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup, configuration, destination
from outworx_otel.cli.doctor.exporters import exporters
from outworx_otel.cli.doctor.guards import guards
from outworx_otel.cli.doctor.idempotency_store import store
from outworx_otel.cli.doctor.telemetry_server import server

VERIFIED = '[endpoints."/webhooks/stripe"]\nprovider = "stripe"\nsignature_secret_env = "STRIPE_SECRET"\n'
SECRET = "whsec_kept_by_the_doctor_0123"  # noqa: S105
QUIET = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}


@pytest.fixture
def verified(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which one endpoint is verified and nothing is exported."""
    (folder / "outworx.toml").write_text(VERIFIED)
    for name, value in {"STRIPE_SECRET": SECRET, **QUIET}.items():
        monkeypatch.setenv(name, value)
    return folder


def _of(findings: Iterable[CheckResult], status: str) -> str:
    return "\n".join(f"{one.text} -> {one.advice}" for one in findings if one.status == status)


def test_a_set_up_that_guards_what_it_names_passes(verified: Path) -> None:
    done = invoked("doctor", "--strict")

    assert done.code == 0, done.out


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OUTWORX_ENFORCE", "report"),
        ("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "outworx_flask"),
        ("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", "healthz,/webhooks"),
        ("STRIPE_SECRET", ""),
        ("OUTWORX_ROUTES", "/hooks/github=github"),
        ("OUTWORX_CONFIG_FILE", "nowhere.toml"),
        ("OTEL_CONFIG_FILE", "nowhere.yaml"),
        ("OTEL_TRACES_EXPORTER", "outwrox"),
        ("OTEL_METRICS_EXPORTER", "outwrox"),
    ],
)
def test_less_guarded_than_asked_ends_with_78_and_only_if_that_is_wanted(
    variable: str, value: str, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    assert invoked("doctor", "--strict").code == 78
    if variable == "OUTWORX_ENFORCE":
        assert invoked("doctor").code in (0, 1)


def test_a_framework_that_is_left_alone_is_less_than_asked(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "2.2.5" if name == "flask" else read(name))

    said = _of(guards(ConfiguredSetup()), "warning")
    assert "flask 2.2.5 is installed, and outworx-otel supports flask >=2.3" in said
    assert "nobody guards /webhooks/stripe in its applications" in said
    assert invoked("doctor", "--strict").code == 78


def test_a_start_in_a_folder_without_the_file_ends_with_78(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)

    assert invoked("doctor", "--strict").code == 78


def test_a_problem_of_another_kind_ends_with_1(verified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIPE_SECRET", f'"{SECRET}"')

    assert invoked("doctor", "--strict").code == 1


@pytest.mark.parametrize(
    "away",
    [
        {"OUTWORX_HOOKS_ENDPOINT": "http://127.0.0.1:9", "OTEL_TRACES_EXPORTER": "outworx"},
        {"OUTWORX_IDEMPOTENCY_STORE": "redis://127.0.0.1:9"},
        {"OUTWORX_IDEMPOTENCY_STORE": "outworx://127.0.0.1:9"},
    ],
)
def test_a_server_or_store_that_is_away_keeps_no_application_from_starting(
    away: dict[str, str], verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in away.items():
        monkeypatch.setenv(name, value)

    assert invoked("doctor").code == 1
    assert invoked("doctor", "--strict").code == 0


def test_the_report_says_which_findings_leave_less_guarded(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_ENFORCE", "report")

    (report,) = invoked("doctor", "--strict", "--json").json()

    assert [one["check"] for one in report["findings"] if one["unguarded"]] == ["guards"]
    assert report["hints"] == len([one for one in report["findings"] if one["status"] == "hint"])


def test_where_a_file_was_looked_for_is_said(folder: Path) -> None:
    said = _of(configuration(ConfiguredSetup()), "hint")

    assert f"in {folder} and the {len(folder.parents)} folders above it" in said
    assert "OUTWORX_CONFIG_FILE" in said


def test_options_in_code_are_no_reason_to_warn_of_an_empty_configuration(folder: Path) -> None:
    (folder / "app.py").write_text("from outworx_otel import webhook\n@webhook('stripe')\ndef hook(): ...\n")
    found = list(configuration(ConfiguredSetup()))

    assert "app.py:2 gives options in code, which is not run here" in _of(found, "hint")
    assert not any(one.unguarded for one in found)


@pytest.mark.parametrize(
    ("source", "status"),
    [
        ("", "warning"),
        ("from outworx_otel import instrument\ninstrument()\n", "hint"),
        ("import outworx_otel\noutworx_otel.instrument()\n", "hint"),
        ("from elsewhere import instrument\ninstrument()\n", "warning"),
    ],
)
def test_an_instrumentor_that_is_switched_off_is_harmless_only_where_the_code_switches_it_on(
    source: str, status: str, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (verified / "app.py").write_text(source)
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "outworx_fastapi,outworx_starlette")
    found = list(guards(ConfiguredSetup()))

    assert "switches outworx_" in _of(found, status)
    assert any(one.unguarded for one in found) is (status == "warning")


@pytest.mark.parametrize(("launcher", "is_old"), [("0.62b1", True), ("0.63b0", False), ("0.66b2", False)])
def test_an_old_launcher_reaches_no_workers_that_are_spawned(
    launcher: str, is_old: bool, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: launcher if name == "opentelemetry-instrumentation" else real(name)
    )

    assert ("`uvicorn --workers`" in _of(guards(ConfiguredSetup()), "hint")) is is_old


@pytest.mark.parametrize(("launcher", "switched_off"), [("0.59b0", False), ("0.60b0", True)])
def test_a_star_switches_all_off_where_the_launcher_knows_it(
    launcher: str, switched_off: bool, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = metadata.version
    monkeypatch.setattr(
        metadata, "version", lambda name: launcher if name == "opentelemetry-instrumentation" else real(name)
    )
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "*")

    assert ("switches outworx_" in _of(guards(ConfiguredSetup()), "warning")) is switched_off
    assert (invoked("doctor", "--strict").code == 78) is switched_off


def test_an_expression_may_open_a_part_of_a_pattern(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "outworx.toml").write_text(VERIFIED.replace("/webhooks/stripe", "/webhooks/*"))
    monkeypatch.setenv("STRIPE_SECRET", SECRET)
    monkeypatch.setenv("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", "/webhooks/test$")
    (inside,) = [one for one in guards(ConfiguredSetup()) if one.unguarded]
    monkeypatch.setenv("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", "healthz$")
    outside = [one for one in guards(ConfiguredSetup()) if one.unguarded]

    assert "may open a part of /webhooks/*" in inside.text
    assert outside == []


def test_that_nobody_tried_the_application_is_a_hint_and_no_ok(verified: Path) -> None:
    found = list(guards(ConfiguredSetup()))

    assert "was not tried" in _of(found, "hint")
    assert _of(found, "ok") == ""


def test_general_excluded_urls_spare_spans_only(verified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", ".*")
    found = list(guards(ConfiguredSetup()))

    assert "spares spans only" in _of(found, "hint")
    assert not any(one.unguarded for one in found)


def test_stores_that_differ_are_warned_of(verified: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (verified / "outworx.toml").write_text(f'idempotency_store = "sqlite:///{verified}/a.db"\n{VERIFIED}')
    monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", f"sqlite:///{verified}/b.db")

    assert "name different stores" in _of(store(ConfiguredSetup()), "warning")


@pytest.mark.parametrize(
    "call", ["init(idempotency_store=STORE)", "init(idempotency_store='sqlite:///c.db')"]
)
def test_a_store_in_code_is_told_of_and_not_called_tried(
    call: str, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (verified / "app.py").write_text(f"from outworx_otel import init\n{call}\n")
    alone = list(store(ConfiguredSetup()))
    monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", f"sqlite:///{verified}/b.db")
    beside = list(store(ConfiguredSetup()))

    assert "app.py:2 gives idempotency_store in code, which is not tried here" in _of(alone, "hint")
    assert _of(alone, "ok") == ""
    assert "which counts before OUTWORX_IDEMPOTENCY_STORE" in _of(beside, "warning")


@dataclass
class Sampler:
    """As `opentelemetry.configuration` reads one: what is no part of OpenTelemetry is an additional property."""

    always_off: dict[str, Any] | None = None
    additional_properties: dict[str, Any] = field(default_factory=dict)


@dataclass
class SpanExporter:
    """Likewise."""

    additional_properties: dict[str, Any] = field(default_factory=dict)


def _file(
    monkeypatch: pytest.MonkeyPatch,
    sampler: Sampler,
    exporter: str,
    enabled: bool = True,
    propagators: str | None = "tracecontext,baggage",
) -> None:
    """Has the SDK's reader, which is no requirement of ours, read this."""
    reader = ModuleType("opentelemetry.configuration")
    part = make_dataclass("Part", ["sampler", "processors"])
    languages = make_dataclass("Languages", ["python"])
    whole = make_dataclass(
        "Whole", ["disabled", "tracer_provider", "instrumentation_development", "propagator"]
    )
    propagator = make_dataclass("Propagator", ["composite", "composite_list"])
    provider = part(sampler, [SpanExporter({exporter: None})])
    reader.load_config_file = lambda path: whole(  # type: ignore[attr-defined]
        None,
        provider,
        languages({"outworx_flask": {"enabled": enabled}}),
        propagator(None, propagators),
    )
    monkeypatch.setitem(sys.modules, "opentelemetry.configuration", reader)
    monkeypatch.setenv("OTEL_CONFIG_FILE", "otel.yaml")


def test_what_the_sdks_own_file_names_must_exist_and_the_variables_do_not_count(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "outwrox")
    _file(monkeypatch, Sampler(additional_properties={"always_of": None}), "outworx")
    found = list(exporters())

    assert "exporter outworx" in _of(found, "ok")
    assert "unknown sampler 'always_of'" in _of(found, "problem")
    assert "outwrox" not in repr(found)


@pytest.mark.parametrize(("propagators", "said"), [(None, True), ("", True), ("tracecontext", False)])
def test_a_file_without_propagators_is_a_problem_for_every_request(
    propagators: str | None, said: bool, verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(monkeypatch, Sampler(additional_properties={"outworx_webhook": None}), "outworx", True, propagators)
    problems = [found for found in exporters() if "names no propagator" in repr(found)]
    assert bool(problems) is said


def test_the_sdks_own_file_may_name_an_exporter_wrongly_and_lose_deliveries(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(monkeypatch, Sampler(always_off={}), "outwork")
    found = list(exporters())

    assert "unknown exporter 'outwork': did you mean 'outworx'?" in _of(found, "problem")
    assert "sampler always_off leaves deliveries out" in _of(found, "warning")
    assert "names no span exporter outworx" in _of(found, "hint")


def test_instrumentors_that_the_sdks_own_file_switches_off_are_warned_of(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _file(monkeypatch, Sampler(), "outworx", enabled=False)

    assert "OTEL_CONFIG_FILE switches outworx_flask off" in _of(guards(ConfiguredSetup()), "warning")


def test_where_that_file_says_where_spans_go_no_other_server_is_asked_or_called_reachable(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OTEL_TRACES_EXPORTER")
    _file(monkeypatch, Sampler(), "outworx")

    assert "where spans go is in OTEL_CONFIG_FILE; no server was asked" in _of(destination(), "hint")
    assert list(server(ConfiguredSetup())) == []


def test_without_its_reader_that_file_is_a_problem_and_the_variables_count(
    verified: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.configuration", None)
    monkeypatch.setenv("OTEL_CONFIG_FILE", "otel.yaml")
    found = list(exporters())

    assert "pip install opentelemetry-configuration" in _of(found, "problem")
    assert "OTEL_TRACES_EXPORTER=none" in _of(found, "ok")
