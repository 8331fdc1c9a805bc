"""What the interpreter's callbacks saw of one delivery, and the context variable that tells them which one."""

from __future__ import annotations

from contextvars import ContextVar, Token
from types import CodeType
from typing import TYPE_CHECKING, Final

import msgspec

from outworx_otel.drops.origin import is_application

if TYPE_CHECKING:
    from outworx_otel.drops.graph import Node

MAX_CAUGHT: Final = 16
MAX_UNAWAITED: Final = 8
_MAX_FRAMES: Final = 256

# `close` may run in another context and cannot reset it there: what is closed takes in nothing more.
current: ContextVar[Observations | None] = ContextVar("outworx_watch", default=None)


class CaughtException(msgspec.Struct, frozen=True):
    """An exception that the application's code handled. Holds neither the exception nor its frames.

    Args:
        code, offset: where its handling began.
        exception: its id, to recognise it if it is raised again.
        kind: its class.
        line: where it came from, in `code`.
        raised: the application's innermost code that it passed, and the line there.
        passed: the ids of the application's code objects that it ended.
    """

    code: CodeType
    offset: int
    exception: int
    kind: type[BaseException]
    line: int
    raised: tuple[CodeType, int]
    passed: tuple[int, ...]


class UnawaitedCoroutine(msgspec.Struct, frozen=True):
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


class Observations:
    """What was seen of one delivery. It is `current` in the context it was made in, until `close()`.

    Callbacks write to it from any thread or task that runs in a copy of the delivery's context.
    """

    __slots__ = ("_token", "caught", "returns", "roots", "unawaited")

    def __init__(self, roots: tuple[Node, ...]) -> None:
        self.roots = roots
        # By the id of a code object, the offset of its last return; in the order of returning.
        self.returns: dict[int, int] | None = {}
        self.caught: list[CaughtException] | None = None
        self.unawaited: list[UnawaitedCoroutine] | None = None
        self._token: Token[Observations | None] = current.set(self)

    @property
    def closed(self) -> bool:
        """Returns whether the delivery is over."""
        return self.returns is None

    def close(self) -> None:
        """Ends the observation and drops everything seen. Any thread may call it, more than once."""
        if self.returns is None:
            return
        self.returns = self.caught = self.unawaited = None
        self.roots = ()
        try:
            current.reset(self._token)
        except (ValueError, RuntimeError):
            # Another context: a deadline's thread, or a task of the framework's own.
            if current.get() is self:
                current.set(None)

    def note_caught(self, code: CodeType, offset: int, error: BaseException) -> None:
        """Notes that the application's code began to handle an exception; it may raise it again."""
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
        caught.append(CaughtException(code, offset, id(error), type(error), line, raised, tuple(passed)))

    def note_raised_again(self, code: CodeType, error: BaseException) -> None:
        """Removes an exception that its handler (`finally`, `with`, another `except`) raised again."""
        caught = self.caught or []
        for position in reversed(range(len(caught))):
            if caught[position].exception == id(error) and caught[position].code is code:
                del caught[position]
                return

    def note_unawaited(self, coroutine: UnawaitedCoroutine) -> None:
        """Notes a coroutine that was never awaited."""
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
