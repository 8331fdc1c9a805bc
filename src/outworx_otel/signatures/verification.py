"""`verify`: one delivery, one call, no set-up; and verifiers for secrets that are known only at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.keys import WHSEC
from outworx_otel.signatures.registry import on_change, scheme_for
from outworx_otel.signatures.result import SignatureResult
from outworx_otel.signatures.secret import KnownSecret, Secrets, split_secrets
from outworx_otel.signatures.verifier import Verifier

_CACHED_VERIFIERS = 256

KnownSecrets = Callable[[], Iterable[KnownSecret]]


@lru_cache(maxsize=_CACHED_VERIFIERS)
def _cached(
    provider: str, secret: Secrets, tolerance: float | None, known_secrets: KnownSecrets | None
) -> Verifier:
    return Verifier(provider, secret, tolerance=tolerance, known_secrets=known_secrets)


def verifier_for(
    provider: str,
    secret: Secrets,
    tolerance: float | None = None,
    known_secrets: KnownSecrets | None = None,
) -> Verifier:
    """The `Verifier` for a secret that was looked up at run time, such as a tenant's; cheap to ask per request.

    The 256 verifiers used last are kept, and with them their secrets and the causes of failures that were proved;
    the oldest is dropped for a new one. `forget_verifiers()` drops all.

    Args:
        provider: A name from `providers()`.
        secret: The signing secret, or several while they are being rotated.
        tolerance: As in `Verifier`.
        known_secrets: As in `Verifier`. Pass the same function every time: each one makes another verifier.

    Raises:
        ConfigurationError: As `Verifier` does, also where the secret is of a type that no secret has.
    """
    try:
        key = secret if isinstance(secret, (str, bytes)) else split_secrets(secret)
        return _cached(provider, key, tolerance, known_secrets)
    except TypeError as error:
        raise ConfigurationError(f"{provider}: the secret cannot be used: {error}") from None


def forget_verifiers() -> None:
    """Drop every verifier that `verify` and `verifier_for` keep, and with them their secrets."""
    _cached.cache_clear()


on_change(forget_verifiers)


def verify(
    provider: str,
    body: bytes | str,
    headers: object,
    secret: Secrets,
    *,
    tolerance: float | None = None,
    now: float | None = None,
    url: str | tuple[str, ...] | None = None,
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
        url: The full public URL that the provider called; needed where it is signed. A tuple gives its possible
            spellings, as in `Verifier.verify`.
        method: The request's method; needed where it is signed.
    """
    try:
        key = secret if isinstance(secret, (str, bytes)) else split_secrets(secret)
        verifier = _cached(provider, key, tolerance, None)
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
