"""Checks deliveries whose key the provider publishes: what can be said without the key, and what with it."""

from __future__ import annotations

import math

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.result import Failure, SignatureResult
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.secret import Secret
from outworx_otel.signatures.timestamps import drift_hint, outside_window
from outworx_otel.signatures.wanted_keys import Claim, KeyFailure, PublishedKeys, PublishedProcedure


class PublishedChecker:
    """Checks deliveries by one scheme.

    Args:
        scheme: The row to check by.
        procedure: That of the row.
        secrets: What is configured: a topic, a webhook's id, credentials for the key.
        tolerance: As for `Verifier`.

    Raises:
        ConfigurationError: A secret cannot be used, or the packages of the extra `asymmetric` are missing.
    """

    __slots__ = ("_procedure", "_scheme", "_settings", "tolerance")

    def __init__(
        self,
        scheme: SignatureScheme,
        procedure: PublishedProcedure,
        secrets: tuple[Secret, ...],
        tolerance: float | None,
    ) -> None:
        _require_packages()
        if tolerance is None:
            tolerance = scheme.tolerance
        self._scheme = scheme
        self._procedure = procedure
        self.tolerance = math.inf if tolerance is None else tolerance
        try:
            self._settings = [procedure.settings(_text(secret)) for secret in secrets]
        except ConfigurationError as error:
            raise ConfigurationError(f"{scheme.provider}: {error}") from None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Who will be asked for keys, each once."""
        hosts = dict.fromkeys(self._procedure.host(settings) for settings in self._settings)
        return tuple(host for host in hosts if host)

    def claim(self, request: SignedRequest, now: float) -> Claim | SignatureResult:
        """The key that is needed, or the verdict where none is."""
        claim = self._procedure.claim(request, self._settings, now)
        return SignatureResult(False, claim.reason, claim.hint) if isinstance(claim, Failure) else claim

    def conclude(self, claim: Claim, found: PublishedKeys | KeyFailure, now: float) -> SignatureResult:
        """The verdict, now that the key is had, or is not."""
        if isinstance(found, KeyFailure):
            return SignatureResult(False, "key_unavailable", found.hint)
        outcome = claim.conclude(found)
        if isinstance(outcome, Failure):
            return SignatureResult(False, outcome.reason, outcome.hint)
        key_index, signed_at = outcome
        scheme, tolerance = self._scheme, self.tolerance
        if signed_at is not None and outside_window(scheme, now - signed_at, tolerance):
            hint = drift_hint(scheme, now - signed_at, now, tolerance, True)
            return SignatureResult(False, "timestamp_drift", hint, None, signed_at)
        return SignatureResult(True, None, None, key_index, signed_at, scheme.kind)


def _text(secret: Secret) -> str:
    if not isinstance(secret, (str, bytes)):
        raise ConfigurationError(f"the secret must be str or bytes, not {type(secret).__name__}")
    text = (secret if isinstance(secret, str) else secret.decode("utf-8", "replace")).strip()
    if not text:
        raise ConfigurationError("the secret is empty; is its environment variable set?")
    return text


def _require_packages() -> None:
    try:
        import cryptography.hazmat.primitives.serialization  # noqa: F401 - only whether they are there
        import http_sf  # noqa: F401
        import jwt  # noqa: F401
    except ImportError as error:
        raise ConfigurationError(
            f"published keys need the package {error.name or 'cryptography'}: pip install 'outworx-otel[asymmetric]'"
        ) from None
