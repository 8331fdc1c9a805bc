"""`verify`: one delivery, one call, no set-up."""

from __future__ import annotations

from functools import lru_cache

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.keys import WHSEC
from outworx_otel.signatures.registry import on_change, scheme_for
from outworx_otel.signatures.result import SignatureResult
from outworx_otel.signatures.verifier import Secrets, Verifier, split_secrets

_CACHED_VERIFIERS = 128


@lru_cache(maxsize=_CACHED_VERIFIERS)
def _verifier(provider: str, secret: Secrets, tolerance: float | None) -> Verifier:
    return Verifier(provider, secret, tolerance=tolerance)


on_change(_verifier.cache_clear)


def verify(
    provider: str,
    body: bytes | str,
    headers: object,
    secret: Secrets,
    *,
    tolerance: float | None = None,
    now: float | None = None,
    url: str | None = None,
    method: str = "POST",
) -> SignatureResult:
    """Verify one delivery. Never raises, whatever the body and the headers hold.

    Args:
        provider: A name from `providers()`.
        body: The body exactly as it was received.
        headers: A mapping, or (name, value) pairs, of text or bytes.
        secret: The signing secret, or several while they are being rotated.
        tolerance: Seconds that a signature may be away from `now`; None for the provider's own window,
            `math.inf` for none.
        now: Unix seconds; None for the clock.
        url: The full public URL that the provider called; needed where it is signed.
        method: The request's method; needed where it is signed.
    """
    try:
        key = secret if isinstance(secret, (str, bytes)) else split_secrets(secret)
        verifier = _verifier(provider, key, tolerance)
    except ConfigurationError as error:
        return _unusable(provider, secret, str(error))
    except TypeError as error:
        return SignatureResult(False, "verifier_threw", f"An argument cannot be used: {error}.")
    return verifier.verify(body, headers, now=now, url=url, method=method)


def _unusable(provider: str, secret: Secrets, message: str) -> SignatureResult:
    if not isinstance(provider, str) or scheme_for(provider) is None:
        return SignatureResult(False, "unsupported_provider", message)
    given = [one.decode("latin-1") if isinstance(one, bytes) else one for one in split_secrets(secret)]
    usable = given and all(isinstance(one, str) and one.strip().removeprefix(WHSEC) for one in given)
    return SignatureResult(False, "verifier_threw" if usable else "missing_secret", message)
