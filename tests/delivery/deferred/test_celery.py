"""A real Celery worker on a real Redis, whose children end after one task each."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from support.receiver import Receiver

from .test_rq import redis_server  # noqa: F401  # a fixture
from .workers import Arrived, arrived, environment, run_to_its_end

# Each task, with the status and the error's type of its `process` span.
TASKS: dict[str, tuple[str | None, str | None]] = {
    "charge": ("completed", None),
    "charge_unmarked": ("completed", None),
    "charge_in_vain": (None, "shop_celery.CardDeclined"),
    "charge_at_second_try": ("completed", None),
    "charge_until_given_up": (None, "shop_celery.CardDeclined"),
    "charge_nobody": ("ignored", None),
    "charge_rejected": ("failed", None),
    "charge_by_hand": ("completed", None),
}


def test_the_end_of_each_task_ends_the_process_span_once(
    redis_server: Any,  # noqa: F811
    receiver: Receiver,
    tmp_path: Path,
) -> None:
    environ = environment(receiver, JOBS_URL=redis_server.url)
    run_to_its_end(["-m", "shop_celery", *TASKS, "undeferred"], tmp_path, environ)
    deliveries = arrived(receiver, "webhook shop", len(TASKS) + 1)
    command = [sys.executable, "-m", "celery", "-A", "shop_celery", "worker", "-c", "2", "-P", "prefork"]
    more = ["--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO"]
    log = tmp_path / "log"
    with log.open("wb") as out:
        worker = subprocess.Popen(  # noqa: S603  # ours
            [*command, *more], cwd=tmp_path, env=environ, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        arrived(receiver, "process", len(TASKS), 60)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    # Whatever came while the worker ended: no attempt that was followed by another, no task that nobody deferred.
    spans = arrived(receiver, "process", len(TASKS))
    by_link: dict[Any, Arrived] = {span.links[0]: span for span in spans}
    told = {}
    # They were sent one after the other.
    deliveries = sorted(deliveries, key=lambda span: span.began)
    for task, delivery in zip(TASKS, deliveries[:-1], strict=True):
        assert delivery.identity in by_link, (task, log.read_text())
        span = by_link[delivery.identity]
        told[task] = (span.said("processing.status"), span.said("error.type"))
        if task == "charge":
            assert span.said("metadata.order") == 7
    assert told == TASKS, log.read_text()
    assert deliveries[-1].identity not in by_link
