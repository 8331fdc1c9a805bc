"""From a failed verification to its cause: hypotheses in the order of what users most often get wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outworx_otel.signatures.diagnosis import body, reserialised, secrets, transport
from outworx_otel.signatures.diagnosis.budget import DIAGNOSES_PER_SECOND, Budget, BudgetSpent, RateLimit
from outworx_otel.signatures.diagnosis.case import Case, Finding, Hypothesis
from outworx_otel.signatures.procedure import Request
from outworx_otel.signatures.result import SignatureReason, SignatureResult

if TYPE_CHECKING:
    from outworx_otel.signatures.verifier import Verifier

# Those about the secret come first, because for a large body the budget pays for few trials; a line break at the
# end comes before re-serialised JSON, for which it would otherwise pass.
HYPOTHESES: dict[SignatureReason, tuple[Hypothesis, ...]] = {
    "hmac_mismatch": (
        body.empty_body,
        secrets.untidy_secret,
        secrets.known_secret,
        secrets.key_form,
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
    "malformed_header": (transport.weaker_header,),
    "missing_header": (transport.weaker_header,),
}

# What can be seen without computing anything, in case nothing could be proved.
OBSERVATIONS: tuple[Hypothesis, ...] = (secrets.other_credential, transport.other_provider)

rate_limit = RateLimit(DIAGNOSES_PER_SECOND)


def explain(verifier: Verifier, request: Request, result: SignatureResult) -> SignatureResult:
    """The same failure with its cause, where one could be proved; never a success."""
    hypotheses = HYPOTHESES.get(result.reason) if result.reason is not None else None
    if hypotheses is None:
        return result
    case = Case(verifier, request, result, Budget(rate_limit))
    try:
        finding = _first_finding(case, hypotheses) or _first_finding(case, OBSERVATIONS)
        if finding is not None:
            return result._replace(reason=finding.reason, hint=finding.hint)
    except Exception as error:  # noqa: BLE001 - the verdict stands, whatever becomes of its explanation
        case.skipped.append(
            f"Its cause could not be looked for: the diagnosis raised {type(error).__name__}."
        )
    return result._replace(hint=" ".join([result.hint or "", *case.skipped]).strip())


def _first_finding(case: Case, hypotheses: tuple[Hypothesis, ...]) -> Finding | None:
    try:
        for hypothesis in hypotheses:
            finding = hypothesis(case)
            if finding is not None:
                return finding
    except BudgetSpent as spent:
        case.skipped.append(str(spent))
    return None
