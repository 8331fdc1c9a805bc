"""`outworx forward`: provider webhooks on a developer's own machine, without deploying."""

from outworx_otel.cli.forward.command import forward

__all__ = ["forward"]
