"""Applications whose handler writes one effect, as processes of their own serve them."""

# ruff: noqa: S608  # names of our own

import json
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Annotated, Any

import flask
import psycopg
import uvicorn
import waitress
from fastapi import Depends, FastAPI, Request
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

import outworx_otel

PATH = "/webhooks/stripe"


@dataclass(frozen=True)
class Site:
    """What a worker is told.

    Args:
        name: of the application, in `SITES`.
        url: of the database, as SQLAlchemy has it.
        store: what `idempotency_store` says.
        ledger: the table of effects.
        dies_at: the number of the SQLite statement before which the worker kills itself; 0 for none.
    """

    name: str
    url: str
    store: str
    ledger: str
    dies_at: int = 0

    @property
    def effect(self) -> str:
        return f"INSERT INTO {self.ledger} (event) VALUES (:event)"


def instrument(site: Site) -> None:
    os.environ["OUTWORX_IDEMPOTENCY_STORE"] = site.store
    options = outworx_otel.TrackOptions("stripe", idempotency_key="body.id")
    outworx_otel.instrument(endpoints={PATH: options})


def event_of(body: bytes) -> str:
    return str(json.loads(body)["id"])


def fastapi_session(site: Site) -> FastAPI:
    """FastAPI, and SQLAlchemy's AsyncSession, by a dependency with `yield`."""
    engine = create_async_engine(site.url)

    async def session_of() -> AsyncIterator[AsyncSession]:
        async with AsyncSession(engine) as session:
            yield session

    app = FastAPI()

    @app.post(PATH, status_code=201)
    async def handle(request: Request, session: Annotated[Any, Depends(session_of)]) -> dict[str, str]:
        event = event_of(await request.body())
        await session.execute(text("SELECT 1"))
        async with outworx_otel.current_track().once(session):
            await session.execute(text(site.effect), {"event": event})
        return {"done": event}

    return app


def fastapi_psycopg(site: Site) -> FastAPI:
    """FastAPI, and a connection of psycopg's for each request."""
    address = site.url.replace("+psycopg", "")
    app = FastAPI()

    @app.post(PATH, status_code=201)
    async def handle(request: Request) -> dict[str, str]:
        event = event_of(await request.body())
        async with (
            await psycopg.AsyncConnection.connect(address) as connection,
            request.state.outworx_track.once(connection),
        ):
            await connection.execute(site.effect.replace(":event", "%(event)s"), {"event": event})
        return {"done": event}

    return app


def flask_session(site: Site) -> flask.Flask:
    """Flask, and SQLAlchemy's Session."""
    engine = create_engine(site.url)
    app = flask.Flask("shop")

    @app.post(PATH)
    def handle() -> Any:
        event = event_of(flask.request.get_data())
        with Session(engine) as session, outworx_otel.current_track().once(session):
            session.execute(text(site.effect), {"event": event})
        return {"done": event}, 201

    return app


def flask_begun(site: Site) -> flask.Flask:
    """Flask, and a transaction that the view has begun itself."""
    engine = create_engine(site.url)
    app = flask.Flask("shop")

    @app.post(PATH)
    def handle() -> Any:
        event = event_of(flask.request.get_data())
        with Session(engine) as session, session.begin(), outworx_otel.current_track().once(session):
            session.execute(text(site.effect), {"event": event})
        return {"done": event}, 201

    return app


def django_view(site: Site) -> Any:
    """Django, and `django://default`."""
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.http import HttpRequest, JsonResponse
    from django.urls import path

    def handle(request: HttpRequest) -> JsonResponse:
        event = event_of(request.body)
        with connection.cursor() as cursor:
            cursor.execute(site.effect.replace(":event", "%s"), [event])
        return JsonResponse({"done": event}, status=201)

    address = make_url(site.url)
    database = {
        "ENGINE": f"django.db.backends.{'sqlite3' if address.drivername == 'sqlite' else 'postgresql'}",
        "NAME": address.database,
        "USER": address.username,
        "PASSWORD": address.password,
        "HOST": address.host,
        "PORT": address.port,
        "OPTIONS": dict(address.query),
    }
    urls = type("urls", (), {"urlpatterns": [path(PATH.lstrip("/"), handle)], "__hash__": object.__hash__})
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="only for tests",  # noqa: S106
        MIDDLEWARE=[],
        DATABASES={"default": database},
        ROOT_URLCONF=urls(),
    )
    django.setup()
    return WSGIHandler()


SITES: dict[str, Callable[[Site], Any]] = {
    "fastapi-AsyncSession": fastapi_session,
    "fastapi-psycopg": fastapi_psycopg,
    "flask-Session": flask_session,
    "flask-Session.begin": flask_begun,
    "django": django_view,
}


def serve(site: Site, listener: socket.socket) -> None:
    """Serves until the process ends."""
    if site.dies_at:
        from .dying import die_at

        die_at(site.dies_at)
    instrument(site)
    app = SITES[site.name](site)
    if isinstance(app, FastAPI):
        config = uvicorn.Config(app, log_level="warning", loop="asyncio", http="h11", ws="none")
        uvicorn.Server(config).run([listener])
    else:
        waitress.serve(app, sockets=[listener], threads=4)
