"""aiohttp's server: how its handlers are found and answer, and what its requests can do."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import ClientPayloadError, ClientSession, FormData, web
from aiohttp.test_utils import TestServer
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import BODY, JSON, SECRET

import outworx_otel
from integrations.conftest import Telemetry
from outworx_otel import TrackOptions, webhook
from outworx_otel.integrations.aiohttp import AioHttpServerInstrumentor, outworx_middleware

Monitor = Callable[..., None]
SIGNED = TrackOptions("stripe", signature_secret=SECRET)
ONCE = TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)


class Site:
    """An application in the making, served and called for as long as a test of it runs."""

    def __init__(self, *middlewares: Any, **options: Any) -> None:
        self.app = web.Application(middlewares=middlewares, **options)
        self.ran: list[Any] = []

    def route(self, path: str = PATH, method: str = "POST", answers: Any = None) -> Site:
        async def hook(request: web.Request) -> Any:
            self.ran.append(await request.read())
            return web.Response(text="served") if answers is None else await answers(request)

        self.app.router.add_route(method, path, hook)
        return self

    async def _serve(self, use: Callable[..., Awaitable[Any]]) -> Any:
        async with TestServer(self.app) as server, ClientSession() as client:

            async def send(
                body: Any = BODY, headers: Any = None, path: str = PATH, method: str = "POST"
            ) -> Answer:
                sent = {"data": body, "headers": deliveries.stripe() if headers is None else headers}
                url = server.make_url(path)
                async with client.request(method, url, allow_redirects=False, **sent) as answer:
                    given = {name.lower(): value for name, value in answer.headers.items()}
                    return Answer(answer.status, given, await answer.read())

            return await use(send)

    def statuses(self, **sent: Any) -> list[int]:
        """Of an unsigned delivery, then a genuine one."""
        both = (JSON, deliveries.stripe())
        return [answer.status for answer in self.answers(*({"headers": one, **sent} for one in both))]

    def answers(self, *requests: dict[str, Any]) -> list[Answer]:
        """Of requests one after the other."""

        async def use(send: Any) -> list[Answer]:
            return [await send(**request) for request in requests]

        answers: list[Answer] = asyncio.run(self._serve(use))
        return answers


async def _parts(body: bytes) -> Any:
    yield body[:7]
    yield body[7:]


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "REPORT"])
@pytest.mark.parametrize("chunked", [True, False])
def test_a_method_that_rarely_has_a_body_is_closed(method: str, chunked: bool, monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    site = Site().route(method=method)
    unsigned, genuine = site.answers(
        *(
            {"method": method, "body": _parts(BODY) if chunked else BODY, "headers": headers}
            for headers in (JSON, deliveries.stripe())
        )
    )
    assert (unsigned.status, genuine.status, site.ran) == (401, 200, [BODY])


def test_what_waits_for_100_continue_is_told_to_go_on(monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    site = Site().route()
    headers = {**deliveries.stripe(), "Expect": "100-continue"}
    assert [answer.status for answer in site.answers({"headers": headers}, {})] == [200, 200]


def test_a_compressed_body_is_closed_before_any_middleware(monitor: Monitor) -> None:
    @web.middleware
    async def answers(request: Any, handler: Any) -> Any:
        site.ran.append(await request.read())
        return web.Response()

    monitor({PATH: SIGNED})
    site = Site(answers)
    packed, encoded = gzip.compress(BODY), {"content-encoding": "gzip"}
    unsigned, genuine = site.answers(
        {"body": packed, "headers": {**JSON, **encoded}},
        {"body": packed, "headers": {**deliveries.stripe(), **encoded}},
    )
    assert (unsigned.status, genuine.status, site.ran) == (401, 200, [BODY])


@pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")
@pytest.mark.parametrize("how", ["read", "content", "clone", "text"])
def test_a_middleware_may_do_with_the_request_what_it_does_without_us(how: str, monitor: Monitor) -> None:
    @web.middleware
    async def middleware(request: Any, handler: Any) -> Any:
        if how == "clone":
            request = request.clone(scheme="https")
        elif how == "content":
            request.content.unread_data(await request.content.read())
        else:
            await getattr(request, how)()
        return await handler(request)

    monitor({PATH: SIGNED})
    site = Site(middleware).route()
    assert (site.statuses(), site.ran) == ([401, 200], [BODY])


def test_a_form_is_parsed_by_aiohttp_as_ever(monitor: Monitor) -> None:
    form = FormData()
    form.add_field("name", "value", content_type="text/plain")
    fields: list[Any] = []

    async def posts(request: web.Request) -> web.Response:
        fields.append(dict(await request.post()))
        return web.Response()

    monitor({PATH: TrackOptions("acme", signature_valid=lambda req: True)})
    site = Site()
    site.app.router.add_post(PATH, posts)
    assert [one.status for one in site.answers({"body": form(), "headers": {}})] == [200]
    assert fields == [{"name": "value"}]


def test_the_applications_own_limit_stands(monitor: Monitor, telemetry: Telemetry) -> None:
    big = b"x" * 5_000
    monitor({PATH: SIGNED})
    site = Site(client_max_size=1_000).route()
    (answer,) = site.answers({"body": big, "headers": deliveries.stripe(big)})
    assert (answer.status, site.ran) == (413, [])
    assert telemetry.said("signature.valid") is True


@pytest.mark.parametrize("chunked", [True, False])
def test_a_body_above_max_body_size_is_answered_413(chunked: bool, monitor: Monitor) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, max_body_size=100)})
    big = b"x" * 5_000
    site = Site().route()
    body: Any = _parts(big) if chunked else big
    assert [one.status for one in site.answers({"body": body, "headers": deliveries.stripe(big)})] == [413]
    assert site.ran == []


@pytest.mark.parametrize("chunked", [True, False])
def test_without_verification_such_a_body_arrives_whole(chunked: bool, monitor: Monitor) -> None:
    monitor({PATH: TrackOptions("stripe", idempotency_key=True, max_body_size=100)})
    big = b"x" * 5_000
    site = Site().route()
    assert [
        one.status for one in site.answers({"body": _parts(big) if chunked else big, "headers": JSON})
    ] == [200]
    assert site.ran == [big]


def test_statuses_that_are_raised_are_answers(monitor: Monitor, telemetry: Telemetry) -> None:
    async def refuses(request: web.Request) -> web.Response:
        raise web.HTTPConflict

    monitor({PATH: ONCE})
    site = Site().route(answers=refuses)
    assert [answer.status for answer in site.answers({}, {})] == [409, 409]
    assert len(site.ran) == 2
    assert all(span.events == () for span in telemetry.deliveries())


def test_an_exception_is_an_error_and_releases_the_key(monitor: Monitor, telemetry: Telemetry) -> None:
    async def fails(request: web.Request) -> web.Response:
        raise KeyError("order")

    monitor({PATH: ONCE})
    site = Site().route(answers=fails)
    assert [answer.status for answer in site.answers({}, {})] == [500, 500]
    assert len(site.ran) == 2
    assert [span.attributes["error.type"] for span in telemetry.deliveries()] == ["KeyError"] * 2


@pytest.mark.needs("aiohttp >=3.11")  # before, it hangs up
def test_a_handler_that_returns_nothing_is_an_error(monitor: Monitor, telemetry: Telemetry) -> None:
    async def forgets(request: web.Request) -> None:
        return None

    monitor({PATH: ONCE})
    assert [answer.status for answer in Site().route(answers=forgets).answers({})] == [500]
    assert telemetry.said("outcome") == "error"


async def _written(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    for part in (b"one ", b"two"):
        await response.write(part)
    return response


async def _generated(request: web.Request) -> web.StreamResponse:
    return web.Response(body=_parts(b"one  and two"))


@pytest.mark.parametrize("answers", [_written, _generated])
def test_a_streamed_answer_is_done_at_its_end(answers: Any, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: ONCE})
    site = Site().route(answers=answers)
    first, again = site.answers({}, {})
    assert (first.status, again.status, again.headers["idempotent-replayed"]) == (200, 200, "true")
    assert first.body.startswith(b"one ")
    assert site.ran == [BODY]
    assert telemetry.deliveries()[0].attributes["outworx.webhook.idempotency.committed"] is True


async def _breaks_off(request: web.Request) -> web.StreamResponse:
    async def parts() -> Any:
        yield b"one "
        raise OSError("the disk")

    return web.Response(body=parts())


async def _breaks_off_in_the_handler(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"one ")
    raise OSError("the disk")


@pytest.mark.parametrize("answers", [_breaks_off, _breaks_off_in_the_handler])
def test_a_streamed_answer_that_breaks_off_is_not_done(
    answers: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    async def use(send: Any) -> None:
        for _ in range(2):
            with pytest.raises(ClientPayloadError):
                await send()

    monitor({PATH: ONCE})
    site = Site().route(answers=answers)
    asyncio.run(site._serve(use))
    assert len(site.ran) == 2
    assert {span.attributes["error.type"] for span in telemetry.deliveries()} == {"OSError"}


def test_an_answer_that_a_middleware_replaces_ends_its_delivery(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    @web.middleware
    async def replaces(request: Any, handler: Any) -> Any:
        await handler(request)
        return web.Response(text="another")

    monitor({PATH: SIGNED})
    assert Site(replaces).route(answers=_generated).answers({})[0].body == b"another"
    assert telemetry.said("outcome") == "error"


def test_a_class_of_handlers_is_served_and_marked_by_its_methods(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    ran: list[Any] = []

    class Hook(web.View):
        @webhook(SIGNED)
        async def post(self) -> web.Response:
            ran.append(self.request["outworx_track"])
            self.request["outworx_track"].processed()
            return web.Response()

    monitor({})
    site = Site()
    site.app.router.add_view("/hooks/{tenant}", Hook)
    assert site.statuses(path="/hooks/acme") == [401, 200]
    assert len(ran) == 1
    assert telemetry.deliveries()[1].attributes["http.route"] == "/hooks/{tenant}"
    assert telemetry.deliveries()[1].attributes["outworx.webhook.processing.status"] == "completed"


def test_a_sub_application_has_its_whole_template(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({"/eu/{tenant}/stripe": SIGNED})
    inner = Site().route("/{tenant}/stripe")
    site = Site()
    site.app.add_subapp("/eu", inner.app)
    assert site.statuses(path="/eu/acme/stripe") == [401, 200]
    assert inner.ran == [BODY]
    assert {span.attributes["http.route"] for span in telemetry.deliveries()} == {"/eu/{tenant}/stripe"}


def test_another_url_of_the_same_handler_is_closed(monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    site = Site()

    async def hook(request: web.Request) -> web.Response:
        site.ran.append(await request.read())
        return web.Response()

    for path in (PATH, "/old/hook"):
        site.app.router.add_post(path, hook)
    assert site.statuses(path="/old/hook") == [401, 200]
    assert site.ran == [BODY]


@pytest.mark.parametrize("path", ["/webhooks/strip%65", f"http://elsewhere{PATH}"])
def test_another_spelling_of_the_path_is_closed(path: str, monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    site = Site().route()

    async def served() -> list[bytes]:
        async with TestServer(site.app) as server:
            said = []
            for headers in (JSON, deliveries.stripe()):
                reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
                lines = [f"POST {path} HTTP/1.1", "Host: shop", f"Content-Length: {len(BODY)}"]
                lines += ["Connection: close", *(f"{name}: {value}" for name, value in headers.items())]
                writer.write("\r\n".join([*lines, "", ""]).encode() + BODY)
                said.append((await reader.read())[9:12])
                writer.close()
            return said

    unsigned, genuine = asyncio.run(served())
    # Before 3.11, escapes that need not be are another path to aiohttp.
    assert (unsigned, genuine in (b"200", b"404")) == (b"401", True)
    assert site.ran == [BODY] * (genuine == b"200")


@pytest.mark.parametrize(
    ("path", "method", "status"), [(PATH, "PUT", 405), ("/webhooks/strype", "POST", 404)]
)
def test_what_no_route_serves_is_seen(
    path: str, method: str, status: int, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({path: SIGNED})
    (answer,) = Site().route().answers({"path": path, "method": method})
    assert answer.status == status
    assert telemetry.said("outcome") == "unrouted"
    assert telemetry.said("nearest_route") == PATH
    assert telemetry.said("signature.valid") is True


def test_what_concerns_no_webhook_passes_untouched(monitor: Monitor, telemetry: Telemetry) -> None:
    seen: list[Any] = []

    async def looks(request: web.Request) -> web.Response:
        seen.append((dict(request), request.match_info.handler == looks, hash(request.match_info.handler)))
        return web.Response()

    monitor({PATH: SIGNED})
    site = Site()
    site.app.router.add_post("/orders", looks)
    assert site.statuses(path="/orders") == [200, 200]
    assert seen[0] == ({}, True, hash(looks))


@pytest.mark.filterwarnings("error")
def test_aiohttp_warns_of_nothing_that_we_do(monitor: Monitor) -> None:
    monitor({PATH: ONCE})
    assert Site().route().statuses() == [401, 200]


def test_a_server_that_runs_is_guarded_when_a_router_of_its_own_was_asked_before(monitor: Monitor) -> None:
    """aiohttp remembers the middleware round a handler: what it has put together unguarded must not stay."""

    @web.middleware
    async def passes(request: Any, handler: Any) -> Any:
        return await handler(request)

    async def hook(request: web.Request) -> web.Response:
        return web.Response(text=type(request.get("outworx_track")).__name__)

    site = Site(passes)
    site.app.router.add_post(PATH, hook)
    monitor({PATH: SIGNED})

    async def use(send: Any) -> list[bytes]:
        outworx_otel.uninstrument()
        before = await send()
        monitor({PATH: SIGNED})
        return [before.body, (await send()).body]

    assert asyncio.run(site._serve(use)) == [b"NoneType", b"TrackContext"]


def test_by_hand_it_is_a_middleware(telemetry: Telemetry) -> None:
    site = Site(outworx_middleware(SIGNED)).route()
    nowhere, unsigned, genuine = site.answers({"path": "/nowhere", "headers": JSON}, {"headers": JSON}, {})
    assert (nowhere.status, unsigned.status, genuine.status) == (404, 401, 200)
    assert site.ran == [BODY]


def test_by_hand_only_the_paths_that_are_named_are_guarded() -> None:
    options = TrackOptions("stripe", signature_secret=SECRET, paths=[PATH])
    site = Site(outworx_middleware(options)).route().route("/orders")
    other, unsigned, genuine = site.answers({"path": "/orders", "headers": JSON}, {"headers": JSON}, {})
    assert (other.status, unsigned.status, genuine.status) == (200, 401, 200)


def test_by_hand_and_instrumented_is_one_delivery(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: ONCE})
    site = Site(outworx_middleware(ONCE)).route()
    assert site.statuses() == [401, 200]
    assert len(telemetry.deliveries()) == 2


def test_one_application_is_instrumented_and_the_other_is_not(telemetry: Telemetry) -> None:
    guarded, other, freed = Site().route(), Site().route(), Site().route()
    for site in (guarded, freed):
        AioHttpServerInstrumentor.instrument_app(
            site.app, endpoints={PATH: SIGNED}, tracer_provider=telemetry.tracer_provider
        )
    AioHttpServerInstrumentor.uninstrument_app(freed.app)
    assert [site.statuses() for site in (guarded, other, freed)] == [[401, 200], [200, 200], [200, 200]]


def test_uninstrument_puts_the_very_objects_back(monitor: Monitor) -> None:
    def patched() -> list[Any]:
        return [vars(web.Application)["_handle"], vars(web.UrlDispatcher)["resolve"]]

    before = patched()
    for _ in range(2):
        monitor({PATH: SIGNED})
        assert all(now is not then for now, then in zip(patched(), before, strict=True))
        outworx_otel.uninstrument()
        assert all(now is then for now, then in zip(patched(), before, strict=True))
