"""What a process and its children hold, read out of Linux's /proc."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Held:
    """At one moment: bytes of memory of its own, open descriptors and threads; processor seconds since the start."""

    memory: int
    descriptors: int
    threads: int
    processor: float


def held_by(pid: int) -> Held:
    """Of a process and all its descendants.

    Raises:
        ProcessLookupError: it has ended.
    """
    memory = descriptors = threads = 0
    processor = 0.0
    for one in _family(pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            folder = Path(f"/proc/{one}")
            status = (folder / "status").read_text()
            # Its own pages: those of files that it has mapped (a queue on disk) are the kernel's to give back.
            memory += int(status.partition("RssAnon:")[2].split()[0]) * 1024
            descriptors += sum(1 for _ in (folder / "fd").iterdir())
            # After the name, which may hold spaces: field 3 is the first.
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            threads += int(fields[17])
            processor += (int(fields[11]) + int(fields[12])) / _TICKS
    if not memory:
        raise ProcessLookupError(pid)
    return Held(memory, descriptors, threads, processor)


def _family(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += [int(child) for child in (task / "children").read_text().split()]
    return found
