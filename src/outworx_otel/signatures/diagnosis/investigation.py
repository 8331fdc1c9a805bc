"""From a failed verification to its cause: hypotheses in the order of what users most often get wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

from outworx_otel.signatures.diagnosis import body, reserialised, secrets, transport
from outworx_otel.signatures.diagnosis.budget import DIAGNOSES_PER_SECOND, Budget, BudgetSpent, RateLimit
from outworx_otel.signatures.diagnosis.case import Case, Hypothesis
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
        secrets.other_credential,
        transport.other_provider,
    ),
    "malformed_header": (transport.weaker_header, transport.other_provider),
    "missing_header": (transport.weaker_header, transport.other_provider),
}

rate_limit = RateLimit(DIAGNOSES_PER_SECOND)


def explain(verifier: Verifier, request: Request, result: SignatureResult) -> SignatureResult:
    """The same failure with its cause, where one could be proved; never a success."""
    hypotheses = HYPOTHESES.get(result.reason) if result.reason is not None else None
    if hypotheses is None:
        return result
    case = Case(verifier, request, result, Budget(rate_limit))
    try:
        for hypothesis in hypotheses:
            finding = hypothesis(case)
            if finding is not None:
                return result._replace(reason=finding.reason, hint=finding.hint)
    except BudgetSpent as spent:
        case.skipped.append(str(spent))
    return result._replace(hint=" ".join([result.hint or "", *case.skipped]).strip())
