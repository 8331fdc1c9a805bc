"""Endpoints made ready for requests, and what the process has been told as a whole."""

from __future__ import annotations

import dataclasses
import difflib
import logging
from collections.abc import Callable, Iterable
from typing import Final

from outworx_otel import signatures
from outworx_otel.errors import ConfigurationError
from outworx_otel.http.body import FieldPicker
from outworx_otel.http.paths import PathMap
from outworx_otel.process.rates import PerSecond
from outworx_otel.setup import enforcement
from outworx_otel.setup.handshakes import handshakes_for
from outworx_otel.setup.options import DEFAULT_METHODS, SOURCES, TOKEN_SOURCES, TrackOptions
from outworx_otel.setup.secret_sources import SecretFile, SecretMemory, Secrets
from outworx_otel.signatures.body_token import BodyToken
from outworx_otel.signatures.registry import provider_names
from outworx_otel.signatures.secret import row_for_secret
from outworx_otel.telemetry.redaction import Redactor

logger = logging.getLogger("outworx_otel")

# Problems that an endpoint has logged itself: the set-up does not say them again.
SAID: Final[set[str]] = set()

REJECTED_SPANS_PER_SECOND: Final = 10
_NEVER_MARKED: Final = 20


class Endpoint:
    """`TrackOptions` with its keys derived, its patterns compiled and its fields resolved, once.

    Args:
        options: what is wanted.
        source: where it was said: `"decorator"`, `"code"`, a file's name, a variable's name, `"detection"`.
        known_secrets: other endpoints' secrets, for the diagnosis of a failed signature.
        problem: why the endpoint cannot verify as it was meant to; its deliveries then fail with
            `missing_secret`. An environment variable that was to hold the secret and does not is such a reason too.
        detected: a request's headers made the endpoint, and nobody configured it.
        everywhere: no path is named, so a GET, HEAD or OPTIONS is never taken for a handshake.
        quiet: whoever makes it says the problem; otherwise it is logged here.

    Raises:
        ConfigurationError: a secret that is no key for this provider, or a library that is missing.
    """

    __slots__ = (
        "_rejected_spans",
        "_secrets",
        "_unmarked",
        "admits_by_body",
        "asks_functions",
        "asks_request",
        "detected",
        "enforces",
        "greets",
        "handshakes",
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
        "reads_handshake",
        "redactor",
        "secret_file",
        "secret_memory",
        "shown_secrets",
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
        everywhere: bool = False,
        quiet: bool = False,
    ) -> None:
        self.options = options
        self.source = source
        self.known_secrets = known_secrets
        self._secrets: Secrets = ()
        # Where the secret is not known once and for all: it is read, or asked for, at each delivery.
        self.secret_file: SecretFile | None = None
        self.secret_memory: SecretMemory | None = None
        self.problem = self._find_secrets(quiet) if problem is None else problem
        if self.problem is not None and not quiet:
            logger.error("%s; until then every delivery is turned away", self.problem)
            SAID.add(self.problem)
        self.detected = detected
        self.known_secrets = known_secrets
        self.methods = frozenset(options.methods)
        self.paths = None if options.paths is None else PathMap(dict.fromkeys(options.paths, True))
        self._rejected_spans = PerSecond(REJECTED_SPANS_PER_SECOND)
        self._unmarked = 0
        # Secrets that a provider handed over and that were shown, as hashes: each is shown once.
        self.shown_secrets: set[bytes] = set()
        # Whether there is a verdict to give, and whether the body must be read before the handler may run.
        self.verifies = self.problem is not None or options.verifies or options.signature_valid is not None
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
            or callable(options.signature_secret)
            or callable(options.idempotency_key)
        )
        # Whether anybody has a use for the answer's body.
        self.keeps_answer = options.capture_body or bool(options.idempotency_key)
        self.handshakes = handshakes_for(
            options,
            source,
            has_secret=options.verifies and options.signature_verifier is None,
            verifies=self.verifies,
            closed=self.problem is not None,
        )
        # The methods of requests that may be a handshake.
        self.greets = self.handshakes.methods & {"POST"} if everywhere else self.handshakes.methods
        self.reads_handshake = any(row.reads_body for row in self.handshakes.unsigned.get("POST", ()))
        if self.handshakes.problem is not None and not quiet:
            logger.error("%s", self.handshakes.problem)
            SAID.add(self.handshakes.problem)
        scheme = signatures.scheme_for(options.provider)
        self.redactor = Redactor((*options.redact, *_hidden(scheme, self)))
        self.verifier: signatures.Verifier | None = None
        self.unsupported = False
        if options.verifies and options.signature_verifier is None:
            self.unsupported = scheme is None
            if scheme is None:
                self._warn_of_no_scheme()
            elif self._secrets:
                self.verifier = signatures.Verifier(
                    options.provider,
                    self._secrets,
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

    def _find_secrets(self, quiet: bool) -> str | None:
        """Looks up what the options name; what is wrong with it, or None."""
        options = self.options
        if options.signature_secret_file is not None:
            self.secret_file = SecretFile(options.signature_secret_file)
            if self.secret_file.problem is not None and not quiet:
                self._say_of_file(self.secret_file.problem)
            self.secret_file.told = self._say_of_file
        elif callable(options.signature_secret):
            self.secret_memory = SecretMemory()
        else:
            try:
                self._secrets = options.secrets()
            except ConfigurationError as error:
                return f"{self.source}, {options.provider}: {error}"
        return None

    def _say_of_file(self, problem: str) -> None:
        logger.error(
            "outworx: %s, %s: %s; until it can be read, every delivery is turned away",
            self.source,
            self.options.provider,
            problem,
        )

    def _warn_of_no_scheme(self) -> None:
        logger.warning(
            "%s: no built-in verifier for provider %r%s, so its signature_secret cannot be checked%s; give "
            "a signature_verifier, or register the provider's scheme",
            self.source,
            self.options.provider,
            _nearest(self.options.provider),
            " and every delivery is rejected" if self.options.reject_invalid_signatures else "",
        )

    @property
    def secrets(self) -> Secrets:
        """The secrets as they are now; none where a function gives them, request by request."""
        return self._secrets if self.secret_file is None else self.secret_file.read()

    @property
    def rejects(self) -> bool:
        """Whether a delivery whose signature is not valid is refused, as things stand."""
        return self.options.reject_invalid_signatures and not enforcement.reports_only()

    def refuses(self, verdict: signatures.SignatureResult) -> bool:
        """Whether a delivery is refused for this verdict; where `OUTWORX_ENFORCE=report` lets it in, says so."""
        if verdict.valid or not self.options.reject_invalid_signatures:
            return False
        if enforcement.reports_only():
            enforcement.say_let_in()
            return False
        return True

    def note_marked(self, marked: bool) -> None:
        """Counts deliveries whose handler ended without the mark that is required; the twentieth in a row is said."""
        if self._unmarked < 0:  # it was said
            return
        self._unmarked = 0 if marked else self._unmarked + 1
        if self._unmarked == _NEVER_MARKED:
            self._unmarked = -1
            logger.warning(
                "outworx: the last %d deliveries of %s (options from %s) were answered without a mark, so each "
                "counts as a silent drop%s; call track.processed() in the handler where the work is done, or take "
                "require_processing_mark out",
                _NEVER_MARKED,
                self.options.provider,
                self.source,
                " and its idempotency key is never kept: duplicates run again"
                if self.options.idempotency_key
                else "",
            )

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
        Whether it has a body is known once its stream was read. HEAD runs what GET runs. Or it may be a handshake.
        """
        return (
            method in self.methods
            or self.enforces
            or method in self.greets
            or (method == "HEAD" and "GET" in self.methods)
        )

    def listens_to(self, method: str) -> bool:
        """Whether a request with this method is a delivery, with a body or without."""
        return method in self.methods or (method == "HEAD" and "GET" in self.methods)

    def may_report_rejection(self) -> bool:
        """False once a second has seen ten rejected deliveries: a flood costs its sender, not our back-end."""
        return self._rejected_spans.take()


def _nearest(provider: str) -> str:
    near = difflib.get_close_matches(provider.lower(), provider_names(), 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _hidden(scheme: signatures.SignatureScheme | None, endpoint: Endpoint) -> list[str]:
    """What must not be seen of a provider's headers and body, whatever it is called."""
    if scheme is None:
        return []
    if scheme.own_header and endpoint.secret_memory is not None:
        return ["*"]  # A function names the header, request by request.
    rows = [scheme, *(row_for_secret(scheme, secret) for secret in endpoint.secrets)]
    names = [name.replace("{n}", "*") for row in rows for name in row.signature_header]
    names += [name for name, _ in scheme.weaker_headers]
    return [*names, scheme.procedure.path] if isinstance(scheme.procedure, BodyToken) else names


_VERIFICATION: Final = (
    *SOURCES,
    "signature_valid",
    "signature_tolerance",
    "reject_invalid_signatures",
    "public_url",
    "max_body_size",
)
_HANDSHAKE: Final = ("handshake", *TOKEN_SOURCES)


def with_standing_verification(
    path: str, chosen: Endpoint, replaced: Endpoint | None
) -> tuple[Endpoint, str | None]:
    """What counts where options in code replace others: they never undo a verification; and what to say about it.

    Args:
        path: where.
        chosen: what the code says.
        replaced: what a file or the environment says of the same path.
    """
    if replaced is None or not replaced.verifies or chosen.verifies:
        return chosen, None
    said = (
        f"{path!r} has options in code that name no secret, so it goes on to be verified as {replaced.source} says; "
        "give signature_secret in code too, or take one of the two out"
    )
    if replaced.options.provider != chosen.options.provider or replaced.problem is not None:
        return replaced, said
    kept = {name: getattr(replaced.options, name) for name in _VERIFICATION}
    if all(getattr(chosen.options, name) is None for name in _HANDSHAKE):
        kept.update({name: getattr(replaced.options, name) for name in _HANDSHAKE})
    options = dataclasses.replace(chosen.options, **kept)
    return Endpoint(options, chosen.source, known_secrets=chosen.known_secrets, quiet=True), said


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
