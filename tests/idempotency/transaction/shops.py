"""Applications whose handlers write an effect, each with another habit of having a session."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import flask
import psycopg
from fastapi import Depends, FastAPI, Request
from flask_sqlalchemy import SQLAlchemy
from integrations.asgi_apps import UnderTestClient
from integrations.flask_apps import UnderFlaskClient
from sqlalchemy import NullPool, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from starlette.responses import JSONResponse
from support.calls import PATH, Answer

import outworx_otel

from .databases import Place

BODY = b'{"id": "evt_1", "type": "charge.succeeded"}'
JSON = {"content-type": "application/json"}


def nothing() -> None:
    pass


@dataclass
class Acts:
    """What a handler does beside its effect, and what it was seen to do."""

    before: Callable[[], Any] = nothing
    inside: Callable[[], Any] = nothing
    after: Callable[[], Any] = nothing
    status: int = 201
    select_first: bool = False
    runs: list[str] = field(default_factory=list)


@dataclass
class Shop:
    """An application under its client."""

    client: Any
    place: Place

    def post(self, body: bytes = BODY, headers: Any = JSON) -> Answer:
        return self.client.post(body, headers)


def fastapi(place: Place, acts: Acts, opened: Callable[..., Any], execute: Any) -> Shop:
    """`async def`; the session comes from a dependency with `yield`."""
    app = FastAPI()
    used = asynccontextmanager(opened)

    async def session_of() -> AsyncIterator[Any]:
        async with used(place) as session:
            yield session

    @app.post(PATH)
    async def handle(request: Request, session: Annotated[Any, Depends(session_of)]) -> JSONResponse:
        acts.before()
        if acts.select_first:
            await execute(session, "SELECT 1", {})
        async with request.state.outworx_track.once(session):
            acts.runs.append("block")
            await execute(session, place.effect, {"event": "evt_1"})
            acts.inside()
        acts.after()
        return JSONResponse({"done": True}, acts.status)

    return Shop(UnderTestClient(app), place)


async def async_session(place: Place) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(place.async_url, poolclass=NullPool)
    async with AsyncSession(engine) as session:
        yield session


async def async_session_begun(place: Place) -> AsyncIterator[AsyncSession]:
    engine = create_async_engine(place.async_url, poolclass=NullPool)
    async with AsyncSession(engine) as session, session.begin():
        yield session


async def async_connection(place: Place) -> AsyncIterator[Any]:
    async with create_async_engine(place.async_url, poolclass=NullPool).connect() as connection:
        yield connection


async def async_engine_begin(place: Place) -> AsyncIterator[Any]:
    async with create_async_engine(place.async_url, poolclass=NullPool).begin() as connection:
        yield connection


async def async_psycopg(place: Place) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(place.plain_url) as connection:
        yield connection


async def async_psycopg_autocommit(place: Place) -> AsyncIterator[Any]:
    async with await psycopg.AsyncConnection.connect(place.plain_url, autocommit=True) as connection:
        yield connection


async def async_psycopg_begun(place: Place) -> AsyncIterator[Any]:
    async with (
        await psycopg.AsyncConnection.connect(place.plain_url) as connection,
        connection.transaction(),
    ):
        yield connection


async def awaited_by_alchemy(session: Any, statement: str, parameters: dict[str, Any]) -> None:
    await session.execute(text(statement), parameters)


async def awaited_by_psycopg(connection: Any, statement: str, parameters: dict[str, Any]) -> None:
    await connection.execute(statement.replace(":event", "%(event)s"), parameters)


def by_alchemy(session: Any, statement: str, parameters: dict[str, Any]) -> None:
    session.execute(text(statement), parameters)


def by_psycopg(connection: Any, statement: str, parameters: dict[str, Any]) -> None:
    connection.execute(statement.replace(":event", "%(event)s"), parameters)


def _block(place: Place, acts: Acts, session: Any, execute: Any) -> None:
    acts.before()
    if acts.select_first:
        execute(session, "SELECT 1", {})
    with outworx_otel.current_track().once(session):
        acts.runs.append("block")
        execute(session, place.effect, {"event": "evt_1"})
        acts.inside()
    acts.after()


def fastapi_sync(place: Place, acts: Acts, opened: Callable[..., Any], execute: Any) -> Shop:
    """`def`, in FastAPI's thread pool, with a session from a dependency with `yield`."""
    app = FastAPI()

    def session_of() -> Iterator[Any]:
        yield from opened(place)

    @app.post(PATH)
    def handle(session: Annotated[Any, Depends(session_of)]) -> JSONResponse:
        _block(place, acts, session, execute)
        return JSONResponse({"done": True}, acts.status)

    return Shop(UnderTestClient(app), place)


def flask_shop(place: Place, acts: Acts, opened: Callable[..., Any], execute: Any) -> Shop:
    """A view that opens a session itself."""
    app = flask.Flask("shop")

    @app.post(PATH)
    def handle() -> Any:
        for session in opened(place):
            _block(place, acts, session, execute)
        return {"done": True}, acts.status

    return Shop(UnderFlaskClient(app), place)


def flask_sqlalchemy(place: Place, acts: Acts, opened: Any = None, execute: Any = None) -> Shop:
    """Flask-SQLAlchemy's `db.session`, which the end of the request removes."""
    app = flask.Flask("shop")
    app.config["SQLALCHEMY_DATABASE_URI"] = place.url
    db = SQLAlchemy(app)

    @app.post(PATH)
    def handle() -> Any:
        _block(place, acts, db.session, by_alchemy)
        return {"done": True}, acts.status

    return Shop(UnderFlaskClient(app), place)


def _engine(place: Place) -> Any:
    return create_engine(place.url, poolclass=NullPool)


def session(place: Place) -> Iterator[Any]:
    with Session(_engine(place)) as opened:
        yield opened


def session_closed_by_hand(place: Place) -> Iterator[Any]:
    opened = sessionmaker(_engine(place))()
    try:
        yield opened
    except Exception:
        opened.rollback()
        raise
    finally:
        opened.close()


def session_begun(place: Place) -> Iterator[Any]:
    with sessionmaker(_engine(place)).begin() as opened:
        yield opened


def scoped(place: Place) -> Iterator[Any]:
    registry = scoped_session(sessionmaker(_engine(place)))
    try:
        yield registry
    finally:
        registry.remove()


def connection(place: Place) -> Iterator[Any]:
    with _engine(place).connect() as opened:
        yield opened


def engine_begin(place: Place) -> Iterator[Any]:
    with _engine(place).begin() as opened:
        yield opened


def psycopg_connection(place: Place) -> Iterator[Any]:
    with psycopg.connect(place.plain_url) as opened:
        yield opened


def psycopg_autocommit(place: Place) -> Iterator[Any]:
    with psycopg.connect(place.plain_url, autocommit=True, row_factory=psycopg.rows.dict_row) as opened:
        yield opened


def psycopg_begun(place: Place) -> Iterator[Any]:
    with psycopg.connect(place.plain_url) as opened, opened.transaction():
        yield opened


Habit = tuple[Callable[..., Shop], Any, Any]
HABITS: dict[str, Habit] = {
    "fastapi-AsyncSession": (fastapi, async_session, awaited_by_alchemy),
    "fastapi-AsyncSession.begin": (fastapi, async_session_begun, awaited_by_alchemy),
    "fastapi-AsyncConnection": (fastapi, async_connection, awaited_by_alchemy),
    "fastapi-AsyncEngine.begin": (fastapi, async_engine_begin, awaited_by_alchemy),
    "fastapi-psycopg": (fastapi, async_psycopg, awaited_by_psycopg),
    "fastapi-psycopg-autocommit": (fastapi, async_psycopg_autocommit, awaited_by_psycopg),
    "fastapi-psycopg.transaction": (fastapi, async_psycopg_begun, awaited_by_psycopg),
    "fastapi-sync-Session": (fastapi_sync, session_closed_by_hand, by_alchemy),
    "flask-Session": (flask_shop, session, by_alchemy),
    "flask-Session.begin": (flask_shop, session_begun, by_alchemy),
    "flask-scoped_session": (flask_shop, scoped, by_alchemy),
    "flask-Flask-SQLAlchemy": (flask_sqlalchemy, None, None),
    "flask-Connection": (flask_shop, connection, by_alchemy),
    "flask-Engine.begin": (flask_shop, engine_begin, by_alchemy),
    "flask-psycopg": (flask_shop, psycopg_connection, by_psycopg),
    "flask-psycopg-autocommit": (flask_shop, psycopg_autocommit, by_psycopg),
    "flask-psycopg.transaction": (flask_shop, psycopg_begun, by_psycopg),
}
JOINED = frozenset(name for name in HABITS if name.endswith(("begin", "transaction")))
# Of FastAPI, the dependency commits after the answer.
KEEPS_NO_ANSWER = frozenset(name for name in JOINED if name.startswith("fastapi"))


def open_shop(habit: str, place: Place, acts: Acts) -> Shop:
    build, opened, execute = HABITS[habit]
    return build(place, acts, opened, execute)
