"""`release_version.py v1.2.3`: whether a tag names the version of the code and the changelog has a section for it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def problem_with(tag: str, version_file: str, changelog: str) -> str | None:
    """What is wrong; None where it may be released."""
    found = re.search(r'^__version__(?:: \w+)? = "([^"]+)"$', version_file, re.MULTILINE)
    version = found[1] if found else "none"
    if tag != f"v{version}":
        return f"the tag is {tag}, and src/outworx_otel/version.py says {version}"
    if f"## [{version}]" not in changelog:
        return f"CHANGELOG.md has no section [{version}]: what is [Unreleased] becomes it, with the date"
    return None


if __name__ == "__main__":
    sys.exit(
        problem_with(
            sys.argv[1],
            (ROOT / "src" / "outworx_otel" / "version.py").read_text(encoding="utf-8"),
            (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
        )
    )
