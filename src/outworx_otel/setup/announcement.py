"""The line that says what was found at start, so that silence never means "not verified"."""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from outworx_otel.process import environment
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.enforcement import reports_only
from outworx_otel.setup.exclusions import excluded_urls
from outworx_otel.setup.pipeline import is_made_here
from outworx_otel.telemetry.foreign import is_placeholder

if TYPE_CHECKING:
    from outworx_otel.export import Destination

EXCLUDED_URLS: Final = "OTEL_PYTHON_OUTWORX_EXCLUDED_URLS"
_SHOWN_PATHS: Final = 5
_OFF: Final = ("0", "false", "no", "off")


def announcement(
    file: str | None,
    endpoints: Mapping[str, Endpoint],
    destination: Destination | None,
    provider: Any,
    mounted: str | None = None,
) -> str:
    """The line.

    Args:
        file: where the configuration stands, if there is a file.
        endpoints: what is configured by path.
        destination: where `init()` sends spans; None where it was not called.
        provider: the tracer provider in use.
        mounted: what adapters that were mounted by hand guard, from `described`.
    """
    opened = opened_paths(endpoints)
    open_ones = [pattern for pattern, endpoint in endpoints.items() if not endpoint.verifies]
    closed = [
        pattern
        for pattern, endpoint in endpoints.items()
        if endpoint.problem is not None and pattern not in opened
    ]
    verified = len(endpoints) - len(open_ones) - len(closed) - len(opened)
    parts = [
        f"configuration {file}" if file is not None else "no configuration file",
        f"{len(endpoints)} {'endpoint' if len(endpoints) == 1 else 'endpoints'} by path"
        + (f", {verified} verified" if endpoints else "")
        + _listed("NOT VERIFIED", open_ones)
        + _listed(f"OPENED by {EXCLUDED_URLS}", opened)
        + _listed("closed until their configuration is put right", closed),
        *([] if mounted is None else [mounted]),
        f"spans go to {_destination(destination, provider)}",
    ]
    partly = partly_opened_paths(endpoints)
    if partly:
        parts.append(f"{EXCLUDED_URLS}={os.environ[EXCLUDED_URLS]} may open a part of {', '.join(partly)}")
    if reports_only():
        parts.append("nobody is refused (OUTWORX_ENFORCE=report)")
    return f"outworx: {'; '.join(parts)}"


def described(by: str, endpoints: Mapping[str, Endpoint]) -> str:
    """What is guarded where, in code: `stripe at /webhooks/stripe verified (OutworxHooksMiddleware)`.

    Args:
        by: what guards it.
        endpoints: by the place.
    """
    told = [
        f"{endpoint.options.provider} {place} {_state(endpoint)}" for place, endpoint in endpoints.items()
    ]
    more = f" and {len(told) - _SHOWN_PATHS} more" if len(told) > _SHOWN_PATHS else ""
    return f"{', '.join(told[:_SHOWN_PATHS])}{more} ({by})"


def _state(endpoint: Endpoint) -> str:
    if endpoint.problem is not None:
        return "closed until its configuration is put right"
    return "verified" if endpoint.verifies else "NOT VERIFIED"


def places(endpoint: Endpoint) -> str:
    """Where an adapter's endpoint is, in words."""
    paths = endpoint.options.paths
    if paths is None:
        return "at every path"
    more = f" and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
    return f"at {', '.join(paths[:_SHOWN_PATHS])}{more}"


def opened_paths(endpoints: Mapping[str, Endpoint]) -> list[str]:
    """The paths that are to be verified and that `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` opens."""
    return [pattern for pattern in _verifying(endpoints) if _is_excluded(pattern)]


def partly_opened_paths(endpoints: Mapping[str, Endpoint]) -> list[str]:
    """The patterns below which it may open paths: which ones, only a request tells."""
    if not os.environ.get(EXCLUDED_URLS):
        return []
    patterns = (pattern for pattern in _verifying(endpoints) if any(sign in pattern for sign in "*{<"))
    return [pattern for pattern in patterns if not _is_excluded(pattern)]


def _verifying(endpoints: Mapping[str, Endpoint]) -> list[str]:
    return [pattern for pattern, endpoint in endpoints.items() if endpoint.verifies]


def _is_excluded(path: str) -> bool:
    try:
        excluded = excluded_urls(os.environ.get(EXCLUDED_URLS, ""))
    except re.error:  # the door says so, and excludes nothing
        return False
    # With a slash at its end and without, a path is the same endpoint.
    return any(
        excluded.url_disabled(spelling) for spelling in (path, path.rstrip("/"), f"{path.rstrip('/')}/")
    )


def announce(line: str) -> None:
    """Says the line at INFO; where the logging set-up hides that, on standard error, unless that is not wanted."""
    if _is_shown(logging.INFO):
        logger.info("%s", line)
    elif (environment.text(*environment.QUIET) or "off").lower() in _OFF and sys.stderr is not None:
        print(line, file=sys.stderr)


def describe(endpoints: Mapping[str, Endpoint], store: object, destination: Destination | None) -> None:
    """With `debug`: one line per endpoint, one for the store, and one for where spans go."""
    for pattern, endpoint in endpoints.items():
        options = endpoint.options
        logger.info(
            "outworx: endpoint %s: provider=%s from=%s signature=%s idempotency=%s",
            pattern,
            options.provider,
            endpoint.source,
            _verification(endpoint),
            "on" if options.idempotency_key else "off",
        )
    logger.info("outworx: idempotency keys in %s", store)
    if destination is not None:
        logger.info("outworx: exporting to %s (%s)", destination.endpoint, destination.protocol)
    else:
        chosen = os.environ.get("OTEL_TRACES_EXPORTER") or "as the application's TracerProvider does"
        logger.info("outworx: exporting spans: %s", chosen)


def show_log() -> None:
    """Lets INFO through, also where the application has set up no logging."""
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))
        logger.addHandler(handler)


class NamesUs(logging.Filter):
    """Puts `outworx` before a message where nobody has set up logging, and so nothing else names the logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Lets every record through."""
        if not logger.hasHandlers() and not record.getMessage().startswith("outworx"):
            record.msg = f"outworx: {record.msg}"
        return True


logger.addFilter(NamesUs())


def _verification(endpoint: Endpoint) -> str:
    options = endpoint.options
    if endpoint.problem is not None:
        return "CLOSED"
    if options.signature_secret_file is not None:
        return f"secret in {options.signature_secret_file}"
    if callable(options.signature_secret):
        return "secret by function"
    if endpoint.secrets:
        return "secret set"
    return "custom" if endpoint.verifies else "not verified"


def _listed(what: str, paths: list[str]) -> str:
    if not paths:
        return ""
    more = f" and {len(paths) - _SHOWN_PATHS} more" if len(paths) > _SHOWN_PATHS else ""
    return f", {len(paths)} {what} ({', '.join(paths[:_SHOWN_PATHS])}{more})"


def _destination(destination: Destination | None, provider: Any) -> str:
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.export import Destination as Named

    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if destination is None and "outworx" in names:
        try:
            destination = Named.from_environment()
        except ConfigurationError:
            return "nobody, for the exporter cannot be used"
    if destination is not None and not destination.standard:
        return destination.endpoint
    if destination is not None and is_made_here(provider) and not names:
        return destination.endpoint
    if os.environ.get("OTEL_CONFIG_FILE"):
        return "where OTEL_CONFIG_FILE says"
    if names:
        return f"the exporters {', '.join(names)}" if names != ["none"] else "no exporter"
    if is_placeholder(provider):
        return "nobody, for no OpenTelemetry SDK is configured"
    return "the exporters of the application's tracer provider"


def _is_shown(level: int) -> bool:
    """Whether a handler would show a record of this level: without any, Python shows warnings alone."""
    if not logger.isEnabledFor(level):
        return False
    source: logging.Logger | None = logger
    while source is not None:
        for handler in source.handlers:
            if handler.level <= level and not isinstance(handler, logging.NullHandler):
                return True
        source = source.parent if source.propagate else None
    return False
