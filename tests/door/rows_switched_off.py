"""What switches telemetry off spares spans, never the verification."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.urls import path as url
from fastapi import FastAPI, Request
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from support.calls import PATH

from outworx_otel import TrackOptions
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .handlers import asgi_handler, django_view, flask_view, starlette_handler
from .sending import django_asgi, django_wsgi, over_asgi, over_wsgi
from .site import SIGNED, Rows, Send, Site

ROWS = Rows()


def _starlette(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])]))


def _starlette_mounted(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Mount("", app=asgi_handler(site))]))


def _starlette_by_hand(site: Site) -> Send:
    middleware = [Middleware(OutworxHooksMiddleware, options=SIGNED)] if site.guarded else []
    app = Starlette(
        routes=[Route(PATH, starlette_handler(site), methods=["POST"])],
        middleware=middleware,
    )
    return over_asgi(app)


def _fastapi_marked(site: Site) -> Send:
    site.instrument({})
    app = FastAPI()

    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": Request, "return": str}
    app.post(PATH)(site.marked(hook))
    return over_asgi(app)


def _flask(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    return over_wsgi(app)


def _flask_marked(site: Site) -> Send:
    site.instrument({})
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", site.marked(flask_view(site)), methods=["POST"])
    return over_wsgi(app)


def _django_wsgi(site: Site) -> Send:
    site.instrument()
    return django_wsgi([url(PATH[1:], django_view(site))])


def _django_asgi_marked(site: Site) -> Send:
    site.instrument({})
    return django_asgi([url(PATH[1:], site.marked(django_view(site)))])


APPLICATIONS: dict[str, Callable[[Site], Send]] = {
    "starlette, instrumented": _starlette,
    "starlette, instrumented, mounted": _starlette_mounted,
    "starlette, adapter by hand": _starlette_by_hand,
    "fastapi, marked": _fastapi_marked,
    "flask, instrumented": _flask,
    "flask, marked": _flask_marked,
    "django WSGI, instrumented": _django_wsgi,
    "django ASGI, marked": _django_asgi_marked,
}


def _suppressed(context: Any) -> Any:
    def switch(build: Callable[[Site], Send], site: Site) -> Send:
        send = build(site)

        def sent(*args: Any) -> Any:
            with context():
                return send(*args)

        return sent

    return switch


def _variable(name: str, value: str) -> Any:
    def switch(build: Callable[[Site], Send], site: Site) -> Send:
        site.setenv(name, value)
        return build(site)

    return switch


def _no_provider(build: Callable[[Site], Send], site: Site) -> Send:
    trace._TRACER_PROVIDER = trace.NoOpTracerProvider()
    return build(site)


SWITCHES = {
    "inside suppress_instrumentation()": _suppressed(suppress_instrumentation),
    "inside suppress_http_instrumentation()": _suppressed(suppress_http_instrumentation),
    "OTEL_PYTHON_EXCLUDED_URLS names it": _variable("OTEL_PYTHON_EXCLUDED_URLS", "webhooks"),
    "OTEL_SDK_DISABLED": _variable("OTEL_SDK_DISABLED", "true"),
    "no tracer provider": _no_provider,
    "OTEL_TRACES_SAMPLER is always_off": _variable("OTEL_TRACES_SAMPLER", "always_off"),
    "OUTWORX_DETECT=false": _variable("OUTWORX_DETECT", "false"),
}

for _switch_name, _switch in SWITCHES.items():
    for _name, _build in APPLICATIONS.items():

        def _switched(site: Site, switch: Any = _switch, build: Any = _build) -> Send:
            return switch(build, site)

        ROWS.add(f"{_name}, {_switch_name}", reported=False)(_switched)


# What else was said of the endpoint does not open it.


@ROWS.add("flask, a decorator without a secret over a configured path with one")
def decorator_without_a_secret(site: Site) -> Send:
    site.instrument()
    app = Flask("shop")
    view = site.marked(flask_view(site), TrackOptions("stripe"))
    app.add_url_rule(PATH, "hook", view, methods=["POST"])
    return over_wsgi(app)


@ROWS.add("starlette, a decorator without a secret over a configured path with one")
def starlette_decorator_without_a_secret(site: Site) -> Send:
    site.instrument()
    handler = site.marked(starlette_handler(site), TrackOptions("stripe"))
    return over_asgi(Starlette(routes=[Route(PATH, handler, methods=["POST"])]))


@ROWS.add("django, an adapter for all paths without a secret over a configured path with one")
def adapter_without_a_secret(site: Site) -> Send:
    site.instrument()
    middleware = ["outworx_otel.integrations.django.OutworxHooksMiddleware"] if site.guarded else []
    return django_wsgi(
        [url(PATH[1:], django_view(site))],
        MIDDLEWARE=middleware,
        OUTWORX_HOOKS_OPTIONS={"provider": "stripe"},
    )


@ROWS.add("starlette, OUTWORX_ROUTES and its secret")
def routes_variable(site: Site) -> Send:
    site.setenv("OUTWORX_ROUTES", f"{PATH}=stripe")
    site.setenv("OUTWORX_SECRET_STRIPE", str(SIGNED.signature_secret))
    site.instrument({})
    return over_asgi(Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])]))


@ROWS.add("starlette, OUTWORX_ROUTES without its secret", genuine_runs=False)
def routes_without_secret(site: Site) -> Send:
    site.setenv("OUTWORX_ROUTES", f"{PATH}=stripe")
    site.instrument({})
    return over_asgi(Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])]))


@ROWS.add("flask, OUTWORX_ROUTES with another provider's secret", genuine_runs=False)
def routes_with_anothers_secret(site: Site) -> Send:
    site.setenv("OUTWORX_ROUTES", f"{PATH}=stripe")
    site.setenv("OUTWORX_SECRET_GITHUB", str(SIGNED.signature_secret))
    site.instrument({})
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    return over_wsgi(app)


@ROWS.add("django, OUTWORX_ROUTES with an empty secret", genuine_runs=False, may_refuse_to_start=True)
def routes_with_an_empty_secret(site: Site) -> Send:
    site.setenv("OUTWORX_ROUTES", f"{PATH}=stripe")
    site.setenv("OUTWORX_SECRET_STRIPE", "")
    site.instrument({})
    return django_wsgi([url(PATH[1:], django_view(site))])


# The file, wherever the process was started.
FILE = f"""
[endpoints."{PATH}"]
provider = "stripe"
signature_secret_env = "SHOP_SECRET"
"""


def _configured(app: Callable[[Site], Send], text: str, started_in: str, name: str | None) -> Any:
    def build(site: Site) -> Send:
        file = site.configure(text, started_in)
        site.setenv("SHOP_SECRET", str(SIGNED.signature_secret))
        if name is not None:
            site.setenv(name, str(file))
        site.instrument({})
        return app(site)

    return build


def _only_starlette(site: Site) -> Send:
    return over_asgi(Starlette(routes=[Route(PATH, starlette_handler(site), methods=["POST"])]))


def _only_flask(site: Site) -> Send:
    app = Flask("shop")
    app.add_url_rule(PATH, "hook", flask_view(site), methods=["POST"])
    return over_wsgi(app)


def _only_django(site: Site) -> Send:
    return django_wsgi([url(PATH[1:], django_view(site))])


for _name, _app in {"starlette": _only_starlette, "flask": _only_flask, "django": _only_django}.items():
    ROWS.add(f"{_name}, outworx.toml where it is started")(_configured(_app, FILE, ".", None))
    ROWS.add(f"{_name}, outworx.toml in a folder further up")(_configured(_app, FILE, "deep/er", None))
    ROWS.add(f"{_name}, OUTWORX_CONFIG_FILE names it from another folder")(
        _configured(_app, FILE, "../elsewhere", "OUTWORX_CONFIG_FILE")
    )
    # In code a file that cannot be read is an error; under the loader see tests/setup.
    ROWS.add(f"{_name}, outworx.toml cannot be read", genuine_runs=None, may_refuse_to_start=True)(
        _configured(_app, FILE + "methods = [", ".", None)
    )
