"""The relay: all sessions, the bounds of what they hold together, and who may open another."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable

from outworx_otel.server.relay import slugs
from outworx_otel.server.relay.byte_budget import ByteBudget
from outworx_otel.server.relay.held_caller import CallerAnswer, HeldCaller
from outworx_otel.server.relay.limits import RelayLimits
from outworx_otel.server.relay.tunnel_session import TunnelSession

SHUTTING_DOWN = CallerAnswer(
    503,
    (("content-type", "text/plain; charset=utf-8"), ("retry-after", "2")),
    b"The tunnel's server is being stopped; send it again.\n",
)
# Not 410: to some providers that means that they are never to come again.
ENDED = CallerAnswer(
    503, (("content-type", "text/plain; charset=utf-8"),), b"This tunnel was closed before it could answer.\n"
)
CLIENT_GONE = CallerAnswer(
    502,
    (("content-type", "text/plain; charset=utf-8"), ("retry-after", "1")),
    b"The tunnel's client went away before it answered; send it again.\n",
)
# A session that no client has polled for this long gives way to a new one.
_IDLE = 120.0


class CallRefused(Exception):
    """A call that cannot be granted.

    Args:
        status: the HTTP status.
        message: what is wrong and what to do.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class Relay:
    """The state of a server's tunnels, in memory. Used on one event loop only.

    Args:
        public_url: how the outside reaches `/t/`; None takes it from the call that opens a session.
        limits: how much is held, and for how long.
        cookie: the name of the dashboard's cookie, which passes in neither direction; "" for none.
        own_port: the port of `/t/` where that is another than the dashboard's: cookies pass then.
        clock: Unix seconds.
    """

    def __init__(
        self,
        public_url: str | None = None,
        limits: RelayLimits | None = None,
        *,
        cookie: str = "",
        own_port: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.public_url = public_url.rstrip("/") if public_url else None
        self.limits = RelayLimits() if limits is None else limits
        self.cookie = cookie
        self.own_port = own_port
        self.bytes = ByteBudget(self.limits.max_total_bytes)
        self.closed = False
        self._clock = clock
        self._by_slug: dict[str, TunnelSession] = {}
        self._by_id: dict[str, TunnelSession] = {}
        self._ended: OrderedDict[str, None] = OrderedDict()

    @property
    def tunnels(self) -> int:
        """How many sessions there are; one whose client has gone stays until it ends by its time."""
        return len(self._by_id)

    @property
    def held(self) -> int:
        """Callers that wait, of all sessions."""
        return sum(len(session.held) for session in self._by_slug.values())

    def open(self, owner: str, resume: str | None = None) -> tuple[TunnelSession, str]:
        """A new session, or the one that `resume` is the secret of, and the secret to resume it with.

        Args:
            owner: the hash of an API key.
            resume: the secret of an earlier call, here or before the server was started anew.

        Raises:
            Refused: 410 for a secret whose time is over, 429 for one session too many.
        """
        now = self._clock()
        self._expire(now)
        secret = slugs.new_secret(now + self.limits.session_time) if resume is None else resume
        expires_at = slugs.expiry_of(secret)
        if expires_at is None:
            raise CallRefused(400, "resume is not what this server gave out; open a session without it")
        slug = slugs.slug_of(secret)
        if slug in self._ended or not now < expires_at <= now + self.limits.session_time + 1:
            raise CallRefused(410, "this session is over; open a new one")
        session = self._by_slug.get(slug)
        if session is None:
            self._make_room(owner)
            session = TunnelSession(
                slug,
                secrets.token_hex(16),
                owner,
                expires_at,
                ByteBudget(self.limits.max_held_bytes, self.bytes),
                self.limits.acknowledge_timeout,
            )
            self._by_slug[slug] = self._by_id[session.id] = session
        elif session.owner != owner:
            raise CallRefused(403, "this session was opened with another API key")
        session.polled_at = asyncio.get_running_loop().time()
        return session, secret

    def of_client(self, id: str, owner: str) -> TunnelSession:
        """The session that a client names.

        Raises:
            Refused: 404 where there is none (any more) that is its own.
        """
        self._expire(self._clock())
        session = self._by_id.get(id)
        if session is None or session.owner != owner:
            raise CallRefused(404, "there is no such session; open a new one")
        return session

    def of_caller(self, slug: str) -> TunnelSession:
        """The session behind a public URL.

        Raises:
            Refused: 404 where there never was one, 410 where it is over.
        """
        self._expire(self._clock())
        session = self._by_slug.get(slug)
        if session is not None:
            return session
        if slug in self._ended:
            raise CallRefused(410, "This tunnel is over.")
        raise CallRefused(404, "There is no such tunnel.")

    def find_held(self, event: str, owner: str) -> HeldCaller | None:
        """The caller that waits for an answer to this delivery."""
        for session in self._by_slug.values():
            held = session.held.get(event)
            if held is not None and session.owner == owner:
                return held
        return None

    def end(self, session: TunnelSession, answer: CallerAnswer = ENDED) -> None:
        """Closes a session; callers that wait get `answer`."""
        self._by_slug.pop(session.slug, None)
        self._by_id.pop(session.id, None)
        self._ended[session.slug] = None
        while len(self._ended) > self.limits.max_remembered:
            self._ended.popitem(last=False)
        session.settle_all(answer)

    def close(self) -> None:
        """The server stops: callers are answered at once, so that they come again, and polls return."""
        self.closed = True
        for session in list(self._by_slug.values()):
            session.settle_all(SHUTTING_DOWN)

    def _expire(self, now: float) -> None:
        for session in [one for one in self._by_slug.values() if one.expires_at <= now]:
            self.end(session)

    def _make_room(self, owner: str) -> None:
        own = [session for session in self._by_slug.values() if session.owner == owner]
        if len(own) >= self.limits.max_sessions_per_key and not self._evict(own):
            raise CallRefused(
                429, f"{len(own)} sessions are open with this API key, which is the limit; end one of them"
            )
        every = list(self._by_slug.values())
        if len(every) >= self.limits.max_sessions and not self._evict(every):
            raise CallRefused(
                429, f"{len(every)} sessions are open, which is this server's limit; try again later"
            )

    def _evict(self, sessions: list[TunnelSession]) -> bool:
        """Ends the session that has been without a client for the longest time, if that is long enough."""
        now = asyncio.get_running_loop().time()
        idle = [one for one in sessions if not one.polls and not one.held and now - one.polled_at > _IDLE]
        if not idle:
            return False
        self.end(min(idle, key=lambda one: one.polled_at))
        return True
