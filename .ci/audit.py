"""`make audit`: known weaknesses of what an installation brings, by pip-audit and the advisories of PyPI.

Looked at is what an installation with every extra resolves to, not what tests need besides. An advisory ends it
with 1. Where the service has no answer nothing was audited: that is said, loudly, and fails nothing.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def main() -> int:
    """0 where nothing is known, or nothing could be asked; 1 where something is."""
    with tempfile.TemporaryDirectory() as folder:
        resolved = Path(folder) / "requirements.txt"
        compiled = run(
            "uv", "pip", "compile", "--quiet", "--all-extras", "--output-file", resolved, "pyproject.toml"
        )
        if compiled.returncode:
            return unaudited(f"the package index does not answer: {last_line(compiled.stderr)}")
        audited = run(
            "pip-audit",
            "--disable-pip",
            "--no-deps",
            "--format=json",
            "--progress-spinner=off",
            "-r",
            resolved,
        )
    try:
        dependencies: list[dict[str, Any]] = json.loads(audited.stdout)["dependencies"]
    except (ValueError, KeyError):
        return unaudited(last_line(audited.stderr) or "pip-audit gave no report")
    return report(dependencies)


def report(dependencies: list[dict[str, Any]]) -> int:
    """Says what is known. pip-audit passes over what it cannot find, and calls that no weakness."""
    skipped = sorted(one["name"] for one in dependencies if "skip_reason" in one)
    weak = [one for one in dependencies if one.get("vulns")]
    for one in weak:
        for known in one["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {known['id']}, mended in {fixed}")
    audited = len(dependencies) - len(skipped)
    if not audited:
        return unaudited(
            f"the service of advisories knows none of {len(skipped)} distributions, so it is not there"
        )
    print(f"audited: {audited} distributions, {len(weak)} with known weaknesses")
    if skipped:
        print(f"NOT AUDITED: {', '.join(skipped)}")
    return 1 if weak else 0


def unaudited(why: str) -> int:
    """Says that nothing was found out."""
    print(f"NOTHING WAS AUDITED: {why}", file=sys.stderr)
    return 0


def run(program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs a program of this environment in the repository."""
    command = [str(BIN / program), *map(str, arguments)]
    environ = {**os.environ, "NO_COLOR": "1"}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)  # noqa: S603


def last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else ""


if __name__ == "__main__":
    sys.exit(main())
