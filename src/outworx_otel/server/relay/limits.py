"""How much the relay holds, and for how long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True)
class RelayLimits:
    """Every bound of the relay. Times are seconds.

    Args:
        session_time: how long a public URL lives.
        response_timeout: how long a caller is held for the local answer; then 504.
        poll_timeout: how long a client's poll is held when nothing comes.
        acknowledge_timeout: how soon a client must poll again for what it was given to count as received;
            then other clients may have it.
        upload_timeout: how long a caller may take to send its body; then 408.
        max_body_bytes: of a request, and of an answer.
        max_held: callers held at once by one session; then 503.
        max_held_bytes: the bytes of their requests.
        max_total_held: callers held at once by all sessions.
        max_total_bytes: the bytes of their requests, and of what is being read or answered.
        max_sessions: sessions of everybody; beyond it the ones that no client listens to give way.
        max_sessions_per_key: the same of one API key.
        max_remembered: expired URLs that are still told apart (410) from ones that never were (404).
    """

    session_time: float = 86_400
    response_timeout: float = 30
    poll_timeout: float = 25
    acknowledge_timeout: float = 3
    upload_timeout: float = 30
    max_body_bytes: int = 10 * MIB
    max_held: int = 1000
    max_held_bytes: int = 64 * MIB
    max_total_held: int = 4000
    max_total_bytes: int = 256 * MIB
    max_sessions: int = 200
    max_sessions_per_key: int = 20
    max_remembered: int = 2000

    @property
    def max_call_bytes(self) -> int:
        """Of a client's call: an answer's body in base64, or as JSON text with escapes, and its headers."""
        return 2 * self.max_body_bytes + MIB
