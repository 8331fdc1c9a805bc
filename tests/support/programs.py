"""Programs of the system that tests run."""

from __future__ import annotations

import shutil


def system_program(name: str) -> str | None:
    """Its path, also where Debian keeps it for root alone; None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
