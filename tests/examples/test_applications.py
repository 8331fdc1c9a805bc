"""The applications know nothing of OpenTelemetry, nor of us."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from demo_servers import APPLICATIONS

from outworx_otel.setup.configuration import read_configuration

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SOURCES = [path for application in APPLICATIONS for path in (EXAMPLES / application.folder).rglob("*.py")]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_nothing_of_telemetry_is_imported(path: Path) -> None:
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add((node.module or "").partition(".")[0])

    assert not imported & {"outworx_otel", "opentelemetry"}


@pytest.mark.parametrize("application", APPLICATIONS, ids=lambda application: application.service)
def test_every_endpoint_names_its_secret_and_wants_marks(
    application: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from demo_deliveries import SECRETS

    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)

    found = read_configuration(directory=EXAMPLES / application.folder)  # type: ignore[attr-defined]

    assert not found.problems
    assert not found.warnings
    assert len(found.endpoints) == 2
    assert all(
        one.options.signature_secret_env and one.options.require_processing_mark for one in found.endpoints
    )
