"""`make test-versions`: the tests with the lowest, the newest and the coming versions, on every Python there is.

nox, because a session is a function: which interpreters there are, which versions go together and what only warns is
said in Python; uv makes the environments and finds the lowest versions that pyproject.toml declares. One alone:
`make test-versions ARGS="-s lowest"`, or `"newest(3.13)"`; what follows `--` goes to pytest, instead of the folders.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.10"
nox.options.default_venv_backend = "uv"
nox.options.reuse_venv = "yes"
# An interpreter that is not there is not looked for on the network.
os.environ["UV_PYTHON_DOWNLOADS"] = "never"
# uv compiles nothing, and where Python may not write what it compiles, each process that a test starts does it again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

DEFAULT = sys.executable
FIRST = (3, 10)

FRAMEWORKS = "auto,fastapi,flask,django,aiohttp,litestar,asymmetric,redis,sql"
SERVER = "auto,fastapi,flask,django,asymmetric,redis,sql,server,migrate"
# What sets an application up, whatever its framework.
SET_UP = (
    "tests/package/test_public_face.py",
    "tests/setup/test_bootstrap.py",
    "tests/setup/test_guarding.py",
)
# What `.ci/run` has time for: each framework's seams, each way in and out, the front door.
CORE = (
    *SET_UP,
    *(
        f"tests/integrations/test_{name}.py"
        for name in ("beside_the_official", "bodies", "exceptions", "marks", "no_way_round", "selection")
    ),
    *("tests/integrations/test_patch.py", "tests/door/test_plain.py"),
)
# Without what needs a vendor's SDK, or other servers than uvicorn and gunicorn.
OF_FRAMEWORKS = (
    *("tests/delivery", "tests/door", "tests/drops", "tests/e2e", "tests/export", "tests/http_messages"),
    *("tests/integrations", "tests/process", "tests/setup", "tests/signatures", "tests/telemetry"),
    *("tests/testing", "tests/package/test_house.py", "tests/package/test_public_face.py"),
    *("--ignore=tests/e2e/idempotency", "--ignore=tests/e2e/test_servers.py"),
    "--ignore=tests/integrations/test_quick_start.py",
    *("--ignore=tests/signatures/published", "--ignore=tests/signatures/test_vendor_libraries.py"),
)
# Its stores have 250 ms to answer: it wants the machine to itself. What keeps keys in transactions does not.
TO_ITSELF = "tests/idempotency"
TRANSACTIONS = "tests/idempotency/transaction"
OF_SERVER = (
    *("tests/server/store", "tests/server/ingest", "tests/server/access", "tests/server/problems"),
    *("tests/cli", "tests/server/relay"),
    TO_ITSELF,
    # With tools of their own: the published SDK, a fuzzer, a terminal, the client of coding agents.
    "--ignore=tests/server/ingest/test_published_sdk.py",
    *("--ignore=tests/server/access/test_description.py", "--ignore=tests/server/relay/test_terminal.py"),
    *("--ignore=tests/cli/mcp", "--ignore=tests/cli/test_deploy.py"),
)

SEAMS = (*SET_UP, "tests/integrations", "tests/door", "--ignore=tests/integrations/test_quick_start.py")
# Packages whose ways do not cross: each stands once beside the newest of everything else, at the tests that meet it.
BETWEEN = {
    "django-4.2": (
        ("django ~=4.2.0", "wrapt <2"),
        (*SEAMS, f"{TRANSACTIONS}/test_django.py"),
    ),
    "django-5.2": (("django ~=5.2.0", "protobuf <7"), (*SEAMS, "tests/telemetry", "tests/export")),
    "sqlalchemy-2.0": (
        ("sqlalchemy <2.1", "redis <6", "starlette <1"),
        (*SEAMS, TO_ITSELF, TRANSACTIONS),
    ),
}


def interpreters() -> dict[str, str]:
    """Every Python from 3.10 on, one for each minor version: of the PATH, or pyenv's."""
    found: dict[tuple[int, int], str] = {sys.version_info[:2]: DEFAULT}
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(os.pathsep)]
    for folder in (*(one / "bin" for one in sorted(pyenv.glob("3.*"))), *folders):
        # pyenv's shims stand for versions that may not be chosen.
        for program in () if folder.name == "shims" else folder.glob("python3.*"):
            version = re.fullmatch(r"python3\.(\d+)", program.name)
            if version is not None and (3, int(version[1])) >= FIRST:
                found.setdefault((3, int(version[1])), str(program))
    return {f"3.{minor}": found[3, minor] for _, minor in sorted(found)}


@nox.session(python=DEFAULT)
def lowest(session: nox.Session) -> None:
    """The lowest versions declared, at the frameworks."""
    install_lowest(session, FRAMEWORKS)
    test(session, OF_FRAMEWORKS)


@nox.session(python=DEFAULT, name="lowest-core", default=False)
def lowest_core(session: nox.Session) -> None:
    """A part of `lowest`, of less than a minute, for `.ci/run`."""
    install_lowest(session, FRAMEWORKS)
    test(session, CORE)


@nox.session(python=DEFAULT, name="lowest-server")
def lowest_server(session: nox.Session) -> None:
    """The lowest versions declared, at the server and the command line, which need a newer Starlette."""
    install_lowest(session, SERVER)
    test(session, OF_SERVER)


@nox.session
@nox.parametrize("python", [nox.param(program, id=version) for version, program in interpreters().items()])
def newest(session: nox.Session) -> None:
    """The newest versions, on every Python."""
    install(session, FRAMEWORKS)
    test(session, OF_FRAMEWORKS)


@nox.session(python=DEFAULT)
@nox.parametrize("pins, folders", [nox.param(*row, id=name) for name, row in BETWEEN.items()])
def between(session: nox.Session, pins: tuple[str, ...], folders: tuple[str, ...]) -> None:
    """Versions that many have, beside the newest of everything else, at the tests that meet them."""
    # Whose transactions the tests stand in.
    install(session, f"{FRAMEWORKS},server", *pins, "djangorestframework >=3.15", "waitress >=3")
    test(session, folders)


@nox.session(python=DEFAULT)
def outside(session: nox.Session) -> None:
    """A real framework in a version that is not supported: left alone, and said."""
    install(session, "auto,fastapi,django", "flask ==2.2.5", "werkzeug <3")
    test(session, ("tests/setup/test_outside_the_range.py",))


@nox.session(python=list(interpreters().values())[-1])
def coming(session: nox.Session) -> None:
    """Pre-releases, on the newest Python: what fails here is a warning."""
    try:
        # httpx 1.0 has none of what Starlette's TestClient is made of.
        install(session, FRAMEWORKS, "httpx <1", "--prerelease=allow")
        test(session, OF_FRAMEWORKS)
    except nox.command.CommandFailed:
        session.warn("THE COMING VERSIONS FAIL: see above. Nothing is to be mended in a hurry for that.")


def install(session: nox.Session, extras: str, *arguments: str) -> None:
    """This package, what tests every version, and what the arguments say."""
    session.install("--editable", f".[{extras}]", "--group", "versions", *arguments)


def install_lowest(session: nox.Session, extras: str) -> None:
    """This package with the lowest versions that pyproject.toml declares; what tests it is as new as that allows."""
    # Not in nox's temporary folder, which would be the tests' too, within this repository and its settings.
    lowest = Path(session.virtualenv.location) / "lowest.txt"
    asked = [word for extra in extras.split(",") for word in ("--extra", extra)]
    session.run_install(
        *("uv", "pip", "compile", "pyproject.toml", *asked, "--group", "versions-lowest"),
        *("--resolution", "lowest-direct", "--quiet", "--no-header", "--no-annotate"),
        *("--python", str(Path(session.bin) / "python"), "--output-file", str(lowest)),
        external=True,
        silent=True,
    )
    session.install(
        *("--editable", f".[{extras}]", "--group", "versions", "--group", "versions-lowest"),
        *("--constraint", str(lowest)),
    )


def test(session: nox.Session, folders: tuple[str, ...]) -> None:
    """Runs pytest on two cores; without the bytecode that another version has left."""
    chosen = session.posargs or folders
    pytest = ("python", "-m", "pytest", "-W", "default")
    together = [one for one in chosen if one != TO_ITSELF]
    if any(not one.startswith("-") for one in together):
        session.run(*pytest, "-n", "2", "--dist", "loadfile", *together)
    if len(together) < len(chosen):
        session.run(*pytest, TO_ITSELF, f"--ignore={TRANSACTIONS}")
