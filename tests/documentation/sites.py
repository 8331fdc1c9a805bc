"""A small site with everything that the large one has, in which faults can be planted."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from support.pages import ROOT

PYTHON = ROOT / ".venvs" / "docs" / "bin" / "python"
PAGES = {
    "index.md": "# Home\n\nIt begins. See [the rest](other.md#a-part).\n",
    "other.md": "# Other\n\n## A part\n\n```mermaid\nsequenceDiagram\n    Provider->>Handler: evt_1\n```\n",
    "api.md": "# API\n\n::: acme.charge\n",
    "decisions/index.md": "# Decisions\n\nNone.\n",
    "providers/index.md": "# Providers\n\nNone.\n",
}
CODE = '''"""A package."""


def charge(amount: int) -> int:
    """Charges.

    Args:
        amount: how much.
    """
    return amount
'''
NAV = "nav:\n" + "".join(f"  - {name}\n" for name in PAGES)


class NoDocsEnvironment(Exception):
    """What builds the site is not installed."""


def docs_python() -> Path:
    """The Python of the environment that builds the site.

    Raises:
        NoDocsEnvironment: it is not there.
    """
    if not PYTHON.exists():
        raise NoDocsEnvironment("what builds the site is not installed (make docs): its tests were left out")
    return PYTHON


def small_site(folder: Path) -> Path:
    """A folder with mkdocs.yml as it is but for its navigation, a few pages, and a package."""
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    settings = settings.replace("docs_build/overrides", str(ROOT / "docs_build" / "overrides"))
    (folder / "mkdocs.yml").write_text(re.sub(r"^nav:.*", NAV, settings, flags=re.MULTILINE | re.DOTALL))
    (folder / "src").mkdir()
    (folder / "src" / "acme.py").write_text(CODE)
    for name, text in PAGES.items():
        page = folder / "docs" / name
        page.parent.mkdir(parents=True, exist_ok=True)
        page.write_text(text)
    (folder / "docs" / "site.css").write_text((ROOT / "docs" / "site.css").read_text())
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """What `make docs` runs, on a folder."""
    return subprocess.run(  # noqa: S603  # our own
        [docs_python(), "-m", "docs_build.site", "--source", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
