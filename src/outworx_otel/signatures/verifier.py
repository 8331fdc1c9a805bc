"""One endpoint's verifier: keys made once, then one HMAC per request."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.signatures import timestamps
from outworx_otel.signatures.evidence import as_bytes, as_headers, extractor_for
from outworx_otel.signatures.express import express_for
from outworx_otel.signatures.keys import Key, Secret, make_key
from outworx_otel.signatures.procedure import Check, Request
from outworx_otel.signatures.registry import scheme_for
from outworx_otel.signatures.result import Failure, SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme, check_tolerance

Secrets = Secret | Sequence[Secret]

_MISMATCH = "The signature does not match: a wrong secret, or a changed body."


class KnownSecret(NamedTuple):
    """A secret of another configured endpoint, with the words that name the endpoint in a hint."""

    label: str
    provider: str
    secret: Secrets


class Verifier:
    """Verifies the deliveries of one endpoint.

    Args:
        provider: A name from `providers()`.
        secret: The signing secret or secrets; for public-key schemes the public key.
        tolerance: Seconds that a signature may be away from now; None for the provider's own window,
            `math.inf` for none.
        known_secrets: Gives the secrets of the other endpoints, so that the diagnosis can prove a mix-up.
            Called only after a failure.

    Raises:
        ConfigurationError: The provider has no row, a secret is empty or unusable, or `cryptography` is
            missing.
    """

    __slots__ = ("_express", "_parts", "extract", "keys", "known_secrets", "scheme", "secrets", "tolerance")

    def __init__(
        self,
        provider: str,
        secret: Secrets,
        *,
        tolerance: float | None = None,
        known_secrets: Callable[[], Iterable[KnownSecret]] | None = None,
    ) -> None:
        scheme = scheme_for(provider)
        if scheme is None:
            raise ConfigurationError(
                f"{provider!r} has no built-in verifier; use a signature_verifier or register_provider()"
            )
        secrets = split_secrets(secret)
        if not secrets:
            raise ConfigurationError(f"{provider}: no secret was given; is its environment variable set?")
        check_tolerance(provider, tolerance)
        self._build(scheme, tuple(enumerate(secrets)), tolerance)
        self.known_secrets: Callable[[], Iterable[KnownSecret]] | None = known_secrets

    def _build(
        self, scheme: SignatureScheme, secrets: tuple[tuple[int, Secret], ...], tolerance: float | None
    ) -> None:
        groups: dict[str, tuple[SignatureScheme, list[tuple[int, Secret]]]] = {}
        for index, one in secrets:
            row = row_for_secret(scheme, one)
            groups.setdefault(row.algorithm + row.layout, (row, []))[1].append((index, one))
        self._parts: tuple[Verifier, ...] = ()
        if len(groups) > 1:
            # A provider that is changing from one scheme to another: each secret is tried with its own.
            self._parts = tuple(_part(row, tuple(group), tolerance) for row, group in groups.values())
        else:
            ((scheme, _),) = groups.values()
        self.scheme = scheme
        self.secrets = secrets
        self.tolerance = _window(scheme, tolerance)
        self.keys: tuple[tuple[int, Key], ...] = ()
        if not self._parts:
            self.keys = tuple((index, make_key(scheme, one)) for index, one in secrets)
        self.extract = extractor_for(scheme)
        self._express = None if self._parts else express_for(scheme, self.keys, self.tolerance, self._judge)

    def verify(
        self,
        body: bytes | str,
        headers: object,
        *,
        now: float | None = None,
        url: str | None = None,
        method: str = "POST",
        diagnose: bool = True,
    ) -> SignatureResult:
        """Verify one delivery. Never raises.

        Args:
            body: The body exactly as it was received.
            headers: A mapping, or (name, value) pairs, of text or bytes.
            now: Unix seconds; None for the clock.
            url: The full public URL that the provider called; only some schemes sign it.
            method: The request's method; only some schemes sign it.
            diagnose: Whether a failure may be investigated for its cause.
        """
        try:
            if now is None:
                now = time.time()
            if not isinstance(body, bytes):
                body = as_bytes(body)
            result = None
            express = self._express
            if express is not None:
                if headers.__class__ is Headers or headers.__class__ is dict:
                    result = express(body, headers, now)
                if result is None and headers.__class__ is not Headers:
                    headers = as_headers(headers)
                    result = express(body, headers, now)
            if result is not None and (result.valid or not diagnose):
                return result
            # `bytes`, because a subclass may have ideas of its own about what + and == mean.
            request = Request(bytes(body), as_headers(headers), url, method)
            return self._thoroughly(request, now, result, diagnose)
        except Exception as error:  # noqa: BLE001 - whatever a request holds, it gets an answer
            return SignatureResult(False, "verifier_threw", f"The verifier raised {type(error).__name__}.")

    def _thoroughly(
        self, request: Request, now: float, result: SignatureResult | None, diagnose: bool
    ) -> SignatureResult:
        if result is None:
            result = self.check(request, now)
        if result.valid or not diagnose:
            return result
        # Imported with the first failure: the hypotheses need modules that a good delivery never does.
        from outworx_otel.signatures.diagnosis import explain

        return explain(self._culprit(request), request, result)

    def check(self, request: Request, now: float) -> SignatureResult:
        """Verify without looking for the cause of a failure."""
        if self._parts:
            return self._check_parts(request, now)
        evidence = self.extract(request)
        if isinstance(evidence, Failure):
            return self._fail(request, evidence)
        timestamp, checks = evidence
        key_index = matching_key(self.keys, checks)
        scheme = self.scheme
        if timestamp is None and scheme.timestamp_path and key_index is not None:
            # Only once the body is known to be genuine: parsing a stranger's JSON is work for nothing.
            timestamp = _timestamp_in_body(request.body, scheme.timestamp_path)
        signed_at = None
        if timestamp is not None and scheme.timestamp_unit != "opaque":
            signed_at = timestamps.read_timestamp(timestamp, scheme.timestamp_unit)
            if signed_at is None:
                return SignatureResult(
                    False, "malformed_header", f"The timestamp that {scheme.title} sent cannot be read."
                )
        return self._judge(key_index, signed_at, now)

    def _judge(self, key_index: int | None, signed_at: float | None, now: float) -> SignatureResult:
        if signed_at is not None and timestamps.outside_window(self.scheme, now - signed_at, self.tolerance):
            return _drift(self.scheme, now, self.tolerance, key_index, signed_at)
        if key_index is None:
            return SignatureResult(False, "hmac_mismatch", _MISMATCH)
        return SignatureResult(True, None, None, key_index, signed_at)

    def _fail(self, request: Request, failure: Failure) -> SignatureResult:
        # Hash as if there had been a signature: how long the answer takes must not say which check failed.
        for _, key in self.keys:
            key.matches((b"", request.body, b""), ())
        return SignatureResult(False, failure.reason, failure.hint)

    def _culprit(self, request: Request) -> Verifier:
        """Where several schemes were tried, the one that the request seems to have meant."""
        for part in self._parts:
            if not isinstance(part.extract(request), Failure):
                return part.knowing(self.known_secrets)
        return self._parts[0].knowing(self.known_secrets) if self._parts else self

    def knowing(self, known_secrets: Callable[[], Iterable[KnownSecret]] | None) -> Verifier:
        """This verifier, told about the other endpoints' secrets."""
        self.known_secrets = known_secrets
        return self

    def _check_parts(self, request: Request, now: float) -> SignatureResult:
        results = [part.check(request, now) for part in self._parts]
        # The first that is valid, else the first whose headers were there at all.
        ranked = sorted(results, key=lambda result: (not result.valid, result.reason == "missing_header"))
        return ranked[0]


def matching_key(keys: Sequence[tuple[int, Key]], checks: Sequence[Check]) -> int | None:
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


def _part(
    scheme: SignatureScheme, secrets: tuple[tuple[int, Secret], ...], tolerance: float | None
) -> Verifier:
    part = Verifier.__new__(Verifier)
    part._build(scheme, secrets, tolerance)
    part.known_secrets = None
    return part


def split_secrets(secret: Secrets) -> tuple[Secret, ...]:
    """One secret or several, as a tuple."""
    return (secret,) if isinstance(secret, (str, bytes)) else tuple(secret or ())


def row_for_secret(scheme: SignatureScheme, secret: Secret) -> SignatureScheme:
    """The row that this secret belongs to: some providers have two schemes, told apart by the secret."""
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    for prefix, row in scheme.alternatives:
        if isinstance(text, str) and text.strip().startswith(prefix):
            return row
    return scheme


def _window(scheme: SignatureScheme, tolerance: float | None) -> float:
    if tolerance is None:
        tolerance = scheme.tolerance
    return math.inf if tolerance is None else tolerance


def _timestamp_in_body(body: bytes, path: str) -> str | None:
    import json

    try:
        value = json.loads(body)
        for name in path.split(".")[1:]:
            value = value[name]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        return None
    return str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None


def _drift(
    scheme: SignatureScheme, now: float, tolerance: float, key_index: int | None, signed_at: float
) -> SignatureResult:
    proved = "the signature is right" if key_index is not None else "the signature does not match either"
    age = now - signed_at
    factor = {"s": 1 / 1000, "ms": 1000.0}.get(scheme.timestamp_unit)
    if factor is not None and abs(now - signed_at * factor) <= max(tolerance, 1.0):
        sent, meant = (
            ("milliseconds", "seconds") if scheme.timestamp_unit == "s" else ("seconds", "milliseconds")
        )
        hint = f"The timestamp is in {sent}, {scheme.title} signs {meant}; {proved}. Correct the sender."
    elif age >= 0:
        hint = (
            f"Signed {age:.0f} s ago by this server's clock, {tolerance:g} s are allowed; {proved}. Either "
            "this clock is fast (synchronise it, NTP), or the delivery was held up or is a replay."
        )
    else:
        hint = (
            f"Signed {-age:.0f} s in the future by this server's clock, {tolerance:g} s are allowed; "
            f"{proved}. This clock is slow: synchronise it (NTP)."
        )
    return SignatureResult(False, "timestamp_drift", hint, None, None if key_index is None else signed_at)
