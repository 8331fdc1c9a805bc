"""One endpoint's verifier: checks each delivery, and explains the failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.signatures.checker import Checker, checkers_for
from outworx_otel.signatures.evidence import as_bytes, as_headers
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.registry import scheme_for
from outworx_otel.signatures.result import SignatureReason, SignatureResult
from outworx_otel.signatures.scheme import check_tolerance
from outworx_otel.signatures.secret import KnownSecret, Secrets, split_secrets
from outworx_otel.signatures.urls import affordable

if TYPE_CHECKING:
    from outworx_otel.signatures.diagnosis import Diagnosis
    from outworx_otel.signatures.published_checker import PublishedChecker
    from outworx_otel.signatures.wanted_keys import KeyFailure, PublishedKeys, WantedKey

    Steps = Generator[WantedKey, PublishedKeys | KeyFailure, SignatureResult]

# Where several schemes were tried, the failure of the one that the request seems to have meant is reported.
_FARTHEST_FIRST: dict[SignatureReason | None, int] = {None: 0, "malformed_header": 2, "missing_header": 3}


class Verifier:
    """Verifies the deliveries of one endpoint.

    Args:
        provider: A name from `providers()`.
        secret: The signing secret or secrets; for public-key schemes the public key.
        tolerance: Seconds that a signature may be away from now; None for the provider's own window,
            `math.inf` for none.
        known_secrets: Gives the secrets of the other endpoints, so that the diagnosis can prove a mix-up.
            Called only after a failure.

    Attributes:
        scheme: The provider's row.
        tolerance: The window in seconds, the smallest if there are several; `math.inf` for none.
        key_count: How many secrets there are.

    Raises:
        ConfigurationError: The provider has no row, a secret is empty or unusable, or `cryptography` is
            missing.
    """

    __slots__ = (
        *("_checkers", "_diagnosis", "_express", "_known_secrets", "_published"),
        *("key_count", "scheme", "tolerance"),
    )

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
        self.key_count = len(secrets)
        self._published: PublishedChecker | None = None
        if scheme.published is not None:
            # It brings what fetches keys, which other rows have no use for.
            from outworx_otel.signatures.published_checker import PublishedChecker

            self._published = PublishedChecker(scheme, scheme.published, secrets, tolerance)
        self._checkers = () if self._published is not None else checkers_for(scheme, secrets, tolerance)
        only = self._checkers[0] if len(self._checkers) == 1 else None
        self.scheme = scheme if only is None else only.scheme
        self.tolerance = min([one.tolerance for one in (self._published, *self._checkers) if one is not None])
        self._express = None if only is None else only.express
        self._known_secrets = known_secrets
        self._diagnosis: Diagnosis | None = None

    def verify(
        self,
        body: bytes | str,
        headers: object,
        *,
        now: float | None = None,
        url: str | tuple[str, ...] | None = None,
        method: str = "POST",
        diagnose: bool = True,
        fetch: bool = True,
    ) -> SignatureResult:
        """Verify one delivery. Never raises.

        Where the provider publishes its keys, it may have to wait for one, up to 5 s: call it in a thread then.

        Args:
            body: The body exactly as it was received.
            headers: A mapping, or (name, value) pairs, of text or bytes.
            now: Unix seconds; None for the clock.
            url: The full public URL that the provider called; only some schemes sign it. Where the server does
                not give it to the letter, a tuple of its possible spellings, the likeliest first (see
                `urls.spellings`): a signature over any of them counts.
            method: The request's method; only some schemes sign it.
            diagnose: Whether a failure may be investigated for its cause.
            fetch: Whether a key that the provider publishes may be fetched; else only one that is known counts.
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
            if self._published is not None:
                return _driven(self.steps(body, headers, now=now, url=url, method=method), fetch)
            request = _request(body, headers, url, method)
            checker = self._checkers[0]
            if result is None:
                checker, result = self._check(request, now)
            if result.valid or not diagnose:
                return result
            return self._explained(checker, request, result)
        except Exception as error:  # noqa: BLE001 - whatever a request holds, it gets an answer
            return SignatureResult(False, "verifier_threw", f"The verifier raised {type(error).__name__}.")

    @property
    def fetches_keys(self) -> bool:
        """Whether the provider publishes its keys, so that `verify` may wait for one."""
        return self._published is not None

    @property
    def key_hosts(self) -> tuple[str, ...]:
        """The hosts that the provider publishes its keys at; none where it publishes none."""
        return () if self._published is None else self._published.hosts

    def steps(
        self,
        body: bytes,
        headers: object,
        *,
        now: float,
        url: str | tuple[str, ...] | None = None,
        method: str = "POST",
    ) -> Steps:
        """`verify` for who has their own way to wait: yields the key that is wanted, and is sent what was found."""
        assert self._published is not None
        claim = self._published.claim(_request(body, headers, url, method), now)
        if isinstance(claim, SignatureResult):
            return claim
        found = {} if claim.wanted is None else (yield claim.wanted)
        return self._published.conclude(claim, found, now)

    def _check(self, request: SignedRequest, now: float) -> tuple[Checker, SignatureResult]:
        results = [(checker, checker.check(request, now)) for checker in self._checkers]
        return min(results, key=lambda pair: _FARTHEST_FIRST.get(pair[1].reason, 1))

    def _explained(
        self, checker: Checker, request: SignedRequest, result: SignatureResult
    ) -> SignatureResult:
        diagnosis = self._diagnosis
        if diagnosis is None:
            # Imported with the first failure: the hypotheses need modules that a good delivery never does.
            from outworx_otel.signatures.diagnosis import Diagnosis

            diagnosis = self._diagnosis = Diagnosis(self._known_secrets)
        return diagnosis.explain(checker, request, result)


def _request(body: bytes, headers: object, url: str | tuple[str, ...] | None, method: str) -> SignedRequest:
    others: tuple[str, ...] = ()
    if isinstance(url, (tuple, list)):
        url, *rest = affordable(url, len(body)) or (None,)
        others = tuple(rest)
    # `bytes`, because a subclass may have ideas of its own about what + and == mean.
    return SignedRequest(bytes(body), as_headers(headers), url, method, others)


def _driven(steps: Steps, fetch: bool) -> SignatureResult:
    from outworx_otel.signatures.published.keyring import keyring, not_known

    try:
        wanted = next(steps)
        ring = keyring()
        while True:
            found = ring.get(wanted) if fetch else ring.known(wanted) or not_known(wanted)
            wanted = steps.send(found)
    except StopIteration as done:
        result: SignatureResult = done.value
        return result
