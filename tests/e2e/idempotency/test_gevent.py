"""gunicorn's gevent worker replaces threads and locks after the fork: no store may wait with those from before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.deployment import gunicorn
from support.scale import rows, scaled
from support.sender import SENDERS

from .conftest import PATIENT, StartSite, UrlOf
from .seen import runs
from .sending import Answer, deliver

DELIVERIES = scaled(200, 40)
STORES = ("sqlite", "redis", "postgresql")
# Whether the store was asked before the fork, and who switched us on.
WAYS = {
    "asked before the fork": {"SITE_ASKS": "1"},
    "asked first by a delivery": {},
}
ALL = [(store, way, loader) for store in STORES for way in WAYS for loader in ("in code", "zero code")]
FIRST = [
    ("sqlite", "asked before the fork", "in code"),
    ("redis", "asked before the fork", "in code"),
]


@pytest.mark.parametrize(("store", "way", "loader"), rows(FIRST, [row for row in ALL if row not in FIRST]))
def test_under_gevent_with_preload_every_delivery_is_answered(
    store: str, way: str, loader: str, start_site: StartSite, url_of: UrlOf
) -> None:
    deployment = gunicorn("claiming_flask:app", "-k", "gevent", "--preload")
    if loader == "in code":
        deployment = deployment.bare()
    none = dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "none")
    site = start_site(deployment, url_of(store), SITE_BUDGET=PATIENT, **WAYS[way], **none)

    def send(number: int) -> list[Answer]:
        # A handler that waits lets other greenlets run; each second delivery comes again.
        plan = {"sleeps": 0.01 * (number % 3)}
        return [deliver(site.url(), f"g-{number}", **plan) for _ in range(1 + number % 2)]

    with ThreadPoolExecutor(SENDERS) as pool:
        answers = [answer for some in pool.map(send, range(DELIVERIES)) for answer in some]
    assert {answer.status for answer in answers} == {200}
    assert sum(answer.is_replay for answer in answers) == DELIVERIES // 2
    assert set(runs(site.witness, "g-").values()) == {1}
