"""Every server with every framework that people run on it, as rows of a table."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Final

from support.deployment import INSTRUMENTED, Deployment, only
from support.process import SCRIPTS

IN_CODE: Final = "in_code:app"
FASTAPI, STARLETTE, DJANGO_ASGI = "fastapi_site:app", "starlette_site:app", "django_site:asgi"
FLASK, DJANGO = "flask_site:app", "django_site:wsgi"
ASGI, WSGI = (FASTAPI, STARLETTE, DJANGO_ASGI), (FLASK, DJANGO)


@dataclass(frozen=True)
class Row:
    """A server, a framework and how they are started.

    Args:
        server: its name in the table of `docs/servers.md`.
        site: the application, as `module:name`.
        command: what is run; `{site}` and `{port}` stand for the application and the port.
        ready: what each worker writes when it serves.
        zero_code: below `opentelemetry-instrument`, else with `init()` and `instrument()` in the application.
        workers: how many processes serve.
    """

    server: str
    site: str
    command: tuple[str, ...]
    ready: str = ""
    zero_code: bool = False
    workers: int = 1

    def __str__(self) -> str:
        return f"{self.server}, {self.site.partition('_')[0]}, {'zero code' if self.zero_code else 'in code'}"

    def instrumented(self) -> Row:
        """The same below `opentelemetry-instrument`."""
        return replace(self, zero_code=True)

    @property
    def keep_alive(self) -> bool:
        """Whether the server keeps connections open: uWSGI's router does not, and does not say so."""
        return not self.server.startswith("uWSGI")

    @property
    def is_killed(self) -> bool:
        """Whether the process that serves gets SIGKILL: Django's reloader does so to its child."""
        return self.server == "Django runserver"

    @property
    def is_noisy(self) -> bool:
        """Whether the SDK's own threads complain: `opentelemetry-instrument` starts them before gevent patches."""
        return "gevent" in self.server and self.zero_code

    @property
    def deployment(self) -> Deployment:
        served = self.site if self.zero_code else IN_CODE
        command = tuple(part.replace("{site}", served) for part in self.command)
        environ = {"SITE": self.site, **only(self.site.partition("_")[0])}
        if self.site.startswith("django"):
            by_hand = "runserver" in self.command and not self.zero_code
            environ["DJANGO_SETTINGS_MODULE"] = "init_django_settings" if by_hand else "django_settings"
        return Deployment(
            (*(INSTRUMENTED if self.zero_code else ()), *command), self.workers, self.ready, environ
        )


def _script(name: str, *options: str) -> tuple[str, ...]:
    return (str(SCRIPTS / name), *options)


def uvicorn(loop: str) -> tuple[str, ...]:
    return _script("uvicorn", "{site}", "--host", "127.0.0.1", "--port", "{port}", "--loop", loop)


def gunicorn(*options: str) -> tuple[str, ...]:
    # No control socket: it would be shared by whatever runs here at the same time.
    return _script("gunicorn", "{site}", "--bind", "127.0.0.1:{port}", "--no-control-socket", *options)


def granian(interface: str, *options: str) -> tuple[str, ...]:
    return _script(
        "granian", "--host", "127.0.0.1", "--port", "{port}", "--interface", interface, *options, "{site}"
    )


def uwsgi(*options: str) -> tuple[str, ...]:
    return _script(
        "uwsgi", "--http", "127.0.0.1:{port}", "--wsgi", "{site}", "--die-on-term", "--master", *options
    )


_UVICORN_WORKER = ("-k", "uvicorn_worker.UvicornWorker")
_ON_ASGI = (
    ("uvicorn, asyncio", uvicorn("asyncio"), "startup complete"),
    # Not among the packages of the tests: where it is installed, all of uvicorn's tests would run on it.
    *((("uvicorn, uvloop", uvicorn("uvloop"), "startup complete"),) if find_spec("uvloop") else ()),
    ("gunicorn, uvicorn worker", gunicorn(*_UVICORN_WORKER), "startup complete"),
    ("gunicorn, uvicorn worker, preload", gunicorn(*_UVICORN_WORKER, "--preload"), "startup complete"),
    ("gunicorn, asgi", gunicorn("-k", "asgi"), "Booting"),
    ("hypercorn", _script("hypercorn", "--bind", "127.0.0.1:{port}", "{site}"), "Running on"),
    ("granian, ASGI", granian("asgi"), "Started worker"),
    ("granian, ASGI, 2 workers", granian("asgi", "--workers", "2"), "Started worker"),
    ("daphne", _script("daphne", "-b", "127.0.0.1", "-p", "{port}", "{site}"), "Listening on"),
)
_ON_WSGI = (
    ("gunicorn, sync", gunicorn(), "Booting"),
    ("gunicorn, gthread", gunicorn("-k", "gthread", "--threads", "4"), "Booting"),
    ("gunicorn, gthread, preload", gunicorn("-k", "gthread", "--threads", "4", "--preload"), "Booting"),
    ("gunicorn, gevent", gunicorn("-k", "gevent"), "Booting"),
    ("gunicorn, gevent, preload", gunicorn("-k", "gevent", "--preload"), "Booting"),
    ("gunicorn, tornado", gunicorn("-k", "tornado"), "Booting"),
    ("granian, WSGI", granian("wsgi"), "Started worker"),
    ("hypercorn, WSGI", _script("hypercorn", "--bind", "127.0.0.1:{port}", "wsgi:{site}"), "Running on"),
    ("waitress", _script("waitress-serve", "--listen", "127.0.0.1:{port}", "{site}"), "Serving on"),
    ("uWSGI, threads", uwsgi("--enable-threads"), "spawned uWSGI worker"),
    ("uWSGI, threads, lazy-apps", uwsgi("--enable-threads", "--lazy-apps"), "spawned uWSGI worker"),
    ("uWSGI, no threads", uwsgi(), "spawned uWSGI worker"),
    ("uWSGI, no threads, lazy-apps", uwsgi("--lazy-apps"), "spawned uWSGI worker"),
)


def _rows() -> list[Row]:
    rows = [
        Row(server, site, command, ready, workers=2 if "2 workers" in server else 1)
        for table, sites in ((_ON_ASGI, ASGI), (_ON_WSGI, WSGI))
        for server, command, ready in table
        for site in sites
    ]
    for name, options in (("Django runserver", ()), ("Django runserver, noreload", ("--noreload",))):
        command = (sys.executable, "-m", "django", "runserver", *options, "127.0.0.1:{port}")
        rows.append(Row(name, DJANGO, command, "Quit the server"))
    return [one for row in rows for one in (row, row.instrumented())]


ROWS: Final = _rows()
