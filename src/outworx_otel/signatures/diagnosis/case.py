"""A failed delivery under investigation, and the means to check it again with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple, ParamSpec

from outworx_otel.signatures.checker import Checker
from outworx_otel.signatures.diagnosis.budget import Budget
from outworx_otel.signatures.procedure import Key, SignedRequest
from outworx_otel.signatures.result import SignatureReason, SignatureResult
from outworx_otel.signatures.secret import KnownSecret

_P = ParamSpec("_P")


class Explanation(NamedTuple):
    """The sentence that says what to change, and the reason it means, where that is another one."""

    hint: str
    reason: SignatureReason | None = None


class Trial(NamedTuple):
    """One change that may have happened to the delivery, undone.

    Attributes:
        name: Tells the trial from others of its hypothesis. It is the same at the next delivery, and is kept, so
            it holds no secret.
        fits: Whether the signature is right with the change undone.
        explanation: What it means when it is.
    """

    name: object
    fits: Callable[[], bool]
    explanation: Explanation


class Case:
    """One failed verification; every trial is paid for out of the budget.

    Attributes:
        skipped: What could not be tried, as sentences for the hint.
    """

    __slots__ = ("budget", "checker", "known_secrets", "request", "result", "skipped")

    def __init__(
        self,
        checker: Checker,
        request: SignedRequest,
        result: SignatureResult,
        known_secrets: Callable[[], Iterable[KnownSecret]] | None,
        budget: Budget,
    ) -> None:
        self.checker = checker
        self.request = request
        self.result = result
        self.known_secrets = known_secrets
        self.budget = budget
        self.skipped: list[str] = []

    def skip(self, sentence: str) -> None:
        """Say in the hint, once, that something was not tried."""
        if sentence not in self.skipped:
            self.skipped.append(sentence)

    def with_body(
        self,
        name: object,
        explanation: Explanation,
        make: Callable[_P, bytes | None],
        *args: _P.args,
        **kw: _P.kwargs,
    ) -> Trial:
        """A trial with another body; `make` is called when its turn comes, and None means there is none."""
        return Trial(name, partial(self._fits_body, partial(make, *args, **kw)), explanation)

    def with_key(
        self,
        name: object,
        explanation: Explanation,
        make: Callable[_P, Key | None],
        *args: _P.args,
        **kw: _P.kwargs,
    ) -> Trial:
        """A trial with another key; `make` as in `with_body`."""
        return Trial(name, partial(self._fits_key, partial(make, *args, **kw)), explanation)

    def with_url(self, name: object, explanation: Explanation, url: str) -> Trial:
        """A trial with another URL."""
        return Trial(name, partial(self._fits_url, url), explanation)

    def _fits_body(self, make: Callable[[], bytes | None]) -> bool:
        body = make()
        if body is None or body == self.request.body:
            return False
        return self._fits(self.request._replace(body=body))

    def _fits_key(self, make: Callable[[], Key | None]) -> bool:
        key = make()
        return key is not None and self._fits(self.request, (key,))

    def _fits_url(self, url: str) -> bool:
        return url not in self.request.urls and self._fits(self.request._replace(url=url, other_urls=()))

    def _fits(self, request: SignedRequest, keys: Sequence[Key] | None = None) -> bool:
        hashes = len(self.checker.keys if keys is None else keys) * len(request.urls)
        self.budget.spend(len(request.body) * hashes)
        return self.checker.fits(request, keys)


Hypothesis = Callable[[Case], Iterable[Trial]]
"""What somebody on the way, or in the configuration, may have done, as trials in the order of their likelihood."""

Observation = Callable[[Case], "Explanation | None"]
"""What can be seen without computing anything."""
