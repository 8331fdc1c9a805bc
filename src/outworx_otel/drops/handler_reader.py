"""Reads which functions a handler consists of and may call. Works without `sys.monitoring`."""

from __future__ import annotations

import threading
from types import CodeType
from typing import Any

from outworx_otel.drops.graph import MAX_NODES, Graph, Node
from outworx_otel.drops.handlers import functions_behind


class HandlerReader:
    """Reads handlers; any thread may call it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.graph = Graph(self._listen_to_calls, self._listen_to_returns)

    def add_handler(self, handler: Any) -> tuple[Node, ...]:
        """Reads a handler and returns its nodes; none where it has no Python code of the application."""
        functions, owner = functions_behind(handler)
        if not functions:
            return ()
        with self._lock:
            return self.graph.add_handler(functions, owner)

    @property
    def full(self) -> bool:
        """Returns whether it knows as many functions as it may."""
        return len(self.graph.nodes) >= MAX_NODES

    def forget(self) -> None:
        """Forgets all functions."""
        with self._lock:
            self._deafen()
            self.graph = Graph(self._listen_to_calls, self._listen_to_returns)

    def stop(self) -> None:
        """Switches off what was switched on."""
        self.forget()

    def renew_lock(self) -> None:
        """Called in a forked child, where the thread that held the lock does not exist."""
        self._lock = threading.RLock()

    def _listen_to_calls(self, code: CodeType) -> None:
        """Called when the graph has a new function."""

    def _listen_to_returns(self, code: CodeType) -> None:
        """Called for a handler, and for a function that leads to a mark."""

    def _deafen(self) -> None:
        """Called when no function is to be listened to any more."""
