"""Why a delivery was silently dropped, and on which line of code."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Cause = Literal["missing_await", "swallowed_exception", "early_return", "never_marked"]


@dataclass(frozen=True)
class Finding:
    """One reason why a delivery was answered without being marked.

    Args:
        cause: `missing_await`: a coroutine was made and thrown away; `swallowed_exception`: the application's
            own code handled an exception; `early_return`: the handler has a mark and did not reach it;
            `never_marked`: the handler, and what it calls, holds no mark at all.
        file: absolute path of the source file.
        line: where the coroutine was made, where the exception was caught, or the `return`.
        function: the qualified name of the function that this line belongs to.
        exception_type: of a swallowed exception, with its module unless that is `builtins`.
        detail: one sentence for people: the coroutine's name, where the exception was raised, the mark's line.
    """

    cause: Cause
    file: str
    line: int
    function: str
    exception_type: str | None = None
    detail: str = ""

    def __str__(self) -> str:
        kind = f" {self.exception_type}" if self.exception_type else ""
        return f"{self.cause}{kind} at {self.file}:{self.line} in {self.function}: {self.detail}"


def absolute(file: str) -> str:
    """Returns a file's absolute path; the code of a script started by a relative path holds that path."""
    return str(Path(file).absolute())
