"""Tells people of alerts: by Apprise's services, by a signed webhook, by a command."""

from outworx_otel.server.channels.channel import Channel, NotSent
from outworx_otel.server.channels.configured import read_channels
from outworx_otel.server.channels.sender import AlertSender
from outworx_otel.server.channels.trying import try_channels

__all__ = ["AlertSender", "Channel", "NotSent", "read_channels", "try_channels"]
