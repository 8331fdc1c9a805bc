"""Checks a delivery with keys that were made once; a failure gets its reason here, but not its cause."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from outworx_otel.signatures.evidence import extractor_for
from outworx_otel.signatures.express import express_for
from outworx_otel.signatures.keys import make_key
from outworx_otel.signatures.procedure import Check, Key, Lifetime, SignedRequest
from outworx_otel.signatures.result import Failure, SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.secret import Secret, row_for_secret
from outworx_otel.signatures.timestamps import (
    drift_hint,
    lifetime_hint,
    outside_lifetime,
    outside_window,
    read_timestamp,
)

_MISMATCH = SignatureResult(
    False, "hmac_mismatch", "The signature does not match: a wrong secret, or a changed body."
)
_WRONG_TOKEN = SignatureResult(False, "credentials_mismatch", "The token is not the configured one.")
_WRONG_USER = SignatureResult(
    False, "credentials_mismatch", "The user and the password are not the configured ones."
)


class Checker:
    """Checks deliveries by one scheme.

    Args:
        scheme: The row to check by.
        secrets: The secrets of this scheme, each with its place among all that were configured.
        tolerance: Seconds that a signature may be away from now; None for the scheme's own window.

    Attributes:
        express: The fast check, where the scheme has the shape for it.

    Raises:
        ConfigurationError: A secret is empty or unusable, or `cryptography` is missing.
    """

    __slots__ = ("_mismatch", "express", "extract", "keys", "scheme", "secrets", "tolerance")

    def __init__(
        self, scheme: SignatureScheme, secrets: tuple[tuple[int, Secret], ...], tolerance: float | None
    ) -> None:
        if tolerance is None:
            tolerance = scheme.tolerance
        self.scheme = scheme
        self.secrets = secrets
        self.tolerance = math.inf if tolerance is None else tolerance
        self.keys: tuple[tuple[int, Key], ...] = tuple(
            (index, make_key(scheme, secret)) for index, secret in secrets
        )
        self.extract = extractor_for(scheme)
        self.express = express_for(scheme, self.keys, self.tolerance, self.judge)
        self._mismatch = _WRONG_TOKEN if scheme.algorithm == "token" else _MISMATCH
        if scheme.key == "user-password":
            self._mismatch = _WRONG_USER

    def check(self, request: SignedRequest, now: float) -> SignatureResult:
        """The result for one delivery."""
        evidence = self.extract(request)
        if isinstance(evidence, Failure):
            return self._fail(request, evidence)
        timestamp, checks, lifetime = evidence
        scheme = self.scheme
        match = _matching_keys if scheme.algorithm == "token" else _matching_key
        key_index = match(self.keys, checks)
        if timestamp is None and scheme.timestamp_path and key_index is not None:
            # Only once the body is known to be genuine: parsing a stranger's JSON is work for nothing.
            timestamp = _timestamp_in_body(request.body, scheme.timestamp_path)
        signed_at = None
        if timestamp is not None and scheme.timestamp_unit != "opaque":
            signed_at = read_timestamp(timestamp, scheme.timestamp_unit)
            if signed_at is None:
                hint = f"The timestamp that {scheme.title} sent cannot be read."
                return SignatureResult(False, "malformed_header", hint)
        if lifetime is not None:
            return self._judge_lifetime(lifetime, key_index, signed_at, now)
        return self.judge(key_index, signed_at, now)

    def judge(self, key_index: int | None, signed_at: float | None, now: float) -> SignatureResult:
        """The result, once it is known which key fits and when the delivery was signed."""
        if signed_at is not None and outside_window(self.scheme, now - signed_at, self.tolerance):
            fits = key_index is not None
            hint = drift_hint(self.scheme, now - signed_at, now, self.tolerance, fits)
            return SignatureResult(False, "timestamp_drift", hint, None, signed_at if fits else None)
        if key_index is None:
            return self._mismatch
        return SignatureResult(True, None, None, key_index, signed_at, self.scheme.kind)

    def _judge_lifetime(
        self, lifetime: Lifetime, key_index: int | None, signed_at: float | None, now: float
    ) -> SignatureResult:
        """As `judge`, where the signature says itself for how long it counts."""
        fits = key_index is not None
        if outside_lifetime(lifetime, now, self.tolerance):
            hint = lifetime_hint(lifetime, now, fits)
            return SignatureResult(False, "timestamp_drift", hint, None, signed_at if fits else None)
        if not fits:
            return self._mismatch
        return SignatureResult(True, None, None, key_index, signed_at, self.scheme.kind)

    def fits(self, request: SignedRequest, keys: Sequence[Key] | None = None) -> bool:
        """Whether the signature is right, with these keys instead of the configured ones, at whatever time."""
        evidence = self.extract(request)
        if isinstance(evidence, Failure):
            return False
        numbered = self.keys if keys is None else tuple(enumerate(keys))
        match = _matching_keys if self.scheme.algorithm == "token" else _matching_key
        return match(numbered, evidence.checks) is not None

    def _fail(self, request: SignedRequest, failure: Failure) -> SignatureResult:
        # Hash as if there had been a signature: how long the answer takes must not say which check failed.
        for _, key in self.keys:
            key.matches((b"", request.body, b""), ())
        return SignatureResult(False, failure.reason, failure.hint)


def checkers_for(
    scheme: SignatureScheme, secrets: tuple[Secret, ...], tolerance: float | None
) -> tuple[Checker, ...]:
    """A checker for each scheme that the secrets belong to.

    There are several while a provider moves from one scheme to another (GitLab's tokens and signatures).
    """
    groups: dict[str, tuple[SignatureScheme, list[tuple[int, Secret]]]] = {}
    for index, secret in enumerate(secrets):
        row = row_for_secret(scheme, secret)
        kind = " ".join((row.algorithm, row.layout, row.encoding, *row.signature_header))
        groups.setdefault(kind, (row, []))[1].append((index, secret))
    return tuple(Checker(row, tuple(group), tolerance) for row, group in groups.values())


def _matching_key(keys: Sequence[tuple[int, Key]], checks: Sequence[Check]) -> int | None:
    """The index of the first key for which every check holds."""
    for index, key in keys:
        for messages, signatures in checks:
            for message in messages:
                if key.matches(message, signatures):
                    break
            else:
                break
        else:
            return index
    return None


def _matching_keys(keys: Sequence[tuple[int, Key]], checks: Sequence[Check]) -> int | None:
    """The last index of the keys that are needed for every check to hold: each may have a token of its own."""
    last = None
    for check in checks:
        index = _matching_key(keys, (check,))
        if index is None:
            return None
        last = index if last is None else max(last, index)
    return last


def _timestamp_in_body(body: bytes, path: str) -> str | None:
    try:
        value = json.loads(body)
        for name in path.split(".")[1:]:
            value = value[name]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
