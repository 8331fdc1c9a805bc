"""The single checks of `outworx doctor`: packages, instrumentors, exporters, secrets, double instrumentation."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, PathDistribution
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.cli.doctor import doubles as doctor_doubles
from outworx_otel.cli.doctor import instrumentors as doctor_instrumentors
from outworx_otel.cli.doctor.check_result import CheckResult, run_check
from outworx_otel.cli.doctor.configured_secrets import secrets
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup, configuration
from outworx_otel.cli.doctor.doubles import doubles
from outworx_otel.cli.doctor.exporters import exporters
from outworx_otel.cli.doctor.instrumentors import configurator, instrumentors
from outworx_otel.cli.doctor.packages import packages
from outworx_otel.cli.doctor.source_scan import source_lines


def _of(findings: Iterable[CheckResult], status: str) -> list[str]:
    return [f"{one.text} -> {one.advice}" for one in findings if one.status == status]


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., PathDistribution]:
    """A distribution as pip leaves it on the disk."""

    def install(name: str, version: str, *requires: str) -> PathDistribution:
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires)]
        (folder / "METADATA").write_text("\n".join(["Metadata-Version: 2.1", *lines, "", ""]))
        return PathDistribution(folder)

    return install


def test_the_packages_that_are_installed_here_fit_together() -> None:
    (found,) = packages()

    assert (found.status, "fit together" in found.text) == ("ok", True)


def test_contribs_packages_of_two_versions_are_a_conflict(installed: Callable[..., PathDistribution]) -> None:
    there = [
        installed("opentelemetry-api", "1.45.1"),
        installed("opentelemetry-instrumentation", "0.66b2", "opentelemetry-api~=1.4"),
        installed("opentelemetry-instrumentation-flask", "0.66b1", "opentelemetry-instrumentation==0.66b1"),
        installed("something-else", "1", "opentelemetry-api==0.1"),
    ]

    (found,) = packages(there)

    assert found.status == "problem"
    assert "needs opentelemetry-instrumentation==0.66b1, and 0.66b2 is installed" in found.text
    assert "pip install --upgrade opentelemetry-instrumentation opentelemetry-instrumentation-flask" in (
        found.advice or ""
    )


def test_a_missing_package_is_a_conflict_and_an_extra_that_nobody_asked_for_is_none(
    installed: Callable[..., PathDistribution],
) -> None:
    there = [
        installed("opentelemetry-sdk", "1.45.1", "opentelemetry-api==1.45.1"),
        installed("opentelemetry-distro", "0.66b1", 'opentelemetry-exporter-otlp==1.45.1; extra == "otlp"'),
    ]

    (found,) = packages(there)

    assert "needs opentelemetry-api==1.45.1, which is not installed" in found.text


def test_instrumentors_are_named_in_the_loaders_order_and_the_disabled_ones_left_out(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "flask, outworx_flask,outworx_falsk")
    found = list(instrumentors())

    (loaded,) = [text for text in _of(found, "ok") if text.startswith("opentelemetry-instrument loads")]
    assert "outworx_fastapi" in loaded
    assert "flask" not in loaded
    assert any("did you mean 'outworx_flask'" in text for text in _of(found, "warning"))


def test_that_none_of_ours_is_loaded_is_a_problem(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # `*` is known to newer launchers only.
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", ",".join(doctor_instrumentors.loaded()))

    assert any("none of ours will be loaded" in text for text in _of(instrumentors(), "problem"))


@pytest.mark.parametrize(
    ("environ", "status", "said"),
    [
        ({}, "ok", "configurator sets up the SDK"),
        ({"OTEL_PYTHON_CONFIGURATOR": "configurater"}, "problem", "did you mean 'configurator'?"),
        ({"OTEL_SDK_DISABLED": "true"}, "problem", "nothing is recorded"),
    ],
)
def test_the_configurator_is_looked_for(
    environ: dict[str, str], status: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert any(said in text for text in _of(configurator(), status))


@pytest.mark.parametrize(
    ("environ", "status", "said"),
    [
        ({"OTEL_TRACES_EXPORTER": "outworx"}, "ok", "OTEL_TRACES_EXPORTER=outworx"),
        ({"OTEL_TRACES_EXPORTER": "none"}, "ok", "exported is what the code adds itself"),
        ({"OTEL_TRACES_EXPORTER": "otlp,outwork"}, "problem", "did you mean 'outworx'?"),
        ({"OTEL_METRICS_EXPORTER": "prometheus"}, "problem", "unknown exporter 'prometheus'"),
        ({"OTEL_TRACES_EXPORTER": "otlp,otlp"}, "warning", "sent twice"),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "problem",
            "'http/json'",
        ),
        ({}, "warning", "by gRPC (port 4317)"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio"}, "warning", "leaves deliveries out"),
        ({"OTEL_TRACES_SAMPLER": "outworx_webhok"}, "warning", "did you mean 'outworx_webhook'?"),
    ],
)
def test_exporters_and_samplers_must_exist(
    environ: dict[str, str], status: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    assert any(said in text for text in _of(exporters(), status))


@pytest.mark.parametrize("sends", [False, True])
def test_a_destination_that_no_exporter_heeds_is_warned_of_unless_the_code_sends(
    sends: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", "http://127.0.0.1:4318")
    (folder / "app.py").write_text("import outworx_otel\noutworx_otel.init()\n" if sends else "init()\n")

    hinted = _of(exporters(), "hint")

    assert any("set OTEL_TRACES_EXPORTER=outworx" in text for text in hinted) is not sends
    assert all("because OUTWORX_HOOKS_ENDPOINT is set" in text for text in hinted)


def test_a_destination_that_no_exporter_heeds_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OUTWORX_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:4318")

    assert any("does not heed OUTWORX_ENDPOINT" in text for text in _of(exporters(), "warning"))


def test_no_instrumentor_is_ok_whose_framework_is_missing_or_of_another_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        if name in ("aiohttp", "litestar"):
            raise PackageNotFoundError(name)
        return "0.1" if name == "flask" else real(name)

    real = doctor_instrumentors.version
    monkeypatch.setattr(doctor_instrumentors, "version", version)

    (loads,) = [text for text in _of(instrumentors(), "ok") if "loads, in this order" in text]

    assert "outworx_django" in loads
    assert not any(name in loads for name in ("outworx_aiohttp", "outworx_litestar", "outworx_flask"))
    assert any(
        "outworx_flask will be passed over: flask 0.1" in text for text in _of(instrumentors(), "warning")
    )


def test_nothing_sets_the_sdk_up_where_it_is_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert [one.status for one in configurator()] == ["problem"]


def test_an_endpoint_whose_secret_file_cannot_be_read_is_one_problem_and_not_ok(folder: Path) -> None:
    (folder / "outworx.toml").write_text(
        '[endpoints."/in"]\nprovider = "stripe"\nsignature_secret_file = "/nowhere/secret"\n'
    )
    found = list(configuration(ConfiguredSetup()))

    (said,) = [one for one in found if "/nowhere/secret" in one.text]
    assert (said.status, said.unguarded) == ("problem", True)


@pytest.mark.parametrize("version", ["0.141.0", "0.142.0", None])
def test_a_trace_context_that_was_not_tried_is_no_ok(
    version: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def installed(name: str) -> str:
        if version is None:
            raise PackageNotFoundError(name)
        return version

    monkeypatch.setattr(doctor_doubles, "version", installed)
    monkeypatch.setattr(doctor_doubles, "loaded", lambda: ["outworx_fastapi"])

    (found,) = [one for one in doubles(ConfiguredSetup()) if one.check == "trace context"]

    native = version == "0.142.0"
    assert found.status == ("ok" if native else "hint")
    assert ("FastAPI itself" in found.text) is native


def test_a_variable_that_the_code_names_and_nobody_set_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "app.py").write_text('x = TrackOptions("stripe", signature_secret_env="SHOP_SECRET")\n')

    (said,) = _of(secrets(ConfiguredSetup()), "warning")
    assert "app.py:1 takes the secret of stripe from SHOP_SECRET, which is not set here" in said
    monkeypatch.setenv("SHOP_SECRET", "whsec_0123456789abcdef")

    assert _of(secrets(ConfiguredSetup()), "warning") == []


ENDPOINT = '[endpoints."/in"]\nprovider = "{}"\nsignature_secret_env = "IN_SECRET"\n'


@pytest.mark.parametrize(
    ("provider", "secret", "status", "said"),
    [
        ("stripe", "whsec_0123456789abcdef", "ok", "1 set, and nothing odd"),
        ("stripe", "whsec_0123456789abcdef\n", "problem", "white space or a newline"),
        ("svix", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw ", "warning", "white space or a newline"),
        ("github", '"0123456789abcdef"', "problem", "quotes round it"),
        ("github", "GITHUB_SECRET=0123456789abcdef", "problem", "variable's name"),
        ("stripe", "sk_live_0123456789abcdef", "problem", "a live API key"),
        ("stripe", "sk_test_0123456789abcdef", "problem", "a test API key"),
        ("slack", "xoxb-0123456789abcdef", "problem", "a Slack bot token"),
        (
            "github",
            "whsec_0123456789abcdef",
            "warning",
            "begins with whsec_, as those of Standard Webhooks, Stripe and Svix",
        ),
        ("github", "changeme", "warning", "placeholder"),
        ("github", "${GITHUB_SECRET}", "warning", "placeholder"),
        ("github", "0123", "warning", "has 4 characters"),
    ],
)
def test_a_secret_that_looks_wrong_is_doubted_and_never_shown(
    provider: str, secret: str, status: str, said: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "outworx.toml").write_text(ENDPOINT.format(provider))
    monkeypatch.setenv("IN_SECRET", secret)

    found = list(secrets(ConfiguredSetup()))

    assert any(said in text for text in _of(found, status)), found
    assert len(secret) < 8 or secret.strip() not in repr(found)


def test_one_secret_for_two_providers_is_doubted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IN_SECRET", "0123456789abcdef")
    (folder / "outworx.toml").write_text(
        ENDPOINT.format("github") + ENDPOINT.format("shopify").replace("/in", "/on")
    )

    assert any("same secret as /in (github)" in text for text in _of(secrets(ConfiguredSetup()), "warning"))


def test_a_variable_that_nobody_reads_suggests_the_one_that_was_meant(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_SECRET_STRIP", "0123456789abcdef")
    monkeypatch.setenv("OUTWORX_SECRET_GITHUB", "")
    found = _of(secrets(ConfiguredSetup()), "warning")

    assert any("did you mean 'OUTWORX_SECRET_STRIPE'?" in text for text in found)
    assert any("OUTWORX_SECRET_GITHUB is set and empty" in text for text in found)


def test_configuration_names_each_option_and_its_source(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_ROUTES", "/hooks/*=github,/acme=acme")
    monkeypatch.setenv("OUTWORX_SECRET_GITHUB", "0123456789abcdef")
    monkeypatch.setenv("OUTWORX_SECRET_ACME", "0123456789abcdef")
    (folder / "outworx.toml").write_text('detct = true\n[endpoints."/plain"]\nprovider = "shopify"\n')
    found = list(configuration(ConfiguredSetup()))

    assert any(
        "/hooks/*: provider='github', signature_secret=[set] (from OUTWORX_ROUTES)" in text
        for text in _of(found, "ok")
    )
    assert any("did you mean 'detect'?" in text for text in _of(found, "problem"))
    assert any("no verifier for this provider" in text for text in _of(found, "problem"))
    assert any("/plain" in text and "not verified" in text for text in _of(found, "warning"))


APPLICATION = """
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware

app.add_middleware(OutworxHooksMiddleware, options=None)
FastAPIInstrumentor.instrument_app(app)
"""


def test_what_is_mounted_by_hand_is_found_with_its_line(folder: Path) -> None:
    (folder / "app.py").write_text(APPLICATION)
    (folder / "settings.py").write_text(
        'MIDDLEWARE = ["outworx_otel.integrations.django.OutworxHooksMiddleware"]\n'
    )
    (folder / "broken.py").write_text("def (:\n")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "app.py").write_text(APPLICATION)

    assert [str(place) for place in source_lines(folder)] == ["app.py:5", "app.py:6", "settings.py:1"]
    found = list(doubles(ConfiguredSetup()))
    assert any("app.py:5, settings.py:1 mounts ours by hand" in text for text in _of(found, "ok"))
    assert any("app.py:6 uses FastAPIInstrumentor" in text for text in _of(found, "warning"))
    assert not any("count alone" in text for text in _of(found, "warning"))


@pytest.mark.parametrize(
    "source",
    [
        APPLICATION,
        "import outworx_otel\n\n\n\n@outworx_otel.webhook('stripe')\ndef hook(): ...\n",
        "from outworx_otel import webhook\n\n\n\n@webhook('stripe')\ndef hook(): ...\n",
    ],
)
def test_options_in_code_beside_a_file_are_warned_of(source: str, folder: Path) -> None:
    (folder / "app.py").write_text(source)
    (folder / "outworx.toml").write_text('[endpoints."/in"]\nprovider = "stripe"\nidempotency_key = true\n')

    assert any(
        "app.py:5 gives options in code, and a file or the environment also configures /in: " in text
        for text in _of(doubles(ConfiguredSetup()), "warning")
    )


def test_what_sends_by_itself_is_ours_alone(folder: Path) -> None:
    (folder / "other.py").write_text("import other\nother.init()\ninit()\n")
    (folder / "ours.py").write_text("from outworx_otel import init as begin, init\ninit()\n")

    assert [str(place) for place in source_lines(folder)] == ["ours.py:2"]


def test_our_instrumentor_of_the_same_name_is_not_taken_for_contribs(folder: Path) -> None:
    (folder / "app.py").write_text(
        APPLICATION.replace("opentelemetry.instrumentation", "outworx_otel.integrations")
    )

    assert [place.name for place in source_lines(folder)] == ["OutworxHooksMiddleware"]


@given(source=st.binary(max_size=60))
def test_any_source_file_is_read_or_passed_over(source: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.py").write_bytes(source)

    assert source_lines(tmp_path) == []


def test_one_span_by_two_exporters_to_one_place_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "otlp,outworx")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318/")
    monkeypatch.setenv("OUTWORX_HOOKS_ENDPOINT", "http://127.0.0.1:4318")

    assert any("goes there twice" in text for text in _of(doubles(ConfiguredSetup()), "warning"))


def test_whose_trace_a_delivery_joins_is_explained(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official = _of(doubles(ConfiguredSetup()), "ok")
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "fastapi,flask,django,starlette,asgi,wsgi")
    monkeypatch.setattr(doctor_doubles, "version", lambda name: "0.142.0")
    by_itself = _of(doubles(ConfiguredSetup()), "ok")
    monkeypatch.setattr(doctor_doubles, "version", lambda name: "0.141.0")
    alone = _of(doubles(ConfiguredSetup()), "hint")

    assert any("takes over the trace id" in text for text in official)
    assert any("FastAPI itself takes over the trace id" in text for text in by_itself)
    assert any('trace_context = "link"' in text for text in alone)


def test_a_check_that_hangs_or_raises_is_a_problem_of_its_own() -> None:
    ended = threading.Event()

    def hangs() -> Iterator[CheckResult]:
        yield CheckResult("slow", "ok", "the first part")
        ended.wait(30)

    def raises() -> Iterator[CheckResult]:
        raise RuntimeError("a bug")

    try:
        slow = run_check("slow", hangs, 0.05)
    finally:
        ended.set()
    (broken,) = run_check("broken", raises)

    assert [one.status for one in slow] == ["ok", "problem"]
    assert (broken.status, "RuntimeError: a bug" in broken.text) == ("problem", True)
