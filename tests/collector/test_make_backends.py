"""`make backends`: built once, never half, and said where there is no Go."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .backends import CONFIGURATION

NAMES = {"otelcol", "prometheus", "promtool", "jaeger"}
# Does what the script asks of Go, but for compiling. What it "builds" serves as the builder of collectors, too.
GO = """#!/bin/sh
echo "$@" >> "$CALLS"
case "$1" in
  env) echo "$GO_IS"; exit;;
  list) exit;;
esac
while [ "$1" != -o ]; do shift; done
printf '#!/bin/sh\\nmkdir sources\\n' > "$2"
case "$2" in *"$BREAKS_AT") exit 1;; esac
chmod +x "$2"
"""


class Checkout:
    """A copy of the build folder, with a Go of the test's own in the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "checkout"
        self.cache = folder / "cache"
        self.calls = folder / "calls"
        self.programs = folder / "path"
        shutil.copytree(CONFIGURATION / "build", self.folder / "collector-config" / "build")
        self.programs.mkdir()
        self.go = self.programs / "go"
        self.go.write_text(GO)
        self.go.chmod(0o755)
        for name in ("chmod", "mkdir"):
            (self.programs / name).symlink_to(str(shutil.which(name)))

    def make(self, go_is: str = "go1.26.8", breaks_at: str = "nothing") -> subprocess.CompletedProcess[str]:
        environ = {
            "PATH": str(self.programs),
            "XDG_CACHE_HOME": str(self.cache),
            "HOME": str(self.cache),
            "CALLS": str(self.calls),
            "GO_IS": go_is,
            "BREAKS_AT": breaks_at,
        }
        script = self.folder / "collector-config" / "build" / "backends.py"
        return subprocess.run(  # noqa: S603  # our own script
            [sys.executable, str(script)], env=environ, capture_output=True, text=True, check=False
        )

    def built(self) -> set[str]:
        return {path.name for path in self.cache.glob("outworx-backends/*/bin/*")}

    def linked(self) -> set[str]:
        folder = self.folder / ".backends" / "bin"
        return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_they_are_built_once(checkout: Checkout) -> None:
    assert checkout.make().returncode == 0
    assert checkout.built() == checkout.linked() == NAMES
    checkout.calls.unlink()
    again = checkout.make()
    assert (again.returncode, again.stdout, checkout.calls.exists()) == (0, "", False)


def test_a_fresh_clone_uses_what_another_has_built(checkout: Checkout, tmp_path: Path) -> None:
    checkout.make()
    (tmp_path / "second").mkdir()
    second = Checkout(tmp_path / "second")
    second.cache = checkout.cache
    assert second.make().returncode == 0
    assert second.linked() == NAMES
    assert not second.calls.exists()


def test_other_versions_are_other_programs(checkout: Checkout) -> None:
    checkout.make()
    before = (checkout.folder / ".backends" / "bin").resolve()
    sums = checkout.folder / "collector-config" / "build" / "jaeger" / "go.sum"
    sums.write_text(sums.read_text() + "\n")
    assert checkout.make().returncode == 0
    assert (checkout.folder / ".backends" / "bin").resolve() != before


def test_what_breaks_half_way_leaves_nothing_half_made(checkout: Checkout) -> None:
    ended = checkout.make(breaks_at="made-promtool")
    assert ended.returncode == 1
    assert "promtool" in ended.stderr
    assert checkout.built() == {"otelcol", "prometheus"}
    assert checkout.linked() == set()
    assert checkout.make().returncode == 0
    assert checkout.linked() == NAMES


@pytest.mark.parametrize("go_is", [None, "go1.22.1"])
def test_without_go_it_says_so(checkout: Checkout, go_is: str | None) -> None:
    if go_is is None:
        checkout.go.unlink()
    ended = checkout.make(go_is or "")
    assert ended.returncode == 3
    assert "built with Go 1.26 or newer" in ended.stderr
    assert checkout.built() == set()
