"""Endpoints made ready for requests, and what the process has been told as a whole."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import logging
import time
from collections.abc import Callable, Iterable, KeysView, Mapping
from operator import itemgetter
from types import FunctionType
from typing import Any, Final, TypeVar

from outworx_otel import signatures
from outworx_otel.body import FieldPicker
from outworx_otel.config import PathMap
from outworx_otel.errors import ConfigurationError, InstrumentationError, OutworxError, described
from outworx_otel.headers import from_environ
from outworx_otel.idempotency import IdempotencyStore, MemoryStore
from outworx_otel.options import DEFAULT_METHODS, OPTION_NAMES, TrackOptions, unknown_name
from outworx_otel.redaction import Redactor, scrub
from outworx_otel.telemetry import Telemetry

logger = logging.getLogger("outworx_otel")

Handler = TypeVar("Handler")

MARK: Final = "__outworx_webhook__"
# The methods of all endpoints made so far: a request with another one is nobody's delivery.
LISTENED: Final = set(DEFAULT_METHODS)
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
        "detected",
        "enforces",
        "id_header",
        "keeps_answer",
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
        self.methods = frozenset(options.methods)
        LISTENED.update(self.methods)
        self.paths = None if options.paths is None else PathMap(dict.fromkeys(options.paths, True))
        self._rejections = (0, 0)
        # Whether there is a verdict to give, and whether the body must be read before the handler may run.
        self.verifies = problem is not None or options.verifies or options.signature_valid is not None
        # Whoever names methods has thought of the others; whoever does not has perhaps not.
        self.enforces = (
            self.verifies and options.reject_invalid_signatures and tuple(options.methods) == DEFAULT_METHODS
        )
        self.admits_by_body = (
            options.verifies or callable(options.signature_valid) or bool(options.idempotency_key)
        )
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

    def concerns(self, path: str, within: str) -> bool:
        """Whether an app-wide adapter with these options has business with a path; paths as for `Runtime.find`."""
        paths = self.paths
        return (
            paths is None
            or paths.find(path) is not None
            or (within != path and paths.find(within) is not None)
        )

    def listens_to(self, method: str, headers: Any) -> bool:
        """Whether a request with this method is a delivery.

        With another one than those of `methods` it passes untouched. But where signatures are enforced and nobody
        has said which methods, a body is a delivery by any of them: a view that does not look at the method
        (Django's functions) would take it for one, unverified.
        """
        return method in self.methods or (self.enforces and carries_body(headers))

    def may_report_rejection(self) -> bool:
        """False once a second has seen ten rejected deliveries: a flood costs its sender, not our back-end."""
        second = int(time.monotonic())
        now, count = self._rejections
        self._rejections = (second, count + 1 if now == second else 1)
        return now != second or count < REJECTED_SPANS_PER_SECOND


def carries_body(headers: Any) -> bool:
    """Whether a request announces a body, by its ASGI header pairs or its WSGI environ."""
    if isinstance(headers, dict):
        length = headers.get("CONTENT_LENGTH") or "0"
        return length.strip("0 ") != "" or "HTTP_TRANSFER_ENCODING" in headers
    for name, value in headers:
        if name == b"transfer-encoding" or (name == b"content-length" and value.strip(b"0 ")):
            return True
    return False


def passes(method: str, headers: Any) -> bool:
    """Whether a request is nobody's delivery, whatever its path: asked first, of every request."""
    return method not in LISTENED and not carries_body(headers)


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


class Runtime:
    """What adapters need at a request: endpoints by path, telemetry, the store.

    Replaced as a whole when the set-up changes; adapters read `current()` at every request, so that import order does
    not matter.
    """

    def __init__(
        self,
        endpoints: Mapping[str, Endpoint] | None = None,
        *,
        telemetry: Telemetry | None = None,
        store: IdempotencyStore | None = None,
        detect: bool = True,
        on_error: Callable[[OutworxError], Any] | None = None,
        debug: bool = False,
        token_secrets: tuple[str | bytes, ...] = (),
        flush: Callable[[float], Any] | None = None,
    ) -> None:
        self.endpoints = dict(endpoints or {})
        self.telemetry = telemetry or Telemetry()
        self.store: IdempotencyStore = store or MemoryStore()
        self.detect = detect
        self.on_error = on_error
        self.debug = debug
        # What deferral tokens are signed with, and sends what is queued within some seconds.
        self.token_secrets = token_secrets
        self.flush = flush
        self._by_path = PathMap(self.endpoints)
        self._has_templates = any(sign in pattern for pattern in self.endpoints for sign in "{<")
        self._detected: dict[str, Endpoint] = {}
        self._said: set[str] = set()

    def find(
        self, path: str, template: Callable[..., str | None], *where: Any, within: str | None = None
    ) -> Endpoint | None:
        """The endpoint configured for a concrete path, or for its route's template.

        Args:
            path: as the provider called it.
            template: gives the template, from `where`; asked only where endpoints are configured by template.
            within: the path without the prefix (SCRIPT_NAME, root_path) that the application is served below.
        """
        if not self.endpoints:
            return None
        endpoint = self._by_path.find(path)
        if within is not None and within != path:
            endpoint = stricter(endpoint, self._by_path.find(within))
        if endpoint is None and self._has_templates:
            route = template(*where)
            endpoint = None if route is None else self._by_path.find(route)
        return endpoint

    def detect_provider(self, method: str, headers: Any) -> Endpoint | None:
        """The endpoint of an unconfigured route whose headers are unmistakably one provider's."""
        if not self.detect or method not in DEFAULT_METHODS:
            return None
        if isinstance(headers, dict):
            if _environ_names().isdisjoint(headers.keys()):
                return None
            headers = from_environ(headers)
        elif _DETECTION_NAMES.isdisjoint(map(_first, headers)):
            return None
        provider = signatures.detect(headers)
        if provider is None:
            return None
        endpoint = self._detected.get(provider)
        if endpoint is None:
            if self.endpoints:
                logger.info(
                    "%s sends webhooks to a path for which no endpoint is configured; they are reported and not "
                    "verified",
                    provider,
                )
            endpoint = Endpoint(TrackOptions(provider), "detection", detected=True)
            self._detected[provider] = endpoint
        return endpoint

    def known_secrets(self) -> Iterable[signatures.KnownSecret]:
        """Every configured secret with a label that may be shown."""
        for pattern, endpoint in self.endpoints.items():
            secret = endpoint.options.signature_secret
            if secret is not None:
                for one in [secret] if isinstance(secret, str | bytes) else secret:
                    yield signatures.KnownSecret(pattern, endpoint.options.provider, one)

    def may_wait(self, endpoint: Endpoint) -> bool:
        """Whether a delivery may have to wait for a function of the user's or for the store."""
        return endpoint.asks_functions or (bool(endpoint.options.idempotency_key) and not self.store.instant)

    def report(self, error: OutworxError) -> None:
        """Hands one of our errors to `on_error`, and logs the first of its kind."""
        kind = f"{type(error).__name__}: {type(error.__cause__).__name__}"
        level = logging.DEBUG if kind in self._said else logging.ERROR
        self._said.add(kind)
        logger.log(level, "%s", error, exc_info=error.__cause__ if self.debug else None)
        if self.on_error is not None:
            try:
                self.on_error(error)
            except Exception:  # the application's callback; nothing it does may reach a request
                logger.exception("on_error raised; the error it was given: %s", error)

    def failed(self, doing: str, cause: BaseException) -> None:
        """Reports a failure of ours that was caught before it could touch a request."""
        error = InstrumentationError(f"{doing} failed: {scrub(described(cause))}")
        error.__cause__ = cause
        self.report(error)


# A view of the table: providers that are registered later are in it.
_DETECTION_NAMES: Final = signatures.DETECTION_HEADERS.keys()
_first: Final = itemgetter(0)
_in_environ: dict[str, str] = {}


def _environ_names() -> KeysView[str]:
    """The same names as a WSGI environ has them."""
    if len(_in_environ) * 2 != len(_DETECTION_NAMES):
        names = (name for name in _DETECTION_NAMES if isinstance(name, str))
        _in_environ.update({"HTTP_" + name.upper().replace("-", "_"): name for name in names})
    return _in_environ.keys()


_current: Runtime | None = None


def current() -> Runtime:
    """The runtime in force."""
    return _current or replace(Runtime())


def replace(runtime: Runtime) -> Runtime:
    """Puts another runtime in force, for the requests that begin from now on."""
    global _current
    _current = runtime
    return runtime


def mark(handler: Handler, endpoint: Endpoint) -> Handler:
    """Marks a handler (function, view class) with its endpoint, for the adapters to read."""
    try:
        setattr(handler, MARK, endpoint)
    except AttributeError as error:
        raise ConfigurationError(
            f"{handler!r} cannot be marked as a webhook; put the decorator on a function or a view class"
        ) from error
    return handler


def marked(handler: Any, method: str) -> Endpoint | None:
    """The endpoint a handler was marked with: the class's method, the function, or the view class."""
    # Django's and Flask's view functions know their class as `view_class`, those of DRF's view sets as `cls`.
    owner = handler if isinstance(handler, type) else getattr(handler, "view_class", None)
    owner = owner or getattr(handler, "cls", None)
    endpoint = None if owner is None else _marked_method(handler, owner, method.lower())
    endpoint = endpoint or getattr(handler, MARK, None) or getattr(owner, MARK, None)
    if endpoint is None and not isinstance(handler, FunctionType):
        if isinstance(handler, functools.partial):
            return marked(handler.func, method)
        # An object that is called.
        endpoint = getattr(type(handler).__call__, MARK, None) if callable(handler) else None
    return endpoint if isinstance(endpoint, Endpoint) else None


def _marked_method(handler: Any, owner: Any, method: str) -> Any:
    actions = getattr(handler, "actions", None)
    if isinstance(actions, Mapping):
        method = actions.get(method, method)
    for name in (method, "dispatch", "dispatch_request"):
        endpoint = getattr(getattr(owner, name, None), MARK, None)
        if endpoint is not None:
            return endpoint
    if getattr(owner, "__qualname__", None) == "WrappedAPIView":
        # What DRF's `@api_view` makes of a function has it in a closure alone.
        for cell in getattr(getattr(owner, method, None), "__closure__", None) or ():
            endpoint = getattr(cell.cell_contents, MARK, None)
            if endpoint is not None:
                return endpoint
    return None


def webhook(provider: str | TrackOptions, **options: Any) -> Callable[[Handler], Handler]:
    """Marks a handler (function or view class) as a webhook endpoint; the instrumentors do the rest.

    Goes below the route's decorator: `@app.post("/hook")`, then `@webhook("stripe", signature_secret=...)`. The
    mark alone does nothing, and verifies nothing, until `instrument()` was called or the application runs under
    `opentelemetry-instrument`.

    Args:
        provider: the provider's name, such as `"stripe"`, or complete `TrackOptions`.
        **options: the other fields of `TrackOptions` by name, or `signature_secret_env`, the name of the
            environment variable that holds the secret.

    Raises:
        ConfigurationError: an option that is unknown or cannot be used.
    """
    if callable(provider):
        raise ConfigurationError('write @webhook("stripe"), with the provider, above the handler')
    if isinstance(provider, TrackOptions):
        unknown = [name for name in options if name not in OPTION_NAMES]
        if unknown:
            raise ConfigurationError(f"@webhook: {unknown_name('option', unknown[0], OPTION_NAMES)}")
        chosen = dataclasses.replace(provider, **options) if options else provider
    else:
        chosen = TrackOptions.from_mapping({"provider": provider, **options}, "@webhook")
    endpoint = Endpoint(chosen, "decorator", known_secrets=lambda: current().known_secrets())
    return lambda handler: mark(handler, endpoint)
