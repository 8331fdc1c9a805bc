"""A webhook, signed by Standard Webhooks, so that our own package (and many others) verify it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.bounded_client import BoundedClient, CallFailed
from outworx_otel.http.certificates import trust
from outworx_otel.server.channels.channel import NotSent
from outworx_otel.server.channels.notice import Notice
from outworx_otel.signatures.signing import sign
from outworx_otel.version import __version__

PROVIDER: Final = "standardwebhooks"
# The server ends within two.
_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Webhook:
    """Posts each notice. An answer of 200 to 299 says that it was taken.

    Args:
        url: where to; never shown, it may hold a token.
        secret: what signs it.
        seconds: for the whole of one call.
    """

    url: str = field(repr=False)
    secret: str = field(repr=False)
    seconds: float = _SECONDS

    def send(self, notice: Notice, stopping: threading.Event) -> None:
        """See `Way.send`."""
        body = notice.json()
        signed = sign(PROVIDER, body, self.secret, message_id=notice.id)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"outworx-otel/{__version__}",
            **signed,
        }
        client = BoundedClient(trust, connections=1)
        try:
            reply = client.call("POST", self.url, headers.items(), body, seconds=self.seconds)
        except (CallFailed, ConfigurationError) as error:
            raise NotSent(str(error)) from error
        finally:
            client.close()
        if not 200 <= reply.status < 300:
            raise NotSent(f"it answered {reply.status}")
