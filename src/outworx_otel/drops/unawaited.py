"""Observes coroutines that were never awaited: the interpreter reports each, in the context that dropped it.

It calls `warnings._warn_unawaited_coroutine` (private, so looked up with care) at the moment of their death.
"""

from __future__ import annotations

import dis
import logging
import sys
import warnings
from collections.abc import Callable
from types import CodeType, FrameType
from typing import Any, Final

from outworx_otel.drops.observations import Observations, UnawaitedCoroutine, current, qualified_name
from outworx_otel.drops.origin import is_application

logger = logging.getLogger("outworx_otel")

_NAME: Final = "_warn_unawaited_coroutine"
_MAX_FRAMES: Final = 64
_POP_TOP: Final = dis.opmap["POP_TOP"]

_original: Callable[[Any], None] | None = None


def install() -> bool:
    """Puts our observer in front of the interpreter's reporter. Returns False if this Python has none."""
    global _original
    found = getattr(warnings, _NAME, None)
    if found is _observe:
        return True
    if not callable(found):
        return False
    _original = found
    setattr(warnings, _NAME, _observe)
    return True


def uninstall() -> None:
    """Removes our observer. If somebody else has wrapped it, it stays and passes calls through."""
    if getattr(warnings, _NAME, None) is _observe:
        setattr(warnings, _NAME, _original)


def _observe(coroutine: Any) -> None:
    observations = current.get()
    if observations is not None:
        _note(observations, coroutine)
    if _original is not None:
        _original(coroutine)


# The warning names the line that is two calls up. `warnings` does not count frames of the import system, and
# tells them by their file's name: under such a name it goes on naming the application's line.
_observe.__code__ = _observe.__code__.replace(co_filename="<outworx_otel, as importlib._bootstrap>")


def _note(observations: Observations, coroutine: Any) -> None:
    try:
        origin = getattr(coroutine, "cr_origin", None)
        place = origin[0] if origin else None
        certain = place is not None and is_application(place[0])
        if not certain:
            frame = sys._getframe(2)
            certain = _throws_away(frame)
            place = _dropped_at(frame)
        observations.note_unawaited(
            UnawaitedCoroutine(coroutine.__qualname__, coroutine.cr_code, place, certain)
        )
    except Exception as error:  # noqa: BLE001  # in the middle of the application's code
        logger.debug("silent drops: a coroutine could not be looked at: %r", error)


def _throws_away(frame: FrameType) -> bool:
    """Returns whether the application's current statement is only a call, such as `charge(payment)`."""
    code = frame.f_code
    return is_application(code.co_filename) and code.co_code[frame.f_lasti] == _POP_TOP


def _dropped_at(frame: FrameType | None) -> tuple[str, int, str] | None:
    """Returns where the application dropped it, for lack of the place where it was made."""
    for _ in range(_MAX_FRAMES):
        if frame is None:
            return None
        code: CodeType = frame.f_code
        if is_application(code.co_filename):
            return code.co_filename, frame.f_lineno, qualified_name(code)
        frame = frame.f_back
    return None
