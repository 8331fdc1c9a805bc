"""What all tests share: Hypothesis, with one profile by hand and a repeatable one in CI, and the newest Python."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from collector.backends import NoBackends, backends
from conventions.watch import found_faults
from documentation.sites import NoDocsEnvironment, docs_python
from drops.newest import NoNewestPython, newest_python
from hypothesis import HealthCheck, settings
from machines.network import NoNamespaces, ip_program
from package.programs import NoIndex, NoPyright, package_index, pyright_program
from packaging.requirements import Requirement
from server.dashboard.program import NoChromium, NoNginx, chromium_program, nginx_program
from support.databases import NoPgBouncer, pgbouncer_program
from support.otel_traces import NoExporterModule, exporter_source
from support.patches import take_out
from support.scale import scaled

from outworx_otel.signatures import registry
from outworx_otel.signatures.diagnosis import budget, investigation

pytest_plugins = ("support.key_server", "support.random_order")

# A shell lets what it starts in the background ignore Ctrl+C, and servers that tests start would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_CHECKS = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors]

# A quarter of an hour tells a test that hangs from a slow machine: pytest-timeout ends it then, with the stacks of
# all threads, and goes on with the next. Nothing is asserted about how long a test takes.
os.environ.setdefault("PYTEST_TIMEOUT", str(scaled(7200, 900)))

# Logfire, which some tests stand beside, adds itself to pydantic: half a second of each process that uses it.
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

settings.register_profile(
    "by_hand", deadline=None, max_examples=scaled(40, 20), suppress_health_check=_CHECKS
)
settings.register_profile("ci", parent=settings.get_profile("by_hand"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "by_hand")

# What this machine lacks, by the fixture that needs it. Where a test cannot run it is left out, and that is said,
# loudly, at the end.
_NEEDED: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "newest": (newest_python, NoNewestPython),
    "browser": (chromium_program, NoChromium),
    "pgbouncer": (pgbouncer_program, NoPgBouncer),
    "nginx": (nginx_program, NoNginx),
    "backends": (backends, NoBackends),
    "network": (ip_program, NoNamespaces),
    "pyright": (pyright_program, NoPyright),
    "index": (package_index, NoIndex),
    "site_builder": (docs_python, NoDocsEnvironment),
    "exporter_module": (exporter_source, NoExporterModule),
}
_lacking: dict[str, str] = {}


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    """What `debug=True`, or a framework that sets logging up, makes of loggers is not what the next test finds."""
    loggers = [logging.getLogger("outworx_otel"), logging.getLogger()]
    before = [(logger.level, logger.disabled, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, disabled, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.disabled = disabled
        logger.handlers[:] = [one for one in logger.handlers if one in handlers]


@pytest.fixture(autouse=True)
def _by_the_conventions() -> Iterator[None]:
    """What a test keeps of our spans and metrics is what `model/` says of them."""
    yield
    found = found_faults()
    assert not found, "not as model/ has it: " + "; ".join(found)


@pytest.fixture(autouse=True)
def _providers_as_before() -> Iterator[None]:
    """What a test registers, or a file that it configures, is no other test's provider."""
    tables: tuple[dict[Any, Any], ...] = (
        registry._REGISTERED,
        registry._ALIASES,
        registry.DETECTION_HEADERS,
    )
    before = [dict(table) for table in tables]
    yield
    if list(tables) != before:
        for table, rows in zip(tables, before, strict=True):
            table.clear()
            table.update(rows)
        for changed in registry._listeners:
            changed()


@pytest.fixture(autouse=True)
def _time_for_a_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test may have one, and it may take as long as this process with all its garbage needs."""
    monkeypatch.setattr(budget, "SECONDS", 5.0)
    investigation.rate_limit.reset()
    investigation.wasted_time.reset()


@pytest.fixture(autouse=True, scope="module")
def _unpatched() -> Iterator[None]:
    """An adapter that one file mounts by hand puts patches in place, which the next file does not expect."""
    yield
    take_out()


@pytest.fixture(scope="session")
def newest() -> Path:
    """A Python 3.12 or newer, for what `sys.monitoring` shows."""
    return newest_python()


@pytest.fixture(scope="session")
def pyright() -> str:
    """The type checker."""
    return pyright_program()


@pytest.fixture(scope="session")
def index() -> str:
    """What installs from the package index."""
    return package_index()


def is_installed(requirement: str) -> bool:
    """Whether a distribution is installed in a version that it takes, as pip writes it: `"starlette >=1.10"`."""
    wanted = Requirement(requirement)
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    _refuse_names_of_one_process(items)
    _leave_out_what_is_newer(items)
    for fixture, (look, missing) in _NEEDED.items():
        needing = [item for item in items if fixture in getattr(item, "fixturenames", ())]
        if needing:
            try:
                look()
            except missing as none:
                _lacking[fixture] = str(none)
                items[:] = [item for item in items if item not in needing]


def _refuse_names_of_one_process(items: list[pytest.Item]) -> None:
    """xdist's processes must collect the same tests; an address is another one in each."""
    found = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if found:
        raise pytest.UsageError(f"a test's parameters are named by an object's address, give ids: {found[0]}")


def _leave_out_what_is_newer(items: list[pytest.Item]) -> None:
    """Tests of what came with a later version: `@pytest.mark.needs("starlette >=1.10")`."""
    for item in list(items):
        for marker in item.iter_markers("needs"):
            for requirement in marker.args:
                if not is_installed(requirement):
                    _lacking[requirement] = f"{requirement} is not installed, which some tests are about"
                    items[:] = [one for one in items if one is not item]


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, object] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["lacking"] = _lacking


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """One of xdist's processes is done."""
    _lacking.update(getattr(node, "workeroutput", {}).get("lacking", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for message in _lacking.values():
        terminalreporter.section("NOT TESTED", red=True, bold=True)
        terminalreporter.write_line(message)
