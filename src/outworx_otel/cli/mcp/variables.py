"""Which environment variables a tool may take a secret from.

An agent does what it reads, and what it reads may be a stranger's. It may name the variables of webhooks' secrets,
and no others where the secret itself would be sent, or where the environment is a server's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outworx_otel.errors import OutworxError
from outworx_otel.process import environment
from outworx_otel.setup.configuration import SECRET_PREFIX, read_configuration
from outworx_otel.signatures import SignatureScheme

NEEDED: Final = (
    "this variable is not known to hold a webhook's secret: name it in outworx.toml (signature_secret_env), or call"
    " it OUTWORX_SECRET_<PROVIDER> or <PROVIDER>_WEBHOOK_SECRET"
)
_USUAL: Final = ("WEBHOOK_SECRET", "SIGNING_SECRET")
_NEVER: Final = (*environment.API_KEY, "OUTWORX_TOKEN_SECRET")
_NEVER_BEGINS: Final = "OUTWORX_SERVE_"


def may_use(*, of_a_server: bool) -> Callable[[str, bool], bool]:
    """Returns what judges a variable.

    Args:
        of_a_server: whether the environment is that of a server that others reach, and not an agent's own.
    """

    def judged(name: str, is_sent: bool) -> bool:
        if name in _NEVER or name.startswith(_NEVER_BEGINS):
            return False
        return _is_of_webhooks(name) or not (of_a_server or is_sent)

    return judged


def sends_the_secret(scheme: SignatureScheme) -> bool:
    """Whether a provider sends its secret itself, rather than a signature by it."""
    rows = (scheme, *(other for _, other in scheme.alternatives))
    return any(row.algorithm == "token" for row in rows)


def _is_of_webhooks(name: str) -> bool:
    return name.startswith(SECRET_PREFIX) or name.endswith(_USUAL) or name in _configured()


def _configured() -> set[str]:
    try:
        endpoints = read_configuration().endpoints
    except OutworxError:
        return set()
    named: set[str] = set()
    for endpoint in endpoints:
        given = endpoint.options.signature_secret_env
        named |= {given} if isinstance(given, str) else set(given or ())
    return named
