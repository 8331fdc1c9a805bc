"""The errors of the store. Each message says what to do and holds no secret."""

from __future__ import annotations


class StoreBusy(Exception):
    """More waits to be written than may; come again after `retry_after` seconds."""

    retry_after = 2

    def __init__(self) -> None:
        super().__init__(f"too much waits to be written: send again in {self.retry_after} s")


class StoreUnavailable(Exception):
    """The database cannot be written or read now; the message says why and what to do, without secrets."""


class QueryTooWide(StoreUnavailable):
    """There is too much to look through; narrowing the time or the filter helps, waiting does not."""

    def __init__(self) -> None:
        super().__init__("too much to look through: narrow the time, or filter by provider or route")


class BatchRefused(Exception):
    """A batch that can never be written, however often it is sent; the others of its transaction were."""


class BadCursor(ValueError):
    """A page's cursor that this store did not make."""

    def __init__(self) -> None:
        super().__init__("cursor: use `next_cursor` of the page before, unchanged, or leave it out")
