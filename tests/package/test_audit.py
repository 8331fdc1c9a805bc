"""`make audit` says what is known, and does not call it clean where nobody was asked."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CLEAN: dict[str, Any] = {"name": "wrapt", "version": "2.5.2", "vulns": []}
WEAK = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"]}]}
SKIPPED = {"name": "msgspec", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("dependencies", "status", "said"),
    [
        ([CLEAN], 0, "audited: 1 distributions, 0 with known weaknesses"),
        ([CLEAN, WEAK], 1, "jinja2 3.1.0: PYSEC-1, mended in 3.1.6"),
        ([CLEAN, SKIPPED], 0, "NOT AUDITED: msgspec"),
        ([SKIPPED], 0, "NOTHING WAS AUDITED"),
        ([], 0, "NOTHING WAS AUDITED"),
    ],
)
def test_what_is_known_fails_and_what_is_not_is_said(
    audit: ModuleType,
    capsys: pytest.CaptureFixture[str],
    dependencies: list[dict[str, Any]],
    status: int,
    said: str,
) -> None:
    assert audit.report(dependencies) == status
    printed = capsys.readouterr()
    assert said in printed.out + printed.err
