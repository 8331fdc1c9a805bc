"""The services that Apprise speaks: Slack, Discord, Teams, Telegram, PagerDuty, e-mail and many more.

Apprise runs in a process of its own: it loads for more than a second, and bounds its calls one by one at most.
"""

from __future__ import annotations

import os
import re
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import msgspec

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.channels.channel import SECONDS, NotSent
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.channels.program import run_program

_PROGRAM: Final = Path(__file__).with_name("apprise_process")
_TOLD: Final = 300
# Chats call everybody where they read these, and a delivery may hold them: a mark without width parts them.
_MENTION: Final = re.compile(r"@(?=everyone|here|channel|all)|<(?=[!@#])", re.IGNORECASE)
_SHORTEST_SECRET: Final = 4


class _Answer(msgspec.Struct):
    missing: bool = False
    unusable: tuple[int, ...] = ()
    said: str | None = None


@dataclass(frozen=True)
class Service:
    """Sends to one of Apprise's URLs.

    Args:
        url: holds secrets, and is never shown.
        seconds: for the whole of one attempt.
    """

    url: str = field(repr=False)
    seconds: float = SECONDS

    def send(self, notice: Notice, stopping: threading.Event) -> None:
        """See `Way.send`."""
        answer = _asked({"url": self.url, **message_of(notice)}, self.seconds, stopping)
        if answer is None:
            raise NotSent(f"it was not sent within {self.seconds:g} s")
        if answer.missing:
            raise NotSent("Apprise is not installed: pip install 'outworx-otel[alerts]'")
        if answer.said is not None:
            raise NotSent(without_secrets(answer.said, self.url))


def message_of(notice: Notice) -> dict[str, str]:
    """A notice's title, body and kind, in which nothing calls everybody."""
    kind = "info" if notice.is_test else "success" if notice.is_over else "failure"
    title, body = (_MENTION.sub("\\g<0>\u200b", text) for text in (notice.title, notice.text))
    return {"title": title, "body": body, "kind": kind}


def unusable(urls: Sequence[str]) -> set[int]:
    """Which of the URLs Apprise cannot use.

    Raises:
        ConfigurationError: Apprise is not installed.
    """
    answer = _asked({"check": list(urls)}, 2 * SECONDS, threading.Event())
    if answer is None:
        raise ConfigurationError(f"Apprise did not start within {2 * SECONDS:g} s")
    if answer.missing:
        raise ConfigurationError("url needs Apprise: pip install 'outworx-otel[alerts]'")
    return set(answer.unusable)


def without_secrets(text: str, url: str) -> str:
    """A text in one line, without anything of a URL that may be secret: all of it but scheme and host."""
    parts = urlsplit(url)
    # What follows `@` is a host where something stands before it; else it may be the first part of a token.
    before, at, _ = parts.netloc.rpartition("@")
    pieces = [
        *(before if at else parts.netloc).split(":"),
        *parts.path.split("/"),
        *parts.fragment.split("/"),
    ]
    pieces += [value for pair in parts.query.split("&") for value in pair.split("=")[1:]]
    secrets = {piece for raw in pieces for piece in (raw, unquote(raw)) if len(piece) >= _SHORTEST_SECRET}
    for secret in sorted({url, *secrets}, key=len, reverse=True):
        text = text.replace(secret, "***")
    return " ".join(text.split())[:_TOLD]


def _asked(request: Any, seconds: float, stopping: threading.Event) -> _Answer | None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("OUTWORX_")}
    try:
        ran = run_program(
            (sys.executable, str(_PROGRAM)),
            msgspec.json.encode(request),
            seconds=seconds,
            stopping=stopping,
            environ=environ,
            reads=True,
        )
    except OSError as error:
        raise NotSent(f"Python cannot be started: {error.strerror or error}") from error
    if ran.status is None:
        return None
    try:
        return msgspec.json.decode(ran.output.strip().rpartition(b"\n")[2], type=_Answer)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        # What it printed may hold the URL.
        raise NotSent(f"Apprise ended with exit status {ran.status}") from None
