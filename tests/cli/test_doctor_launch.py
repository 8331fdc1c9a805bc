"""`outworx doctor` beside a vendor's distribution of OpenTelemetry: whether ours is loaded is tried, not guessed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import invoked

from outworx_otel.cli.doctor.check_result import CheckResult
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup
from outworx_otel.cli.doctor.instrumentors import configurator
from outworx_otel.cli.doctor.launch import launch

CONFIGURATOR = """
import os

class Configurator:
    def configure(self, **kwargs):
        if "ACME_KEY" not in os.environ:
            raise ValueError("ACME_KEY is not set; Authorization: Bearer abcdefghijklmnop")
"""
DISTRO = """
from opentelemetry.instrumentation.distro import BaseDistro

class Distro(BaseDistro):
    def _configure(self, **kwargs):
        pass
"""
ENTRY_POINTS = """[opentelemetry_configurator]
{name} = acme_otel:Configurator
[opentelemetry_distro]
acme_distro = acme_otel:Distro
"""


@pytest.fixture
def vendor(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in front of the installed packages, with a vendor's own, whose set-up asks for a key."""
    site = folder / "site"
    there = site / "acme_otel-1.0.dist-info"
    there.mkdir(parents=True)
    (site / "acme_otel.py").write_text(CONFIGURATOR + DISTRO)
    (there / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-otel\nVersion: 1.0\n\n")
    (there / "entry_points.txt").write_text(ENTRY_POINTS.format(name="acme"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(site), os.environ.get("PYTHONPATH")))))
    monkeypatch.syspath_prepend(site)
    for name in ("TRACES", "METRICS", "LOGS"):
        monkeypatch.setenv(f"OTEL_{name}_EXPORTER", "none")
    return there


def _warnings(found: list[CheckResult]) -> list[str]:
    return [f"{one.text} -> {one.advice}" for one in found if one.status == "warning"]


def test_a_vendors_set_up_that_fails_leaves_endpoints_unguarded_and_strict_says_so(
    vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vendor.parents[1] / "outworx.toml").write_text(
        '[endpoints."/in"]\nprovider = "stripe"\nsignature_secret_env = "STRIPE_SECRET"\n'
    )
    monkeypatch.setenv("STRIPE_SECRET", "whsec_kept_by_the_doctor_0123")
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "acme")
    done = invoked("doctor", "--strict")

    assert done.code == 78
    (said,) = [line for line in done.lines if line.startswith("problem") and "launch:" in line]
    assert "acme-otel does not load" in said
    assert "outworx_flask" in said
    assert "ValueError: ACME_KEY is not set" in said
    assert said.endswith("nobody guards /in")
    assert "abcdefghijklmnop" not in done.out


def test_a_vendors_set_up_that_goes_through_is_ok(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_KEY", "1")
    (found,) = launch(ConfiguredSetup())

    assert (found.status, "with acme-otel loads" in found.text) == ("ok", True)


def test_code_that_calls_instrument_needs_no_launcher(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (vendor.parents[1] / "app.py").write_text("import outworx_otel\noutworx_otel.instrument()\n")
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "acme")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, "", ""))
    (found,) = launch(ConfiguredSetup())

    assert (found.status, "calls instrument()" in found.text) == ("hint", True)


def test_opentelemetrys_own_distribution_alone_is_not_tried(folder: Path) -> None:
    assert "acme_otel" not in sys.modules
    assert list(launch(ConfiguredSetup())) == []


def test_two_distributions_are_told_apart_by_their_packages(vendor: Path) -> None:
    distributions, configurators = _warnings(list(configurator()))

    assert "acme_distro (acme-otel), distro (opentelemetry-distro)" in distributions
    assert "name one in OTEL_PYTHON_DISTRO" in distributions
    assert "name one in OTEL_PYTHON_CONFIGURATOR" in configurators


@pytest.mark.parametrize("chosen", [None, "configurator"])
def test_a_name_that_two_packages_use_cannot_choose_between_them(
    chosen: str | None, vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As splunk-opentelemetry 2.13 does.
    (vendor / "entry_points.txt").write_text(ENTRY_POINTS.format(name="configurator"))
    monkeypatch.setenv("OTEL_PYTHON_DISTRO", "acme_distro")
    if chosen is not None:
        monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", chosen)
    (said,) = _warnings(list(configurator()))

    assert "configurator (acme-otel), configurator (opentelemetry-distro)" in said
    assert "beside a vendor's distribution, opentelemetry-distro" in said
