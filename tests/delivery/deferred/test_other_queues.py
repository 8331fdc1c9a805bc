"""The snippets of docs/silent-drops.md for dramatiq and huey, each with its real worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from integrations.conftest import Telemetry

import outworx_otel

from .delivering import Monitor, handed_on, process


def with_dramatiq(token: str) -> None:
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()

    def charge(token: str, order: int) -> None:
        with outworx_otel.resume(token) as track:
            track.processed({"order": order})

    actor: Any = dramatiq.actor(broker=broker)(charge)
    worker = dramatiq.Worker(broker, worker_timeout=50)
    worker.start()
    try:
        actor.send(token, 7)
        broker.join(actor.queue_name)
        worker.join()
    finally:
        worker.stop()


def with_huey(token: str) -> None:
    from huey import MemoryHuey

    huey = MemoryHuey()

    def charge(token: str, order: int) -> int:
        with outworx_otel.resume(token) as track:
            track.processed({"order": order})
        return order

    task: Any = huey.task()(charge)
    consumer = huey.create_consumer(workers=1, periodic=False, initial_delay=0.05, check_worker_health=False)
    consumer.start()
    try:
        assert task(token, 7).get(blocking=True, timeout=30) == 7
    finally:
        consumer.stop(graceful=True)


@pytest.mark.parametrize("work", [with_dramatiq, with_huey])
def test_a_worker_that_resumes_the_token_ends_the_process_span(
    work: Callable[[str], None], secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    work(handed_on(monitor))
    attributes = process(telemetry).attributes or {}
    assert attributes["outworx.webhook.processing.status"] == "completed"
    assert attributes["outworx.webhook.metadata.order"] == 7
