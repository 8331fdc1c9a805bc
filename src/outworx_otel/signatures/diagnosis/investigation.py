"""From a failed verification to its cause: hypotheses in the order of what users most often get wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from outworx_otel.signatures.checker import Checker
from outworx_otel.signatures.diagnosis import body, budget, credentials, reserialised, secrets, transport
from outworx_otel.signatures.diagnosis.budget import Budget, BudgetSpent, RateLimit, WastedTime
from outworx_otel.signatures.diagnosis.case import Case, Explanation, Hypothesis, Observation
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.result import SignatureReason, SignatureResult
from outworx_otel.signatures.secret import KnownSecret

# Those about the secret come first, because for a large body the budget pays for few trials; a line break at the
# end comes before re-serialised JSON, for which it would otherwise pass.
HYPOTHESES: dict[SignatureReason, tuple[Hypothesis, ...]] = {
    "hmac_mismatch": (
        secrets.untidy_secret,
        secrets.known_secret,
        secrets.key_form,
        transport.url_spelling,
        transport.public_url,
        body.trailing_newline,
        reserialised.reserialised_json,
        body.line_endings,
        body.byte_order_mark,
        body.wrong_charset,
        body.printed_bytes,
        body.compression,
        body.form_encoding,
        transport.weaker_header,
    ),
    "credentials_mismatch": (
        secrets.untidy_secret,
        credentials.scheme_word,
        credentials.escaped,
        secrets.known_secret,
        credentials.another_header,
    ),
    "malformed_header": (transport.weaker_header, credentials.another_header),
    "missing_header": (transport.weaker_header, credentials.other_kind, credentials.another_header),
}

# What leaves nothing to prove; and what is said in case nothing could be proved.
BEFORE: tuple[Observation, ...] = (body.empty_body, transport.missing_url)
AFTER: tuple[Observation, ...] = (
    credentials.wrong_part,
    secrets.other_credential,
    transport.other_provider,
    credentials.sent_otherwise,
)

REMEMBERED = 2

rate_limit = RateLimit(budget.DIAGNOSES_PER_SECOND)
wasted_time = WastedTime(budget.WASTED_SECONDS)


class Proved(NamedTuple):
    """A trial that was right once: of which hypothesis, and which of its trials."""

    hypothesis: Hypothesis
    name: object


class Diagnosis:
    """Explains the failures at one endpoint.

    What was proved there last is tried first at the next failure, and does not count towards the diagnoses that a
    process may make in a second: in an incident every delivery gets the proved reason.
    """

    __slots__ = ("_known_secrets", "_proved")

    def __init__(self, known_secrets: Callable[[], Iterable[KnownSecret]] | None) -> None:
        self._known_secrets = known_secrets
        self._proved: tuple[Proved, ...] = ()

    def explain(self, checker: Checker, request: SignedRequest, result: SignatureResult) -> SignatureResult:
        """The same failure with its cause, where one could be proved; never a success."""
        hypotheses = HYPOTHESES.get(result.reason) if result.reason is not None else None
        if hypotheses is None:
            return result
        case = Case(checker, request, result, self._known_secrets, Budget(rate_limit))
        try:
            explanation = (
                (_seen(case, BEFORE) if result.reason == "hmac_mismatch" else None)
                or self._as_before(case, hypotheses)
                or self._searched(case, hypotheses)
                or _seen(case, AFTER)
            )
            if explanation is not None:
                return result._replace(reason=explanation.reason or result.reason, hint=explanation.hint)
        except Exception as error:  # noqa: BLE001 - the verdict stands, whatever becomes of its explanation
            case.skip(f"Its cause could not be looked for: the diagnosis raised {type(error).__name__}.")
        return result._replace(hint=" ".join([result.hint or "", *case.skipped]).strip())

    def _as_before(self, case: Case, hypotheses: tuple[Hypothesis, ...]) -> Explanation | None:
        """The explanation that was proved here before, if it is right this time too."""
        remembered = [one for one in self._proved if one.hypothesis in hypotheses]
        if not remembered or wasted_time.used_up():
            return None
        search, case.budget = case.budget, Budget(None, budget.TRIALS_OF_WHAT_WAS_PROVED)
        found = None
        try:
            for proved in remembered:
                for trial in proved.hypothesis(case):
                    if trial.name == proved.name and trial.fits():
                        found = proved
                        return trial.explanation
        except BudgetSpent:
            pass
        finally:
            if found is None:
                wasted_time.add(case.budget.seconds_used())
            else:
                self._remember(found)
            case.budget = search
        return None

    def _searched(self, case: Case, hypotheses: tuple[Hypothesis, ...]) -> Explanation | None:
        if case.result.reason == "hmac_mismatch" and rate_limit.exhausted():
            # Some trial there always is, so none needs to be prepared: this is what a flood costs.
            case.skip(budget.NOT_LOOKED_FOR)
            return None
        try:
            for hypothesis in hypotheses:
                for trial in hypothesis(case):
                    if trial.fits():
                        self._remember(Proved(hypothesis, trial.name))
                        return trial.explanation
        except BudgetSpent as spent:
            case.skip(str(spent))
        return None

    def _remember(self, proved: Proved) -> None:
        if self._proved[:1] != (proved,):
            others = tuple(one for one in self._proved if one != proved)
            self._proved = (proved, *others)[:REMEMBERED]


def _seen(case: Case, observations: tuple[Observation, ...]) -> Explanation | None:
    for observation in observations:
        explanation = observation(case)
        if explanation is not None:
            return explanation
    return None
