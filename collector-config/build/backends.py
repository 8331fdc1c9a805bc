"""`make backends`: the real programs that the tests of collector-config/ run, built from the Go module proxy.

They are built once a machine, into a cache outside the checkout, named by what is built; `.backends/bin` links
there. Every module is pinned by the go.sum beside its go.mod; `--renew` writes those after a version was changed.
Only Python's standard library is used.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
LINK = HERE.parents[1] / ".backends"
NO_GO = 3
OLDEST_GO = (1, 26)

COLLECTOR = "collector"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
# In the order in which they are needed most. Each folder holds a go.mod and its go.sum.
PROGRAMS: dict[str, dict[str, str]] = {
    COLLECTOR: {"otelcol": "."},
    "prometheus": {
        "prometheus": "github.com/prometheus/prometheus/cmd/prometheus",
        "promtool": "github.com/prometheus/prometheus/cmd/promtool",
    },
    "jaeger": {"jaeger": "github.com/jaegertracing/jaeger/cmd/jaeger"},
}
TOOLS = {
    "builder": [f"{BUILDER}@v0.161.0"],
    "prometheus": [f"{package}@v0.316.0" for package in PROGRAMS["prometheus"].values()],
    "jaeger": [f"{PROGRAMS['jaeger']['jaeger']}@v1.76.0"],
}
# Prometheus without the ways of finding targets of every cloud: nothing of them is tested, and they take minutes.
TAGS = {"prometheus": "remove_all_sd"}
BUILD = ("go", "build", "-trimpath", "-ldflags=-s -w")
PINNED = ("builder.yaml", "go.mod", "go.sum")


class Trouble(Exception):
    """What to say instead of a traceback."""


class NoGo(Trouble):
    """There is no Go here that builds them."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 built or there already, 3 without Go, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--renew", action="store_true", help="write go.mod and go.sum anew, and build nothing"
    )
    try:
        if parser.parse_args(arguments).renew:
            renew()
        else:
            provide()
    except NoGo as none:
        print(none, file=sys.stderr)
        return NO_GO
    except (Trouble, OSError) as error:
        print(f"make backends: {error}", file=sys.stderr)
        return 1
    return 0


def provide() -> None:
    """Builds what the cache lacks and links to it."""
    cache = _cache()
    folder = cache / "bin"
    if _missing(folder):
        go_version = _go()
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(cache):
            for group in _missing(folder):
                _build(group, folder, go_version)
    _link(cache)


def renew() -> None:
    """go.mod and go.sum of each folder, for the versions that are named here and in builder.yaml."""
    _go()
    for group, packages in TOOLS.items():
        with _scratch(HERE / group, ()) as work:
            _run(["go", "mod", "init", f"outworx.test/{group}"], work)
            _run(["go", "get", "-tool", *packages], work, patience=600, tries=3)
            _keep(work, HERE / group)
    with _scratch(HERE / COLLECTOR, ("builder.yaml",)) as work:
        _generate(work, "--skip-compilation")
        _keep(work / "sources", HERE / COLLECTOR)


def _missing(folder: Path) -> list[str]:
    return [
        group for group, programs in PROGRAMS.items() if not all((folder / one).exists() for one in programs)
    ]


def _cache() -> Path:
    """Of these versions: whatever changes what is built has another one."""
    known = hashlib.sha256(repr((PROGRAMS, TAGS, BUILD)).encode())
    for path in sorted(path for name in PINNED for path in HERE.glob(f"*/{name}")):
        known.update(path.relative_to(HERE).as_posix().encode() + path.read_bytes())
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "outworx-backends" / known.hexdigest()[:16]


def _go() -> str:
    """The version of the machine's Go.

    Raises:
        NoGo: there is none, or it is too old.
    """
    wanted = ".".join(map(str, OLDEST_GO))
    if shutil.which("go") is None:
        raise NoGo(
            f"The Collector, Jaeger and Prometheus are built with Go {wanted} or newer, and no `go` is in the PATH: "
            "https://go.dev/dl/"
        )
    # What is installed, and no other that a go.mod would have fetched.
    said = _run(["go", "env", "GOVERSION"], HERE).strip()
    found = re.match(r"go(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GO:
        raise NoGo(
            f"The Collector, Jaeger and Prometheus are built with Go {wanted} or newer, and this is {said}."
        )
    return said


def _build(group: str, folder: Path, go_version: str) -> None:
    names = " and ".join(PROGRAMS[group])
    print(f"Building {names} with {go_version} (minutes, once a machine) ...", flush=True)
    began = time.monotonic()
    with _scratch(HERE / group, PINNED) as work:
        sources = work
        if group == COLLECTOR:
            _generate(work, "--skip-compilation", "--skip-get-modules")
            sources = work / "sources"
            for pinned in ("go.mod", "go.sum"):
                shutil.copy(work / pinned, sources)
        for name, package in PROGRAMS[group].items():
            made = work / f"made-{name}"
            tags = ("-tags", TAGS[group]) if group in TAGS else ()
            # First what it needs from the network, which may hang, and then hours may pass.
            _run(["go", "list", "-deps", *tags, package], sources, patience=600, tries=3)
            _run([*BUILD, *tags, "-o", str(made), package], sources)
            # Across file systems a rename is a copy: first beside its place, so that nobody finds half of it.
            beside = folder / f".{name}.{os.getpid()}"
            shutil.copy2(made, beside)
            beside.rename(folder / name)
    print(f"... {names}: {time.monotonic() - began:.0f} s", flush=True)


def _generate(work: Path, *options: str) -> None:
    """The collector's sources into `work/sources`, by the builder of builder/go.mod."""
    with _scratch(HERE / "builder", PINNED) as tool:
        program = tool / "ocb"
        _run(["go", "build", "-trimpath", "-o", str(program), BUILDER], tool)
        _run([str(program), "--config", "builder.yaml", *options], work)


def _run(command: Sequence[str], folder: Path, patience: float | None = None, tries: int = 1) -> str:
    """What it printed.

    Args:
        patience: seconds after which it is ended, and begun again if there are `tries` left.

    Raises:
        Trouble: it failed; with the end of what it said.
    """
    # Without a C compiler the same comes out. A vendor folder or flags of the caller's would change it.
    environ = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    try:
        ended = subprocess.run(  # noqa: S603  # our own command lines
            command, cwd=folder, env=environ, capture_output=True, text=True, check=False, timeout=patience
        )
    except subprocess.TimeoutExpired:
        if tries > 1:
            return _run(command, folder, patience, tries - 1)
        raise Trouble(
            f"`{' '.join(command)}` did not end within {patience} s: is the network there?"
        ) from None
    if ended.returncode:
        said = "\n".join((ended.stdout + ended.stderr).strip().splitlines()[-15:])
        raise Trouble(f"`{' '.join(command)}` ended with {ended.returncode}:\n{said}")
    return ended.stdout


@contextmanager
def _scratch(source: Path, names: Sequence[str]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="outworx-backends-") as folder:
        for name in names:
            if (source / name).exists():
                shutil.copy(source / name, folder)
        yield Path(folder)


@contextmanager
def _alone(cache: Path) -> Iterator[None]:
    """Two checkouts on one machine do not build the same twice at once: the second finds what the first made."""
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _keep(made: Path, into: Path) -> None:
    into.mkdir(exist_ok=True)
    for name in ("go.mod", "go.sum"):
        shutil.copy(made / name, into)


def _link(cache: Path) -> None:
    LINK.mkdir(exist_ok=True)
    link = LINK / "bin"
    if link.is_symlink() and link.readlink() == cache / "bin":
        return
    new = LINK / f".bin.{os.getpid()}"
    new.symlink_to(cache / "bin")
    new.rename(link)


if __name__ == "__main__":
    sys.exit(main())
