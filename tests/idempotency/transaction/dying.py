"""Ends a process at a statement of SQLite, which no wire leads to."""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
from typing import Any


def die_at(number: int) -> None:
    """Kills this process before its statement of that number, counted over all its connections."""
    left = number
    connect = sqlite3.connect

    def see(statement: str) -> None:
        nonlocal left
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(connect)
    def seen(*arguments: Any, **options: Any) -> Any:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(see)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = seen  # type: ignore[assignment]
