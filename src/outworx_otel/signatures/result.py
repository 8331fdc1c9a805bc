"""The result of a verification, and the reasons for a failure."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

SignatureReason = Literal[
    "missing_header",
    "malformed_header",
    "timestamp_drift",
    "hmac_mismatch",
    "parsed_body",
    "unsupported_provider",
    "verifier_threw",
    "missing_secret",
    "body_unavailable",
    "credentials_mismatch",
    "key_unavailable",
]

REASONS: tuple[SignatureReason, ...] = get_args(SignatureReason)

ResultKind = Literal["verified", "authenticated"]


class SignatureResult(NamedTuple):
    """The outcome of one verification; true in a condition exactly when the signature is valid.

    A named tuple, because it is made once per request and costs a tenth of a frozen dataclass.

    Attributes:
        valid: Whether the body came, unchanged and in time, from a holder of the secret.
        reason: A stable code for a failure, None when valid.
        hint: One sentence for the developer: what was found, or proved, and what to change. It never holds
            a secret or a signature.
        key_index: Which of the secrets matched, counted from 0 in the order they were given.
        signed_at: The signed timestamp in Unix seconds. Only set when the signature itself matched, because
            before that anyone could have written it.
        kind: What a valid result proves. `verified`: the body is signed. `authenticated`: only the sender is
            known (a shared token, or a signature that does not cover the body). None when invalid.
    """

    valid: bool
    reason: SignatureReason | None = None
    hint: str | None = None
    key_index: int | None = None
    signed_at: float | None = None
    kind: ResultKind | None = None

    def __bool__(self) -> bool:
        return self.valid


class Failure(NamedTuple):
    """Why there is nothing to compare: a reason and the sentence that explains it."""

    reason: SignatureReason
    hint: str
