"""Handlers, read: which functions they consist of and may reach. All there is without `sys.monitoring`."""

from __future__ import annotations

import threading
from types import CodeType
from typing import Any

from outworx_otel.drops.graph import MAX_NODES, Graph, Node
from outworx_otel.drops.handlers import functions_behind


class Reader:
    """Reads handlers, from any thread."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self.graph = Graph(self._listen_to_calls, self._listen_to_returns)

    def add_handler(self, handler: Any) -> tuple[Node, ...]:
        """Reads a handler and begins to listen to it; no nodes where no Python code of it was found."""
        functions, owner = functions_behind(handler)
        if not functions:
            return ()
        with self._lock:
            return self.graph.add_handler(functions, owner)

    @property
    def full(self) -> bool:
        """Whether it knows as many functions as it may."""
        return len(self.graph.nodes) >= MAX_NODES

    def forget(self) -> None:
        """Knows no function any more, and listens to none."""
        with self._lock:
            self._deafen()
            self.graph = Graph(self._listen_to_calls, self._listen_to_returns)

    def stop(self) -> None:
        """Switches off whatever was switched on."""
        self.forget()

    def renew_lock(self) -> None:
        """After a fork: whoever held the lock is not in this process."""
        self._lock = threading.RLock()

    def _listen_to_calls(self, code: CodeType) -> None:
        """The graph has a new function."""

    def _listen_to_returns(self, code: CodeType) -> None:
        """A function leads to a mark, or is a handler."""

    def _deafen(self) -> None:
        """No function is to be listened to any more."""
