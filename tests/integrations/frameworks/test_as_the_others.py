"""What holds for FastAPI, Flask and Django holds for aiohttp and Litestar: the same tests, one adapter on."""

from __future__ import annotations

import inspect
from typing import Any, Final

import integrations.test_bodies
import integrations.test_capture
import integrations.test_exceptions
import integrations.test_faults
import integrations.test_forms
import integrations.test_handshakes
import integrations.test_idempotency
import integrations.test_marks
import integrations.test_nothing_leaks
import integrations.test_parentage
import integrations.test_selection
import integrations.test_signatures
import integrations.test_telemetry

MODULES: Final = (
    integrations.test_bodies,
    integrations.test_capture,
    integrations.test_exceptions,
    integrations.test_faults,
    integrations.test_forms,
    integrations.test_handshakes,
    integrations.test_idempotency,
    integrations.test_marks,
    integrations.test_nothing_leaks,
    integrations.test_parentage,
    integrations.test_selection,
    integrations.test_signatures,
    integrations.test_telemetry,
)
ELSEWHERE: Final = {
    "test_an_exception_passes_through_unchanged": "Litestar answers 500 by itself, whatever the server",
    "test_a_handler_that_raises_what_cannot_be_shown_is_reported": "likewise",
    "test_an_endpoint_whose_secret_is_missing_turns_deliveries_away": "switches three others on by name",
    "test_a_strangers_130_headers_do_not_push_out_the_verdict": "aiohttp takes no more than 128",
}


def _tests() -> dict[str, Any]:
    return {
        name: test
        for module in MODULES
        for name, test in vars(module).items()
        if name.startswith("test_")
        and name not in ELSEWHERE
        and {"framework", "each"} & set(inspect.signature(test).parameters)
    }


globals().update(_tests())
