"""Endpoints made ready for requests, and what the process has been told as a whole."""

from __future__ import annotations

import dataclasses
import difflib
import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from outworx_otel import signatures
from outworx_otel.http.body import FieldPicker
from outworx_otel.http.paths import PathMap
from outworx_otel.setup.options import DEFAULT_METHODS, TrackOptions
from outworx_otel.telemetry.redaction import Redactor

logger = logging.getLogger("outworx_otel")

REJECTED_SPANS_PER_SECOND: Final = 10


class Endpoint:
    """`TrackOptions` with its keys derived, its patterns compiled and its fields resolved, once.

    Args:
        options: what is wanted.
        source: where it was said: `"decorator"`, `"code"`, a file's name, a variable's name, `"detection"`.
        known_secrets: other endpoints' secrets, for the diagnosis of a failed signature.
        problem: why the endpoint cannot verify as it was meant to; its deliveries then fail with
            `missing_secret`.

    Raises:
        ConfigurationError: a secret that is no key for this provider, or a library that is missing.
    """

    __slots__ = (
        "_rejections",
        "admits_by_body",
        "asks_functions",
        "asks_request",
        "detected",
        "enforces",
        "id_header",
        "keeps_answer",
        "known_secrets",
        "methods",
        "options",
        "paths",
        "picker",
        "picks_id",
        "picks_type",
        "problem",
        "redactor",
        "source",
        "type_header",
        "unsupported",
        "verifier",
        "verifies",
    )

    def __init__(
        self,
        options: TrackOptions,
        source: str,
        *,
        known_secrets: Callable[[], Iterable[signatures.KnownSecret]] | None = None,
        problem: str | None = None,
        detected: bool = False,
    ) -> None:
        self.options = options
        self.source = source
        self.problem = problem
        self.detected = detected
        self.known_secrets = known_secrets
        self.methods = frozenset(options.methods)
        self.paths = None if options.paths is None else PathMap(dict.fromkeys(options.paths, True))
        self._rejections = (0, 0)
        # Whether there is a verdict to give, and whether the body must be read before the handler may run.
        self.verifies = problem is not None or options.verifies or options.signature_valid is not None
        # Default `methods`: enforce on every request with a body.
        self.enforces = (
            self.verifies and options.reject_invalid_signatures and tuple(options.methods) == DEFAULT_METHODS
        )
        self.admits_by_body = (
            options.verifies or callable(options.signature_valid) or bool(options.idempotency_key)
        )
        # Whether the verdict is a function of the framework's request.
        self.asks_request = callable(options.signature_valid) or callable(options.signature_secret)
        # Whether a function of the user's may have to be awaited.
        self.asks_functions = (
            callable(options.signature_valid)
            or options.signature_verifier is not None
            or callable(options.idempotency_key)
        )
        # Whether anybody has a use for the answer's body.
        self.keeps_answer = options.capture_body or bool(options.idempotency_key)
        scheme = signatures.scheme_for(options.provider)
        self.redactor = Redactor((*options.redact, *_signature_headers(scheme)))
        self.verifier: signatures.Verifier | None = None
        self.unsupported = False
        if options.signature_secret is not None:
            if scheme is None:
                self.unsupported = True
                logger.warning(
                    "%s: no built-in verifier for provider %r%s, so its signature_secret cannot be checked%s; give "
                    "a signature_verifier, or register the provider's scheme",
                    source,
                    options.provider,
                    _nearest(options.provider),
                    " and every delivery is rejected" if options.reject_invalid_signatures else "",
                )
            else:
                self.verifier = signatures.Verifier(
                    options.provider,
                    options.signature_secret,
                    tolerance=options.signature_tolerance,
                    known_secrets=known_secrets,
                )
        type_path = scheme.event_type if scheme is not None else None
        if options.event_type_header is not None:
            type_path = f"header.{options.event_type_header}"
        elif options.event_type_field is not None:
            type_path = f"body.{options.event_type_field}"
        id_path = scheme.event_id if scheme is not None else None
        self.type_header, type_field = _split(type_path)
        self.id_header, id_field = _split(id_path)
        self.picks_type = type_field is not None
        self.picks_id = id_field is not None
        fields = tuple(field for field in (type_field, id_field) if field is not None)
        self.picker = FieldPicker(fields) if fields else None

    @property
    def rejects(self) -> bool:
        """Whether a delivery whose signature is invalid is turned away."""
        return self.options.reject_invalid_signatures

    def concerns(self, path: str, within: str) -> bool:
        """Whether an app-wide adapter with these options has business with a path; paths as for `Runtime.find`."""
        paths = self.paths
        return (
            paths is None
            or paths.find(path) is not None
            or (within != path and paths.find(within) is not None)
        )

    def may_listen_to(self, method: str) -> bool:
        """Whether a request with this method may be a delivery.

        Default `methods`: every request with a body is one where signatures are enforced, whatever its method.
        Whether it has a body is known once its stream was read. HEAD runs what GET runs.
        """
        return method in self.methods or self.enforces or (method == "HEAD" and "GET" in self.methods)

    def listens_to(self, method: str) -> bool:
        """Whether a request with this method is a delivery, with a body or without."""
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)

    def may_report_rejection(self) -> bool:
        """False once a second has seen ten rejected deliveries: a flood costs its sender, not our back-end."""
        second = int(time.monotonic())
        now, count = self._rejections
        self._rejections = (second, count + 1 if now == second else 1)
        return now != second or count < REJECTED_SPANS_PER_SECOND


def _nearest(provider: str) -> str:
    known = [row.provider for row in signatures.providers()]
    near = difflib.get_close_matches(provider.lower(), known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _signature_headers(scheme: signatures.SignatureScheme | None) -> list[str]:
    """What must not be seen of a provider's headers, whatever they are called."""
    if scheme is None:
        return []
    names = (*scheme.signature_header, *(name for name, _ in scheme.weaker_headers))
    return [name.replace("{n}", "*") for name in names]


def undone_verification(path: str, chosen: Endpoint, replaced: Endpoint | None) -> str | None:
    """What to say where options that come first verify nothing, and those they replace do."""
    if replaced is None or not replaced.verifies or chosen.verifies:
        return None
    return (
        f"outworx: {path!r}: its options ({chosen.source}, provider={chosen.options.provider}) have no secret, and "
        f"those of {replaced.source} have: its verification stands. Give signature_secret there too, or leave the "
        f"endpoint to {replaced.source}"
    )


def standing(chosen: Endpoint, replaced: Endpoint | None) -> Endpoint:
    """An endpoint whose options come before those of another: it never opens what the other verifies.

    Where only the other verifies, its verification stands beside the rest of the chosen options.
    """
    if replaced is None or not replaced.verifies or chosen.verifies:
        return chosen
    theirs = replaced.options
    options = dataclasses.replace(
        chosen.options,
        **{name: getattr(theirs, name) for name in _VERIFYING_OPTIONS if hasattr(theirs, name)},
    )
    return Endpoint(options, chosen.source, known_secrets=replaced.known_secrets, problem=replaced.problem)


_VERIFYING_OPTIONS: Final = (
    "signature_secret",
    "signature_secret_env",
    "signature_secret_file",
    "signature_verifier",
    "signature_valid",
    "signature_tolerance",
    "reject_invalid_signatures",
    "public_url",
)


def stricter(called: Endpoint | None, served: Endpoint | None) -> Endpoint | None:
    """Of what is configured for a path as it was called, and for the same as it is served below a prefix, one.

    The first counts, unless the second alone verifies: the prefix may be a stranger's word, for gunicorn takes a
    header called SCRIPT_NAME at it.
    """
    if called is None or (served is not None and served.verifies and not called.verifies):
        return served
    return called


def _split(path: str | None) -> tuple[str | None, str | None]:
    if not path:
        return None, None
    place, _, name = path.partition(".")
    return (name.lower(), None) if place == "header" else (None, name)
