"""One delivery being watched: what the callbacks saw of it, and the variable that tells them which it is."""

from __future__ import annotations

import logging
from contextvars import ContextVar, Token
from types import CodeType
from typing import TYPE_CHECKING, Final

import msgspec

from outworx_otel.drops.origin import is_application

if TYPE_CHECKING:
    from outworx_otel.drops.finding import Finding
    from outworx_otel.drops.graph import Node

logger = logging.getLogger("outworx_otel")

MAX_CAUGHT: Final = 16
MAX_UNAWAITED: Final = 8
_MAX_FRAMES: Final = 256

# Not reset after a delivery, where the frame that would have to do it runs in another context: a watch that is
# closed takes in nothing more.
watched: ContextVar[Watch | None] = ContextVar("outworx_watch", default=None)


class Caught(msgspec.Struct, frozen=True):
    """An exception that the application's code handled. Holds neither it nor its frames.

    Args:
        code, offset: where its handling began.
        exception: its id, by which it is known should it be raised again.
        kind: its class.
        line: where it came up in `code`.
        raised: the innermost code of the application that it came from, and the line there.
        passed: the ids of the application's code that it broke off.
    """

    code: CodeType
    offset: int
    exception: int
    kind: type[BaseException]
    line: int
    raised: tuple[CodeType, int]
    passed: tuple[int, ...]


class Unawaited(msgspec.Struct, frozen=True):
    """A coroutine that died without having been awaited.

    Args:
        name: its qualified name.
        code: what it would have run.
        place: file, line and function: where it was made if `certain`, else where the application let it die, or
            None if that was not in its code.
    """

    name: str
    code: CodeType
    place: tuple[str, int, str] | None
    certain: bool


class Watch:
    """What was seen of one delivery. Made by `watch()`, current until `close()`.

    Callbacks write to it from any thread or task that runs in a copy of the delivery's context.
    """

    __slots__ = ("_token", "caught", "returns", "roots", "unawaited")

    def __init__(self, roots: tuple[Node, ...]) -> None:
        self.roots = roots
        # By the id of a code object, the offset of its last return; in the order of returning.
        self.returns: dict[int, int] | None = {}
        self.caught: list[Caught] | None = None
        self.unawaited: list[Unawaited] | None = None
        self._token: Token[Watch | None] = watched.set(self)

    @property
    def closed(self) -> bool:
        """Whether the delivery is over."""
        return self.returns is None

    def findings(self) -> tuple[Finding, ...]:
        """Why the delivery was dropped, the most telling reason first. Ask only if it was."""
        from outworx_otel.drops.verdict import findings

        try:
            return () if self.closed else findings(self)
        except Exception as error:  # noqa: BLE001  # ours: the delivery keeps its status, without a cause
            logger.debug("silent drops: no cause could be found: %r", error)
            return ()

    def close(self) -> None:
        """Ends the watching and lets go of everything seen; from any thread, any number of times."""
        if self.returns is None:
            return
        self.returns = self.caught = self.unawaited = None
        self.roots = ()
        try:
            watched.reset(self._token)
        except (ValueError, RuntimeError):
            # Another context: a deadline's thread, or a task of the framework's own.
            if watched.get() is self:
                watched.set(None)

    def note_caught(self, code: CodeType, offset: int, error: BaseException) -> None:
        """The application's code has begun to handle an exception, maybe only to raise it again."""
        caught = self.caught
        if caught is None:
            if self.returns is None:
                return
            caught = self.caught = []
        elif len(caught) >= MAX_CAUGHT:
            del caught[0]
        trace = entry = error.__traceback__
        line = 0 if trace is None else trace.tb_lineno
        raised = (code, line)
        passed: list[int] = []
        while entry is not None and len(passed) < _MAX_FRAMES:
            frame_code = entry.tb_frame.f_code
            if frame_code is not code and is_application(frame_code.co_filename):
                raised = (frame_code, entry.tb_lineno)
                passed.append(id(frame_code))
            entry = entry.tb_next
        caught.append(Caught(code, offset, id(error), type(error), line, raised, tuple(passed)))

    def note_raised_again(self, code: CodeType, error: BaseException) -> None:
        """What began as the handling of an exception (`finally`, `with`, another `except`) let it go on."""
        caught = self.caught or []
        for position in reversed(range(len(caught))):
            if caught[position].exception == id(error) and caught[position].code is code:
                del caught[position]
                return

    def note_unawaited(self, coroutine: Unawaited) -> None:
        """A coroutine was thrown away."""
        if self.unawaited is None:
            if self.returns is None:
                return
            self.unawaited = []
        if len(self.unawaited) < MAX_UNAWAITED:
            self.unawaited.append(coroutine)


def qualified_name(code: CodeType) -> str:
    """`Class.method`; before Python 3.11 code objects know only `method`."""
    name: str = getattr(code, "co_qualname", code.co_name)
    return name
