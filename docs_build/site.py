"""Builds the site: `python -m docs_build.site [--source FOLDER]`.

Zensical's strict mode finds dead links and anchors. What it lets pass is looked for here: warnings about docstrings,
pages that the navigation does not name, names of the navigation without a page, and addresses of foreign hosts from
which a page would load something. Beside each page goes its text (`.md`), and `llms.txt` lists them.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from docs_build.docstrings import twin
from docs_build.foreign import faults_of_loading
from docs_build.listing import llms_txt
from docs_build.navigation import faults_of_navigation, load_settings, named_pages

ROOT = Path(__file__).resolve().parents[1]
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_WARNINGS = re.compile(r"^(griffe|mkdocstrings|mkdocs_autorefs)\b.*$", re.MULTILINE)


class Faults(Exception):
    """What has to be put right before the site is good, a line each."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))


def render(source: Path) -> None:
    """Zensical's own part.

    Raises:
        Faults: it found some, or a docstring made it warn.
    """
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # our own Python
        [sys.executable, "-m", "zensical", "build", "--clean", "--strict"],
        cwd=source,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    said = _COLOURS.sub("", done.stdout)
    warnings = [found.group() for found in _WARNINGS.finditer(said)]
    if done.returncode:
        raise Faults([_told(said)])
    if warnings:
        raise Faults(warnings)


def _told(said: str) -> str:
    """What Zensical says of faults, without where in itself it was when it ended."""
    faults, *traces = re.split(r"^Traceback .*\n(?:^ .*\n)*", said, flags=re.MULTILINE)
    return "".join([faults, *(trace for trace in traces if "--strict flag" not in trace)])


def build(source: Path) -> Path:
    """The finished site of a folder with mkdocs.yml, docs/ and src/.

    Raises:
        Faults: something is not as it must be.
    """
    settings = load_settings(source)
    named = list(named_pages(settings["nav"]))
    faults = list(faults_of_navigation(source, named))
    if faults:
        raise Faults(faults)
    render(source)
    site: Path = source / settings["site_dir"]
    faults = list(faults_of_loading(site))
    if faults:
        raise Faults(faults)
    for page in (source / "docs").rglob("*.md"):
        copy = site / page.relative_to(source / "docs")
        copy.write_text(twin(page.read_text(encoding="utf-8"), source / "src"), encoding="utf-8")
    listed = llms_txt(settings, source / "docs")
    (site / "llms.txt").write_text(listed, encoding="utf-8")
    return site


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--source", type=Path, default=ROOT)
    source = options.parse_args().source.resolve()
    try:
        site = build(source)
    except Faults as faults:
        sys.exit(f"The site is not good:\n{faults}")
    print(f"The site is in {os.path.relpath(site)}: open {os.path.relpath(site / 'index.html')}")


if __name__ == "__main__":
    main()
