"""Sends deliveries to one of the example applications, and prints what was captured: `drive.py fastapi_app`."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples" / "silent_drops"

PAID = {"type": "charge.succeeded", "data": {"object": {"id": "ch_1", "amount": 4200}}}
DECLINED = {"type": "charge.succeeded", "data": {"object": {"id": "ch_2", "amount": 42_000}}}
OTHER = {"type": "charge.expired", "data": {"object": {"id": "ch_3", "amount": 4200}}}
DISCOUNTED = {
    "type": "charge.succeeded",
    "data": {"object": {"id": "ch_4", "amount": 4200, "discount": "none"}},
}
BODIES = {
    "early-return": [OTHER],
    "swallowed-exception": [DECLINED],
    "missing-await": [PAID],
    "helper": [OTHER],
    "never-marked": [PAID],
    "correct": [PAID, DECLINED, DISCOUNTED],
}


def main(name: str) -> None:
    """Prints a line of JSON for each delivery."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(EXAMPLES))
    from outworx_otel.testing import capture, post_webhook

    client = _client(name, importlib.import_module(name))
    with capture() as webhooks:
        for kind in ("async", "sync", "class"):
            for bug, bodies in BODIES.items():
                for body in bodies:
                    post_webhook(client, f"/{kind}/{bug}", "stripe", body)
    for delivery in webhooks:
        shown: dict[str, Any] = {
            field.name: getattr(delivery, field.name)
            for field in dataclasses.fields(delivery)
            if field.name != "span"
        }
        shown["others"] = [dict(event.attributes or {}) for event in delivery.span.events]
        print(json.dumps(shown))


def _client(name: str, module: Any) -> Any:
    if name == "django_app":
        from django.test import Client

        return Client()
    if name == "flask_app":
        return module.app.test_client()
    from fastapi.testclient import TestClient

    return TestClient(module.app)


if __name__ == "__main__":
    main(sys.argv[1])
