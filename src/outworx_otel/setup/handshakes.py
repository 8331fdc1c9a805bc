"""Which handshakes an endpoint answers: decided when it is made, so that deliveries pay for none."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.setup.options import TOKEN_SOURCES, TrackOptions
from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.handshakes import handshakes_of, with_handshakes


class Handshakes(NamedTuple):
    """An endpoint's, by the method that they come with.

    Attributes:
        methods: of all of them.
        unsigned: those that no signature has to prove.
        signed: those that are looked for once the signature was found valid.
        tokens: the endpoint's `verify_token`.
        problem: why those that need the token confirm nothing.
        bare_rejection: whether a rejected delivery is answered without a body.
        unmet: those of the provider that are not answered, each with the option that is missing.
    """

    methods: frozenset[str] = frozenset()
    unsigned: Mapping[str, tuple[Handshake, ...]] = {}
    signed: Mapping[str, tuple[Handshake, ...]] = {}
    tokens: tuple[str, ...] = ()
    problem: str | None = None
    bare_rejection: bool = False
    unmet: tuple[tuple[Handshake, str], ...] = ()

    def likely(
        self, method: str, headers: Headers, body: bytes | None, *, verified: bool = False
    ) -> tuple[Handshake, ...]:
        """The rows that a request may be a question of, by a glance; nearly always none.

        Args:
            method: of the request.
            headers: of the request.
            body: the exact bytes; None where they were not read yet.
            verified: whether those are wanted that a valid signature proves. Otherwise those that need none: as long
                as the body was not read, those that the request's head tells, and then the others.
        """
        rows = (self.signed if verified else self.unsigned).get(method, ())
        if not rows:
            return ()
        seen = body is not None
        return tuple(
            [row for row in rows if (verified or row.reads_body is seen) and row.is_likely(headers, body)]
        )


NONE = Handshakes()


def handshakes_for(
    options: TrackOptions, source: str, *, has_secret: bool, verifies: bool, closed: bool
) -> Handshakes:
    """What an endpoint with these options answers.

    Args:
        options: of the endpoint.
        source: where they stand, for people.
        has_secret: whether a signing secret is named, also one that a file or a function gives.
        verifies: whether deliveries have a verdict.
        closed: whether the secret that is named is missing.

    Raises:
        ConfigurationError: a handshake is asked for that is not known, or that lacks what it needs; or there is a
            verify token that nothing asks for.
    """
    if options.handshake is False:
        return NONE
    name = options.handshake if isinstance(options.handshake, str) else options.provider
    rows = handshakes_of(name)
    tokens: tuple[str, ...] = ()
    problem = None
    try:
        tokens = options.verify_tokens()
    except ConfigurationError as error:
        problem = f"{source}, {options.provider}: {error}"
    named = any(getattr(options, source) is not None for source in TOKEN_SOURCES)
    asks = bool(options.handshake)
    on = asks or (verifies and not closed)
    chosen = tuple(
        row
        for row in rows
        if (asks or not row.asked) and _has_its_needs(row, named, has_secret, verifies, on)
    )
    if asks and not chosen:
        raise ConfigurationError(f"handshake: {_why_none(name, rows)}")
    if named and not any(row.needs_token for row in rows):
        raise ConfigurationError(
            f"{' or '.join(TOKEN_SOURCES)}: no known handshake of {name!r} has a use for it"
        )
    return Handshakes(
        frozenset(row.method for row in chosen),
        _by_method(row for row in chosen if row.proof != "signature"),
        _by_method(row for row in chosen if row.proof == "signature"),
        tokens,
        problem,
        any(row.bare_rejection for row in chosen),
        tuple((row, _lacking(row, named)) for row in rows if row not in chosen),
    )


def _has_its_needs(row: Handshake, has_token: bool, has_secret: bool, verifies: bool, on: bool) -> bool:
    if row.proof == "signature" and not verifies:
        return False
    if row.needs_token or row.needs_secret:
        return (has_token or not row.needs_token) and (has_secret or not row.needs_secret)
    return on or row.proof == "signature"


def _lacking(row: Handshake, has_token: bool) -> str:
    if row.needs_token and not has_token:
        return "verify_token_env"
    return "signature_secret_env" if row.needs_secret or row.proof == "signature" else "handshake = true"


def _by_method(rows: Iterable[Handshake]) -> dict[str, tuple[Handshake, ...]]:
    found: dict[str, tuple[Handshake, ...]] = {}
    for row in rows:
        found[row.method] = (*found.get(row.method, ()), row)
    return found


def _why_none(name: str, rows: tuple[Handshake, ...]) -> str:
    if not rows:
        known = with_handshakes()
        near = difflib.get_close_matches(name.lower(), known, 1)
        return f"that of {name!r} is not known; " + (
            f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        )
    if any(row.needs_token for row in rows):
        return f"that of {name!r} needs {' or '.join(TOKEN_SOURCES)}"
    return f"that of {name!r} needs the signing secret: signature_secret or signature_secret_env"
