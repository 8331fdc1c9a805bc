"""A webhook application on a real server, with the configuration that the commands read as well."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support.deployment import Deployment, gunicorn, uvicorn
from support.process import Server
from support.receiver import Receiver

SITES = Path(__file__).parent / "sites"
DEPLOYMENTS = {
    "uvicorn-fastapi": uvicorn("webhook_fastapi:app"),
    "gunicorn-flask": gunicorn("webhook_flask:app"),
}
# Of a site that sends the span of each delivery soon, and nothing else.
REPORTING = {
    "PYTHONPATH": str(SITES),
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OTEL_BSP_SCHEDULE_DELAY": "50",
}

SECRETS = {
    "STRIPE_SECRET": "whsec_of_the_cli_tests",
    "GITHUB_SECRET": "a secret for GitHub",
    "CLERK_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "TWILIO_SECRET": "an auth token for Twilio",
}
CONFIGURATION = "".join(
    f"""
[endpoints."/hooks/{provider}*"]
provider = "{provider}"
signature_secret_env = "{provider.upper()}_SECRET"
idempotency_key = true
max_body_size = 100_000
"""
    for provider in ("stripe", "github", "clerk", "twilio")
)


@dataclass(frozen=True)
class Site:
    """A running application, where its spans go, and the folder that it was started in."""

    server: Server
    receiver: Receiver
    folder: Path

    @property
    def url(self) -> str:
        return self.server.url


@contextlib.contextmanager
def site(name: str, folder: Path) -> Iterator[Site]:
    """The application until the block ends."""
    (folder / "outworx.toml").write_text(CONFIGURATION)
    deployment: Deployment = DEPLOYMENTS[name]
    receiver = Receiver().start()
    environ = {
        **deployment.environ,
        **SECRETS,
        **REPORTING,
        "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint,
    }
    server = Server(deployment.command, folder, environ, deployment.workers, deployment.ready_line)
    try:
        yield Site(server.start(), receiver, folder)
    finally:
        server.stop()
        receiver.stop()
        # pytest shows what a teardown prints, if the test failed.
        print(f"--- log of {name} ---\n{server.log()}")
