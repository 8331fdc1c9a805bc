"""What is configured as a secret where that is more than one thing: a small JSON object."""

from __future__ import annotations

import json

from outworx_otel.errors import ConfigurationError


def read_settings(secret: str, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> dict[str, str]:
    """The settings in a JSON object; `clientId` counts as `client_id`, and `env` as `environment`.

    Raises:
        ConfigurationError: It is no such object, lacks something, or has something unknown.
    """
    form = json.dumps(dict.fromkeys((*needed, *optional), "..."))
    try:
        given = json.loads(secret)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict) or not all(
        isinstance(value, str) and value.strip() for value in given.values()
    ):
        raise ConfigurationError(f"the secret must be JSON such as {form}")
    names = {_folded(name): name for name in (*needed, *optional)}
    found = {}
    for name, value in given.items():
        known = names.get(_folded(name))
        if known is None:
            raise ConfigurationError(
                f"the secret has {name[:40]!r}, which is not known; it must be JSON such as {form}"
            )
        found[known] = value.strip()
    missing = [name for name in needed if name not in found]
    if missing:
        raise ConfigurationError(f"the secret lacks {' and '.join(missing)}; it must be JSON such as {form}")
    return found


def _folded(name: str) -> str:
    folded = name.replace("_", "").lower()
    return "environment" if folded == "env" else folded
