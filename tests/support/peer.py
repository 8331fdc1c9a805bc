"""The published SDK, `outworx-hooks`, in a virtual environment of its own: installed and run, never read."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path
from typing import Final

VERSION: Final = "1.5.0"
KEY: Final = "ohk_" + "0123456789abcdef" * 2
"""It insists on this form of a key."""

_ROOT: Final = Path(__file__).parents[2] / ".venvs"
_PACKAGES: Final = (
    f"outworx-hooks=={VERSION}",
    "fastapi>=0.110",
    "flask>=2.3",
    "uvicorn>=0.30",
    "httpx>=0.27",
)


def peer_python() -> Path:
    """The interpreter of that environment; it is made where it is missing or asks for other packages.

    Whoever comes second, also in another process, waits for the first.
    """
    _ROOT.mkdir(exist_ok=True)
    folder = _ROOT / "peer"
    python, made = folder / "bin" / "python", folder / ".made"
    wanted = "\n".join(_PACKAGES)
    with (_ROOT / "peer.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made.is_file() and made.read_text() == wanted and python.exists()):
            made.unlink(missing_ok=True)
            _run(sys.executable, "-m", "venv", "--clear", str(folder))
            _run(*_installer(python), "--quiet", *_PACKAGES)
            made.write_text(wanted)
    return python


def _installer(python: Path) -> list[str]:
    uv = Path(sys.executable).with_name("uv")
    if uv.exists():
        return [str(uv), "pip", "install", "--python", str(python)]
    return [str(python), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603  # ours
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")
