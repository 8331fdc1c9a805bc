"""The one table of what can be done: by a JSON call of the server, by a command, by a coding agent's tool.

Of it are made the description of the calls and the names that they take, the lines of `outworx --help`, the options
that choose deliveries, and the tools of `outworx mcp` with their schemas; a test holds the rest against it. What is
new is a row here, or a way more in one.
"""

from __future__ import annotations

from typing import Final

from outworx_otel.server.capability import (
    CALL,
    COMMAND,
    DEFAULT_LIMIT,
    MAX_CURSOR,
    MAX_LIMIT,
    MAX_WHOLE,
    TOOL,
    Capability,
    Parameter,
)
from outworx_otel.server.fields import FIELDS
from outworx_otel.server.problems.problem import STATES
from outworx_otel.server.purposes import Purpose
from outworx_otel.telemetry.outcomes import OUTCOMES

_TIME: Final = "2026-11-07T16:18:42Z (UTC without an offset), Unix seconds, or so long ago:"
_UNVERIFIED: Final = "What ran without its signature being looked at."
_UNHANDLED: Final = Parameter(
    "unhandled",
    "Only deliveries whose event went wrong and was not handled since. A page may then have few of them, or none, and"
    " yet a `next_cursor`.",
    "flag",
    default=False,
)
FILTERS: Final = (
    *(
        Parameter(
            field.name,
            f"{field.says} Repeated, any of its values will do.",
            "texts",
            OUTCOMES if field.name == "outcome" else (),
        )
        for field in FIELDS
        if field.filtered
    ),
    # The call wants a minus, which a shell's user would have to quote nowhere else.
    Parameter("since", f"From then on: {_TIME} -24h, -7d.", ways=CALL),
    Parameter("until", f"Until before then: {_TIME} -24h, -7d.", ways=CALL),
    Parameter("since", f"From then on: {_TIME} 3h, 7d.", ways=COMMAND | TOOL),
    Parameter("until", f"Until before then: {_TIME} 3h, 7d.", ways=COMMAND | TOOL),
    Parameter("problem", "The number of the problem that they belong to.", "whole", least=1, most=MAX_WHOLE),
    # A form's box sends `true` or nothing.
    Parameter("unverified", _UNVERIFIED, choices=("true",), ways=CALL),
    Parameter("unverified", _UNVERIFIED, "flag", ways=COMMAND | TOOL),
    Parameter(
        "q",
        "A delivery's id or its beginning, an event id, a trace id or an idempotency key's hash; else a part of an"
        " event type, a route, or of a path, an exception's type or the reason of what did not go well. For a text so"
        " many deliveries are looked through at once: a page may hold few or none and still have a `next_cursor`.",
        ways=CALL | TOOL,
    ),
    Parameter("q", "With it in their event type, path, ids, error or body.", option="--search", ways=COMMAND),
)
"""Which deliveries."""

_PAGE: Final = (
    Parameter(
        "limit", "How many at most.", "whole", least=1, most=MAX_LIMIT, default=DEFAULT_LIMIT, ways=CALL
    ),
    # An agent reads all that it is given.
    Parameter("limit", "How many at most.", "whole", least=1, most=50, default=20, ways=TOOL),
    Parameter("cursor", "`next_cursor` of the page before, unchanged.", most=MAX_CURSOR, ways=CALL | TOOL),
)
_ID: Final = Parameter("id", "The delivery's id.", least=1, most=200, required=True, option="identity")
_NUMBER: Final = Parameter(
    "id", "The problem's number.", "whole", least=1, most=MAX_WHOLE, required=True, option="number"
)
_TO: Final = Parameter(
    "to",
    "Where to: 8000/webhooks/stripe, or http://localhost:8000/webhooks/stripe. A tool reaches this machine alone.",
    required=True,
    ways=COMMAND | TOOL,
)
_SECRET: Final = Parameter(
    "secret_env",
    "The environment variable that holds the secret; never the secret itself. Left out: the one that outworx.toml"
    " names for the endpoint, else OUTWORX_SECRET_<PROVIDER>.",
    most=128,
    ways=COMMAND | TOOL,
)

READING: Final = (
    Capability(
        "list_problems",
        "List problems, those first that came last",
        call="GET /api/problems",
        command="problems",
        tool="Start here: a problem is what goes wrong in one way at one place, with how often and since when.",
        purpose=Purpose.READ,
        parameters=(
            Parameter("state", "Only those in this state.", choices=STATES),
            Parameter("service", "Only those of this service."),
            Parameter("provider", "Only those of this provider."),
            *_PAGE,
            Parameter(
                "limit", "So many at most.", "whole", least=1, most=MAX_LIMIT, default=20, ways=COMMAND
            ),
        ),
    ),
    Capability(
        "explain_problem",
        "Say all of one problem",
        call="GET /api/problems/{id}",
        command="problems",
        tool="What happens, since when, how often, where in the application, and what to do. Of its last delivery,"
        " explain_delivery says the details.",
        purpose=Purpose.READ,
        parameters=(_NUMBER,),
    ),
    Capability(
        "list_deliveries",
        "List the newest deliveries, and why each ended so",
        call="GET /api/deliveries",
        command="list",
        tool="Filter them, such as by outcome and since, rather than read them all.",
        purpose=Purpose.READ,
        parameters=(
            *FILTERS,
            _UNHANDLED._replace(ways=CALL | TOOL),
            *_PAGE,
            Parameter("limit", "So many at most.", "whole", least=1, most=10_000, default=20, ways=COMMAND),
        ),
    ),
    Capability(
        "explain_delivery",
        "Say everything of one delivery",
        call="GET /api/deliveries/{id}",
        command="show",
        tool="The verdict and its reason, the place in the application, what to do; what was sent, as quoted data.",
        purpose=Purpose.READ,
        parameters=(_ID,),
    ),
    Capability(
        "follow_deliveries",
        "Show deliveries as they arrive, until Ctrl+C",
        command="tail",
        purpose=Purpose.READ,
        parameters=tuple(one for one in FILTERS if one.name not in ("since", "until")),
    ),
    Capability(
        "overview",
        "Say how every endpoint does",
        call="GET /api/overview",
        purpose=Purpose.READ,
        parameters=(
            Parameter(
                "range",
                "How far back, such as `24h`, `30m` or `7d`.",
                default="24h",
                pattern="^[1-9][0-9]{0,4}[smhdw]$",
            ),
            Parameter("service", "Only this service."),
        ),
    ),
    Capability(
        "list_alerts",
        "List alerts, those first that changed last",
        call="GET /api/alerts",
        purpose=Purpose.READ,
        parameters=(
            Parameter("state", "Only those that go on, or are over.", choices=("raised", "ended"), ways=CALL),
            *(one for one in _PAGE if "call" in one.ways),
        ),
    ),
)
CHANGING: Final = (
    Capability(
        "change_problem",
        "Set a problem's state",
        call="POST /api/problems/{id}",
        command="problems",
        purpose=Purpose.ADMIN,
        parameters=(
            _NUMBER,
            Parameter("state", "What it is from now on.", choices=STATES, option="--set", ways=COMMAND),
        ),
    ),
    Capability(
        "remove_deliveries",
        "Remove the deliveries of an event, or all before a time, everywhere they are kept",
        call="DELETE /api/deliveries",
        command="purge",
        purpose=Purpose.ADMIN,
        parameters=(
            Parameter("event_id", "The event; either this or `before`.", least=1, most=512),
            Parameter("provider", "Whose event; without it, any provider's.", least=1, most=512),
            Parameter("before", "A time as in `since`.", least=1, most=512),
            Parameter("dry_run", "Counts, and removes nothing.", choices=("true", "false"), ways=CALL),
            Parameter("dry_run", "Counts, and removes nothing.", "flag", ways=COMMAND),
        ),
    ),
    Capability(
        "remove_delivery",
        "Remove one delivery, everywhere it is kept",
        call="DELETE /api/deliveries/{id}",
        purpose=Purpose.ADMIN,
        parameters=(_ID,),
    ),
    Capability(
        "replay",
        "Send a delivery once more, signed anew",
        command="replay",
        tool="To an application on this machine. The event is the same, so an endpoint with idempotency may answer"
        " without running its handler. With `dry_run` nothing is sent.",
        purpose=Purpose.ADMIN,
        parameters=(
            _ID._replace(option="what", ways=COMMAND | TOOL),
            _TO,
            _SECRET,
            *(one._replace(ways=COMMAND) for one in FILTERS if "command" in one.ways),
            _UNHANDLED._replace(ways=COMMAND),
            Parameter("limit", "Events at most.", "whole", least=1, most=1000, default=100, ways=COMMAND),
            Parameter(
                "dry_run",
                "Say whether it can be sent, and how it would be signed; send nothing.",
                "flag",
                default=False,
                ways=COMMAND | TOOL,
            ),
        ),
    ),
)
ON_THIS_MACHINE: Final = (
    Capability(
        "trigger",
        "Send an application a webhook as the provider would, correctly signed",
        command="trigger",
        tool="To an application on this machine; every send is a new event. list_providers names the events.",
        purpose=Purpose.ADMIN,
        parameters=(
            Parameter("provider", "stripe, github, ...", most=128, required=True, option="provider"),
            Parameter("event", "charge.succeeded, push, ...", most=256, option="event"),
            _TO,
            _SECRET,
            Parameter(
                "changes",
                "Changes of the payload, each PATH=VALUE: data.object.amount=5. The value is JSON, else text.",
                "texts",
                option="--set",
            ),
            Parameter("duplicate", "Send the event twice, as a retry would.", "flag", default=False),
            Parameter(
                "bad_signature",
                "A reason to be rejected for, such as hmac_mismatch or timestamp_drift: whether it is, is the test.",
                most=64,
            ),
        ),
    ),
    Capability(
        "list_providers",
        "List the providers, and what each signs, needs and can send",
        command="trigger",
        tool="Without `provider`, their names; with it, how it signs, what it needs, and its sample events.",
        parameters=(
            Parameter("provider", "One provider's name.", most=128, option="provider"),
            Parameter("search", "A part of their names.", most=128, ways=TOOL),
        ),
    ),
    Capability(
        "verify_signature",
        "Say whether a delivery's signature is right, and if not, why not",
        command="verify",
        tool="Nothing is sent anywhere. The body must be exact to the byte: `body_base64` where it is no plain text.",
        parameters=(
            Parameter("provider", "Who is to have sent it. Left out: seen by its headers.", most=128),
            Parameter(
                "headers",
                "Headers of the delivery, each `Name: value`.",
                "texts",
                most=16_384,
                option="--header",
            ),
            Parameter("body", "The body, as text.", most=256 * 1024),
            Parameter("body_base64", "The body, in base64.", most=384 * 1024, ways=TOOL),
            _SECRET,
            Parameter("url", "The URL that the provider called, for schemes that sign it.", most=8192),
            Parameter("method", "The method, for schemes that sign it.", most=32),
            Parameter("now", "Judge it at this moment: Unix seconds, ISO 8601, or 'now'.", most=64),
            Parameter(
                "tolerance", "Seconds that it may be away. Left out: the provider's own.", "number", least=0
            ),
        ),
    ),
    Capability(
        "describe_endpoint",
        "Say which endpoints are configured here, and what is wrong with them",
        command="endpoints",
        tool="And, where a server is there, how they do: deliveries, success rate, streak, last good, silence.",
        purpose=Purpose.READ,
        parameters=(
            Parameter("path", "One endpoint's path or route. Left out: all of them.", ways=TOOL),
            Parameter("provider", "Only this provider's.", most=128, ways=TOOL),
            Parameter("service", "Only this service's.", ways=TOOL),
            Parameter(
                "range",
                "How far back: 30m, 24h, 7d.",
                default="24h",
                pattern="^[1-9][0-9]{0,4}[smhdw]$",
                ways=TOOL,
            ),
        ),
    ),
    Capability("mcp", "Give coding agents these tools, over standard input and output", command="mcp"),
    Capability("forward", "Open a tunnel from a public URL to a server on this machine", command="forward"),
    Capability(
        "serve",
        "See every delivery on your own machine: ingest, store, dashboard and tunnel in one process",
        command="serve",
    ),
    Capability(
        "dev",
        "Run an application and see its deliveries: server, environment and command at once",
        command="dev",
    ),
    Capability("doctor", "Examine the set-up of an application, and say what to do", command="doctor"),
    Capability(
        "migrate",
        "Rewrite an application that uses outworx-hooks so that it uses this package",
        command="migrate",
    ),
    Capability("try_channels", "Send a test message to every channel of alerts", command="alerts test"),
)
OF_THE_SERVER: Final = (
    Capability("describe_key", "Say what the key that asks may do", call="GET /api/key"),
    Capability("describe", "Give this description", call="GET /api/openapi.json", purpose=Purpose.READ),
    Capability("health", "Say whether the server and its database work", call="GET /healthz"),
)

CAPABILITIES: Final = (*READING, *CHANGING, *ON_THIS_MACHINE, *OF_THE_SERVER)
BY_NAME: Final = {capability.name: capability for capability in CAPABILITIES}
TOOLS: Final = tuple(capability for capability in CAPABILITIES if capability.tool)
"""What coding agents are given."""


def line_of(command: str) -> str:
    """What a command does, in a line: that of the first row that has it."""
    return next(one.says for one in CAPABILITIES if one.command == command)
