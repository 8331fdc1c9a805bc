"""A failed delivery under investigation, and the means to try it again with one thing changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from outworx_otel.signatures.diagnosis.budget import Budget
from outworx_otel.signatures.keys import Key
from outworx_otel.signatures.procedure import Request
from outworx_otel.signatures.result import Failure, SignatureReason, SignatureResult

if TYPE_CHECKING:
    from outworx_otel.signatures.verifier import Verifier


class Finding(NamedTuple):
    """What a hypothesis proved: the reason it means, and the sentence that says what to change."""

    reason: SignatureReason
    hint: str


class Case:
    """One failed verification; every trial is paid for out of the budget."""

    __slots__ = ("budget", "request", "result", "skipped", "verifier")

    def __init__(self, verifier: Verifier, request: Request, result: SignatureResult, budget: Budget) -> None:
        self.verifier = verifier
        self.request = request
        self.result = result
        self.budget = budget
        # What could not be tried, as sentences for the hint.
        self.skipped: list[str] = []

    def fits(self, request: Request | None = None, keys: Sequence[Key] | None = None) -> bool:
        """Whether the signature is right for this request, or with these keys, at whatever time."""
        from outworx_otel.signatures.verifier import matching_key

        if request is None:
            request = self.request
        numbered = self.verifier.keys if keys is None else tuple(enumerate(keys))
        self.budget.spend(len(request.body) * max(1, len(numbered)))
        evidence = self.verifier.extract(request)
        return not isinstance(evidence, Failure) and matching_key(numbered, evidence.checks) is not None

    def fits_body(self, body: bytes) -> bool:
        """Whether the signature is right for another body."""
        return body != self.request.body and self.fits(self.request._replace(body=body))


Hypothesis = Callable[[Case], Finding | None]


def mismatch(hint: str) -> Finding:
    """A finding that explains a mismatch without changing its reason."""
    return Finding("hmac_mismatch", hint)
