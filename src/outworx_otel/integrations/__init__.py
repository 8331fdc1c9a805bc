"""One file per framework: its instrumentor, its hand-mounted adapter, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from outworx_otel import drops
from outworx_otel.errors import ConfigurationError, described
from outworx_otel.process import loading
from outworx_otel.setup.bootstrap import amiss, prepare, reset, stay_away
from outworx_otel.setup.endpoints import logger
from outworx_otel.setup.keywords import is_imported_by_loader
from outworx_otel.setup.option_types import Endpoints, PassedToAll, Unpack
from outworx_otel.setup.unguarded import SUPPORTED, outside_range

if TYPE_CHECKING:
    from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

# By framework: the modules after whose import it is switched on, and its instrumentor. None is imported because it is
# installed: most who have aiohttp use its client alone, and what Django makes when it is imported before gevent has
# patched `threading` blocks a worker that never uses it. Of several modules any one will do, unless another is in the
# middle of its import.
_INSTRUMENTORS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "starlette": (("starlette.applications", "starlette.routing"), "StarletteInstrumentor"),
    "fastapi": (("fastapi",), "FastAPIInstrumentor"),
    "flask": (("flask",), "FlaskInstrumentor"),
    "django": (
        ("django.core.handlers.asgi", "django.core.handlers.base", "django.core.handlers.wsgi"),
        "DjangoInstrumentor",
    ),
    "litestar": (("litestar",), "LitestarInstrumentor"),
    "aiohttp": (("aiohttp.web",), "AioHttpServerInstrumentor"),
    "celery": (("celery.signals",), "CeleryInstrumentor"),
    "rq": (("rq.job",), "RQInstrumentor"),
}
# The frameworks of these that are to be switched on; wrapt's hooks cannot be taken back.
_awaited: set[str] = set()
_hooked: set[str] = set()


def instrument(
    *,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    endpoints: Endpoints | None = None,
    excluded_urls: str | None = None,
    request_hook: Callable[..., Any] | None = None,
    response_hook: Callable[..., Any] | None = None,
    **others: Unpack[PassedToAll],
) -> None:
    """Switches on each framework that the application imports: Starlette, FastAPI, Flask, Django, Litestar, aiohttp.

    The queues Celery and RQ as well, which carry deferred work. Imported before or after, for applications made
    before or after; harmless when called again. Where spans go is for `init()`, or for the application's own
    OpenTelemetry set-up. Also where it raises, the frameworks are switched on by then, so that an endpoint which is
    to verify signatures lets nothing in unverified.

    Args:
        tracer_provider: instead of the global one.
        meter_provider: likewise.
        endpoints: what is wanted where: `{"/webhooks/stripe": TrackOptions("stripe", ...)}`; `*` stands for any
            rest of a path, and a plain mapping of options for `TrackOptions`.
        excluded_urls: comma-separated regular expressions: paths without spans.
        request_hook: `(span, request)`, called when a delivery's span has begun.
        response_hook: `(span, request, response)`, called before it ends.
        others: what OpenTelemetry passes to instrumentors; anything else is an error.

    Raises:
        ConfigurationError: an argument, an option or a configuration file that cannot be used.
        SystemExit: with status 78, for such a configuration where `OUTWORX_STRICT` is set.
    """
    try:
        prepare(
            strict=True,
            tracer_provider=tracer_provider,
            meter_provider=meter_provider,
            endpoints=endpoints,
            excluded_urls=excluded_urls,
            request_hook=request_hook,
            response_hook=response_hook,
            where="instrument()",
            **others,
        )
    except ConfigurationError:
        _switch_all_on()
        raise
    _switch_all_on()


def _switch_all_on() -> None:
    import wrapt

    for framework, (modules, _) in _INSTRUMENTORS.items():
        _awaited.add(framework)
        if framework not in _hooked:
            _hooked.add(framework)
            for module in modules:
                wrapt.register_post_import_hook(partial(_imported, framework), module)
        elif any(module in sys.modules for module in modules):
            _imported(framework)


def _imported(framework: str, module: object = None) -> None:
    modules, instrumentor_name = _INSTRUMENTORS[framework]
    # Our own module imports one of them, too.
    names = (*modules, f"{__name__}.{framework}")
    others = [found for name in names if (found := sys.modules.get(name)) is not module]
    if framework not in _awaited or any(map(_is_under_way, others)):
        return
    package, _, name = getattr(module, "__name__", "").rpartition(".")
    if package in sys.modules:
        # As the import is about to: our module may name it by its package.
        setattr(sys.modules[package], name, module)
    instrumentor = _load(framework, instrumentor_name)
    if instrumentor is not None:
        _switch_on(instrumentor)


def _is_under_way(module: object) -> bool:
    """Whether a module is in the middle of its import: our own would not find in it what it needs."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


def _switch_on(instrumentor: BaseInstrumentor) -> None:
    if instrumentor.is_instrumented_by_opentelemetry:
        return
    try:
        instrumentor.instrument(skip_dep_check=True)
    except Exception as error:  # noqa: BLE001  # the others go on
        amiss(
            f"outworx: {type(instrumentor).__name__} could not be switched on, so nobody guards its applications: "
            f"{described(error)}"
        )


def uninstrument() -> None:
    """Takes every patch out again: requests pass as if this package were not there, and are not verified."""
    _awaited.clear()
    for framework, (_, name) in _INSTRUMENTORS.items():
        instrumentor = _load(framework, name) if f"{__name__}.{framework}" in sys.modules else None
        if instrumentor is not None and instrumentor.is_instrumented_by_opentelemetry:
            instrumentor.uninstrument()
    drops.stop()
    reset()


def _load(framework: str, name: str) -> BaseInstrumentor | None:
    try:
        module = importlib.import_module(f"{__name__}.{framework}")
    except Exception as error:  # noqa: BLE001  # installed, and broken or too old for us
        outside = outside_range(framework) if framework in SUPPORTED else None
        if framework not in SUPPORTED:  # a queue: it guards no endpoint
            logger.warning(
                "outworx: %s cannot be imported, so what it defers is not seen: %s", framework, error
            )
        elif outside is not None:
            stay_away(framework, outside)
        else:
            amiss(
                f"outworx: {framework} cannot be imported, so nobody guards its applications: {described(error)}"
            )
        return None
    instrumentor: BaseInstrumentor = getattr(module, name)()
    return instrumentor


# A framework may be too old for our module of it to be imported, which the loader passes over in silence, and then
# nothing else of ours may be loaded.
if is_imported_by_loader():
    loading.loaded("the instrumentors")
