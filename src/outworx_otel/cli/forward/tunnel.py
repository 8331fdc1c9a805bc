"""The tunnel as it runs: fetch, forward, answer, and come back after every kind of loss."""

from __future__ import annotations

import asyncio
import random
from collections import OrderedDict
from typing import Final

from outworx_otel.cli.forward.delivery_files import DeliveryFiles
from outworx_otel.cli.forward.filter_rules import FilterRules
from outworx_otel.cli.forward.local_servers import LocalServers
from outworx_otel.cli.forward.local_targets import Targets
from outworx_otel.cli.forward.output import Output
from outworx_otel.cli.forward.reasons import Reasons
from outworx_otel.cli.forward.relay_client import OpenedSession, Poll, RelayClient, RelayError
from outworx_otel.cli.forward.session_file import SessionFile
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind, TunnelledRequest, describe

_MAX_WAIT: Final = 30.0
_GATHER: Final = 0.002
_MAX_SEEN: Final = 5000
# How long deliveries that are under way may still take once the user has had enough.
_LAST_WAIT: Final = 2.0


class Tunnel:
    """One session, from its opening to its end.

    Args:
        server: the relay.
        local: the servers on this machine.
        targets: what they are called.
        filters: which deliveries are for them.
        output: is told of everything.
        keeping: remembers the session for a client that is cut off.
        saving: writes deliveries to files; None for none.
        concurrency: how many deliveries are under way at once.
    """

    def __init__(
        self,
        server: RelayClient,
        local: LocalServers,
        targets: Targets,
        filters: FilterRules,
        output: Output,
        keeping: SessionFile,
        saving: DeliveryFiles | None = None,
        concurrency: int = 50,
    ) -> None:
        self._server = server
        self._local = local
        self._targets = targets
        self._filters = filters
        self._output = output
        self._keeping = keeping
        self._saving = saving
        self._concurrency = concurrency
        # A server of old gives as many as it has.
        self._room = asyncio.Semaphore(concurrency)
        self._reasons = Reasons(server, output.explained)
        self._under_way: set[asyncio.Task[None]] = set()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._session: OpenedSession | None = None
        # How often the server has failed since it last answered a poll, and whether that was said.
        self._failures = 0
        self._away = False
        self._stop = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set.

        Raises:
            ServerError: the server cannot be reached at the start, or refuses.
        """
        self._stop = stop
        session, again = await self._first_session()
        self._output.opened(session, self._targets, again)
        fetching = asyncio.ensure_future(self._fetch(session))
        stopped = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({fetching, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if fetching.done():
                fetching.result()
        finally:
            fetching.cancel()
            stopped.cancel()
            await self._close()

    async def _first_session(self) -> tuple[OpenedSession, bool]:
        kept = self._keeping.take()
        if kept is not None:
            try:
                return self._opened(await self._open(kept.resume, kept.client)), True
            except RelayError as error:
                if error.status not in (400, 403, 404, 410, 422):
                    raise
                # Its time is over, or it is another server now.
        try:
            return self._opened(await self._open()), False
        except RelayError:
            self._keeping.forget()
            raise

    async def _open(self, resume: str | None = None, replaces: str | None = None) -> OpenedSession:
        destination = " ".join(str(target) for target in self._targets)
        return await self._server.open(destination, resume, replaces)

    def _opened(self, session: OpenedSession) -> OpenedSession:
        self._session = session
        self._keeping.keep(session.resume, self._server.client_id)
        return session

    async def _fetch(self, session: OpenedSession) -> None:
        """Polls for ever. Each poll acknowledges the batch before, even if there is no room for another."""
        acknowledged, owed = 0, False
        while True:
            room = self._concurrency - len(self._under_way)
            if room <= 0 and not owed:
                await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED)
                continue
            try:
                poll = await self._server.poll(session, acknowledged, max(room, 0))
            except RelayError as error:
                before, session = session, await self._recover(session, error)
                if session.sessionId != before.sessionId:
                    acknowledged, owed = 0, False
                continue
            self._failures = 0
            # A server of old says by its answer alone that it is back.
            self._say_back(len(poll.events))
            acknowledged, owed = poll.batch, bool(poll.events) and session.resume is not None
            self._begin(poll, session)
            if poll.events:
                # First what is there, then the next poll; it fetches the more at once the more there is.
                await asyncio.sleep(_GATHER)

    async def _recover(self, session: OpenedSession, error: RelayError) -> OpenedSession:
        """A session to go on with. A server that has forgotten its own is asked at once, any other after a while.

        Raises:
            ServerError: the server refuses this key.
        """
        if error.is_refusal:
            raise error
        if self._failures or not error.session_is_gone:
            wait = error.wait or min(2.0**self._failures, _MAX_WAIT)
            self._output.lost(self._server.endpoint, str(error), wait)
            self._away = True
            # Not all clients of a server that was started anew are to come in the same moment.
            await asyncio.sleep(wait * random.uniform(0.9, 1.1))  # noqa: S311  # no secret
        self._failures += 1
        if session.resume is None and not error.session_is_gone:
            return session
        try:
            try:
                resumed = await self._open(session.resume)
            except RelayError as second:
                if second.status != 410:
                    raise
                # Its time is over.
                resumed = await self._open()
        except RelayError as second:
            if second.is_refusal:
                raise
            # The next poll fails likewise, and says so.
            return session
        self._opened(resumed)
        if resumed.ingressUrl != session.ingressUrl:
            self._away = False
            self._output.moved(resumed)
        self._say_back(resumed.waiting or 0)
        return resumed

    def _say_back(self, waiting: int) -> None:
        if self._away:
            self._away = False
            self._output.back(waiting)

    def _begin(self, poll: Poll, session: OpenedSession) -> None:
        for delivery in poll.deliveries():
            if delivery.id in self._seen:
                # Given again because the acknowledgement was late.
                continue
            self._seen[delivery.id] = None
            while len(self._seen) > _MAX_SEEN:
                self._seen.popitem(last=False)
            task = asyncio.ensure_future(self._handle(session, delivery))
            self._under_way.add(task)
            task.add_done_callback(self._done)
        self._output.begun(len(self._under_way))

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._output.begun(len(self._under_way))
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, BrokenPipeError):
            # Nobody reads what it says any more: `outworx forward 3000 | head`.
            self._stop.set()
        elif failure is not None:
            self._output.noted(f"a delivery could not be handled: {failure!r}")

    async def _handle(self, session: OpenedSession, delivery: TunnelledRequest) -> None:
        begun = asyncio.get_running_loop().time()
        rule = self._filters.stops(delivery)
        if rule is not None:
            told = rule.encode("ascii", "replace").decode()
            answer = LocalAnswer(200, (("x-outworx-filtered", told),))
        else:
            async with self._room:
                answer = await self._local.forward(delivery)
        await self._respond(session, delivery, answer, begun)
        described = describe(delivery)
        self._output.delivered(delivery, described, answer, rule)
        if rule is None:
            self._reasons.expect(delivery, answer)
            await self._save(delivery, described, answer)

    async def _respond(
        self, session: OpenedSession, delivery: TunnelledRequest, answer: LocalAnswer, begun: float
    ) -> None:
        """Hands in the answer, again and again while the caller still waits for it."""
        loop = asyncio.get_running_loop()
        wait = 0.2
        while True:
            try:
                await self._server.respond(session, delivery, answer)
                return
            except RelayError as error:
                over = loop.time() - begun > delivery.seconds_left
                if over or error.session_is_gone or error.is_refusal or error.status == 413:
                    why = "nobody waits for it any more" if error.session_is_gone else str(error)
                    self._output.noted(
                        f"{delivery.method} {delivery.path}: the answer was not delivered: {why}"
                    )
                    return
            await asyncio.sleep(wait)
            wait = min(2 * wait, 2.0)

    async def _save(self, delivery: TunnelledRequest, described: RequestKind, answer: LocalAnswer) -> None:
        target = self._targets.find(delivery.path)
        if self._saving is None or target is None:
            return
        try:
            await asyncio.to_thread(self._saving.save, delivery, described, answer, target.url)
        except OSError as error:
            self._output.noted(f"{delivery.method} {delivery.path} could not be saved: {error}")

    async def _close(self) -> None:
        self._reasons.stop()
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=_LAST_WAIT)
            for task in self._under_way:
                task.cancel()
            if self._session is not None:
                await self._server.end(self._session)
                self._keeping.forget()
        except RelayError as error:
            if not error.session_is_gone:
                self._output.noted(f"the session could not be ended ({error}); it ends by itself")
        finally:
            # Also when a second Ctrl+C comes in between: the terminal is to be left as it was.
            self._output.closed()
