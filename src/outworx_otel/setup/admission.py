"""What is under way in the current context: the delivery that a marked handler asks whether it may run."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from outworx_otel.setup.endpoints import Endpoint


class UnderWay(Protocol):
    """A delivery, or work that was resumed from a token."""

    @property
    def track(self) -> Any:
        """The handle that `current_track()` gives."""

    def covers(self, endpoint: Endpoint) -> bool:
        """Whether the handler that is marked with `endpoint` may run: this request was verified for it."""

    def refuse(self) -> None:
        """A marked handler has refused to run: whatever is made of that, the answer is 401."""


_under_way: ContextVar[UnderWay | None] = ContextVar("outworx_under_way", default=None)
_trusted: ContextVar[bool] = ContextVar("outworx_trusted", default=False)


def under_way() -> UnderWay | None:
    """What is under way in this context, if anything."""
    return _under_way.get()


put_under_way: Final = _under_way.set
"""Makes work the current one, for good."""


def set_under_way(work: UnderWay | None) -> Callable[[], object]:
    """Makes `work` the current one; the returned function puts the earlier one back."""
    before = _under_way.get()
    _under_way.set(work)
    # Not by token: between Django's sync and async middleware the way back leads through another Context.
    return lambda: _under_way.set(before)


def is_trusted() -> bool:
    """Whether whoever calls handlers in this context is trusted: a test that calls them directly."""
    return _trusted.get()


def set_trusted() -> Callable[[], object]:
    """Trusts the callers in this context; the returned function puts things back."""
    before = _trusted.get()
    _trusted.set(True)
    return lambda: _trusted.set(before)
