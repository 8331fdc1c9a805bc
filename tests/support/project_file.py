"""What pyproject.toml says of the project, read on every Python: 3.10 has no tomllib."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


def project() -> dict[str, Any]:
    """The table `[project]`."""
    path = Path(__file__).resolve().parents[2] / "pyproject.toml"
    found: dict[str, Any] = tomllib.loads(path.read_text())["project"]
    return found
