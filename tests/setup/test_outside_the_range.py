"""A framework in a version that this package was not built for is left alone, and not in silence."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from support.project_file import project

from outworx_otel.setup import unguarded

from .test_processes import BOTH_SECRETS, OUR_SAMPLER, QUIET, ROUTES, in_code, instrumented, run

OPEN = "/webhooks/stripe 200\n/hooks/github 200\n"
PATHS = "/hooks/github, /webhooks/stripe"
OTHERS = ",".join(f"outworx_{name}" for name in unguarded.SUPPORTED if name != "litestar")


def in_version(directory: Path, framework: str, version: str) -> dict[str, str]:
    """The environment of a process in which the framework says that it has this version."""
    said = directory / f"{framework}-{version}.dist-info"
    said.mkdir(parents=True)
    (said / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {framework}\nVersion: {version}\n")
    path = os.environ.get("PYTHONPATH")
    return {"PYTHONPATH": os.pathsep.join([str(directory), *([path] if path else [])])}


@pytest.fixture
def too_old(tmp_path: Path) -> dict[str, str]:
    if unguarded.outside_range("flask") is not None:
        return {}  # a real one, in `make test-versions`
    return in_version(tmp_path / "installed", "flask", "2.2.5")


SWITCHED_ON = {
    "loader": instrumented,
    "instrument": lambda directory, **environ: in_code(directory, "outworx_otel.instrument()", **environ),
    "instrumentor": lambda directory, **environ: in_code(
        directory,
        "from outworx_otel.integrations.flask import FlaskInstrumentor as Ours; Ours().instrument()",
        **environ,
    ),
}


@pytest.mark.parametrize("way", [*SWITCHED_ON])
def test_what_verifies_there_is_one_error_that_names_it(
    way: str, too_old: dict[str, str], tmp_path: Path
) -> None:
    environ = {**ROUTES, **BOTH_SECRETS, **too_old}
    done = SWITCHED_ON[way](tmp_path, **environ)
    assert done.stdout == OPEN
    assert done.stderr.count(f"in applications of flask NOBODY GUARDS {PATHS}") == 1
    assert "flask 2.2.5 is installed, and outworx-otel supports flask >=2.3" in done.stderr
    strict = SWITCHED_ON[way](tmp_path, OUTWORX_STRICT="true", **environ)
    assert (strict.returncode, strict.stdout) == (78, "")
    assert f"NOBODY GUARDS {PATHS}" in strict.stderr


@pytest.mark.parametrize("way", ["loader", "instrument"])
def test_where_nothing_verifies_it_is_one_warning(way: str, too_old: dict[str, str], tmp_path: Path) -> None:
    done = SWITCHED_ON[way](tmp_path, OUTWORX_STRICT="true", **too_old)
    assert done.stdout == OPEN
    assert done.stderr.count("supports flask >=2.3: it is left alone") == 1
    assert "NOBODY GUARDS" not in done.stderr


def test_one_application_of_it_is_left_alone_too(too_old: dict[str, str], tmp_path: Path) -> None:
    program = (
        "import flask\nfrom outworx_otel.integrations.flask import FlaskInstrumentor\n"
        "app = flask.Flask('shop')\n"
        "app.add_url_rule('/webhooks/stripe', view_func=lambda: 'served', methods=['POST'])\n"
        "FlaskInstrumentor.instrument_app(app)\nprint(app.test_client().post('/webhooks/stripe').status_code)"
    )
    done = run(tmp_path, sys.executable, "-c", program, **ROUTES, **BOTH_SECRETS, **too_old)
    assert done.stdout == "200\n"
    assert done.stderr.count(f"NOBODY GUARDS {PATHS}") == 1


def test_endpoints_that_come_later_are_named_when_they_come(too_old: dict[str, str], tmp_path: Path) -> None:
    later = "outworx_otel.init(endpoints={'/late': outworx_otel.TrackOptions('stripe', signature_secret='whsec_a')})"
    done = in_code(tmp_path, f"outworx_otel.instrument()\n{later}", **QUIET, **too_old)
    assert done.stdout == OPEN
    assert done.stderr.count("NOBODY GUARDS /late") == 1


@pytest.mark.parametrize("loaded", [{}, OUR_SAMPLER], ids=["instrumentor", "sampler"])
def test_a_framework_too_old_to_be_imported_is_an_error_also_where_nothing_else_of_ours_is_loaded(
    loaded: dict[str, str], tmp_path: Path
) -> None:
    environ = in_version(tmp_path / "installed", "litestar", "2.3.2")
    (tmp_path / "installed" / "litestar").mkdir()
    (tmp_path / "installed" / "litestar" / "__init__.py").touch()
    done = instrumented(
        tmp_path, **ROUTES, **BOTH_SECRETS, **environ, **loaded, OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=OTHERS
    )
    assert done.stdout == OPEN
    assert done.stderr.count(f"in applications of litestar NOBODY GUARDS {PATHS}") == 1


@pytest.mark.parametrize(
    ("framework", "version", "is_outside"),
    [
        ("django", "4.1.13", True),
        ("django", "4.2", False),
        ("django", "7.0a1", False),
        ("starlette", "0.35.1", True),
        ("starlette", "0.36.0", False),
        ("litestar", "2.11.0", True),
        ("litestar", "3.0.0", True),
        ("litestar", "3.0.0b1", True),
        ("litestar", "2.99", False),
        ("aiohttp", "3.10.0rc1", True),
        ("flask", "no version", False),
    ],
)
def test_what_lies_outside(
    framework: str, version: str, is_outside: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "version", lambda name: version if name == framework else "1")
    said = unguarded.outside_range(framework)
    assert (said is not None) is is_outside
    if said is not None:
        assert said.startswith(f"{framework} {version} is installed")


@pytest.mark.parametrize("read", [None, metadata.PackageNotFoundError("flask")])
def test_a_version_that_cannot_be_read_is_taken_for_a_good_one(
    read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> Any:
        if isinstance(read, Exception):
            raise read
        return read

    monkeypatch.setattr(metadata, "version", version)
    assert unguarded.outside_range("flask") is None


def test_the_project_declares_the_same_versions() -> None:
    optional = project()["optional-dependencies"]
    declared = {f"{name} {versions}".replace(" ", "") for name, versions in unguarded.SUPPORTED.items()}
    queues = {"celery>=5.3", "rq>=2.1"}  # they guard nothing
    assert {one.replace(" ", "") for one in optional["instruments-any"]} - queues == declared
    for name in unguarded.SUPPORTED:
        assert {one.replace(" ", "") for one in optional.get(name, ()) if one.startswith(name)} <= declared
