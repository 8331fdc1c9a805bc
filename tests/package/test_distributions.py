"""What is published: a wheel and an sdist with everything that belongs in, installed where nothing else is."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

from .programs import program

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "outworx_otel"
SMOKE = Path(__file__).parent / "smoke.py"


def ran(*command: str | Path, within: Path = ROOT, code: int = 0) -> str:
    done = subprocess.run(  # noqa: S603  # of this environment, or the one that was made
        [str(word) for word in command], cwd=within, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    ran(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def metadata_of(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return email.message_from_bytes(archive.read(name))


def test_both_are_what_pypi_takes(built: Path) -> None:
    assert ran(program("twine"), "check", "--strict", *built.iterdir()).count("PASSED") == 2


def test_the_wheel_has_every_file_of_the_package_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    written = ran("git", "ls-files", "--cached", "--others", "--exclude-standard", SOURCE).split()
    assert packed == {file.removeprefix("src/") for file in written if (ROOT / file).exists()}
    assert "outworx_otel/py.typed" in packed


def test_the_sdist_builds_the_same_wheel_and_keeps_no_rubbish(
    built: Path, wheel: Path, tmp_path: Path
) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = [name.partition("/")[2] for name in archive.getnames()]
        archive.extractall(tmp_path, filter="data")
    assert {"LICENSE", "README.md", "CHANGELOG.md", "tests/conftest.py", "docs/performance.md"} <= set(names)
    assert not [
        name for name in names if "__pycache__" in name or name.startswith((".venv", "dist", ".git/"))
    ]
    (folder,) = tmp_path.iterdir()
    ran(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", tmp_path / "again", folder)
    (again,) = (tmp_path / "again").iterdir()
    with zipfile.ZipFile(again) as one, zipfile.ZipFile(wheel) as other:
        assert {item.filename: item.CRC for item in one.infolist()} == {
            item.filename: item.CRC for item in other.infolist()
        }


def test_what_pypi_shows_leads_somewhere(wheel: Path) -> None:
    said = metadata_of(wheel)
    urls = dict(url.split(", ", 1) for url in said.get_all("Project-URL", []))
    assert set(urls) == {"Homepage", "Documentation", "Repository", "Issues", "Changelog"}
    assert all(url.startswith("https://") for url in urls.values())
    assert said["License-Expression"] == "Apache-2.0"
    page = said.get_payload()
    assert isinstance(page, str)
    targets = re.findall(r"\]\(([^)\s]+)\)", page)
    # PyPI follows no relative link.
    assert targets
    assert [target for target in targets if not target.startswith(("https://", "#"))] == []


def test_installed_alone_it_verifies_and_every_command_says_what_is_missing(
    index: str, wheel: Path, tmp_path: Path
) -> None:
    """Nothing is there but what the wheel asks for: no framework, no extra, and none of this repository."""
    alone = tmp_path / "alone"
    ran(index, "venv", "--quiet", "--python", sys.executable, alone)
    python = alone / "bin" / "python"
    ran(index, "pip", "install", "--quiet", "--python", python, wheel)
    ran(index, "pip", "check", "--python", python)
    (tmp_path / "smoke.py").write_text(SMOKE.read_text())
    assert "all is well" in ran(python, "smoke.py", within=tmp_path)

    command = alone / "bin" / "outworx"
    assert ran(command, "--version", within=tmp_path).startswith("outworx-otel ")
    for name in ("serve", "doctor", "forward", "trigger", "replay", "verify", "migrate"):
        assert "Usage: outworx" in ran(command, name, "--help", within=tmp_path)
    assert "outworx-otel[server]" in ran(command, "serve", within=tmp_path, code=2)
    assert "outworx-otel[migrate]" in ran(command, "migrate", ".", within=tmp_path, code=2)
