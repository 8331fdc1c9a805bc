"""A web application whose handler leaves the work to Celery; the same module is what the worker runs."""

from __future__ import annotations

import os
import sys

import flask
from celery import Celery
from celery.exceptions import Ignore, Reject

import outworx_otel
from outworx_otel.delivery import _deferred

outworx_otel.init(endpoints={"/webhooks/shop": outworx_otel.TrackOptions("shop")})
outworx_otel.instrument()
# As in a child that has been there for more than a minute: nothing is sent before a task returns.
_deferred.began = lambda: (-3600.0, True)

app = Celery("shop_celery", broker=os.environ["JOBS_URL"])
app.conf.update(worker_max_tasks_per_child=1, broker_connection_retry_on_startup=False)


class CardDeclined(Exception):
    """The task's own."""


@app.task
def charge(order: int) -> None:
    outworx_otel.current_track().processed({"order": order})


@app.task
def charge_unmarked(order: int) -> int:
    return order


@app.task
def charge_in_vain(order: int) -> None:
    raise CardDeclined(f"card {order} was declined")


@app.task(bind=True, max_retries=2)
def charge_at_second_try(task, order: int) -> None:
    if task.request.retries == 0:
        raise task.retry(exc=CardDeclined("not yet"), countdown=0)


@app.task(bind=True, max_retries=1)
def charge_until_given_up(task, order: int) -> None:
    raise task.retry(exc=CardDeclined("never"), countdown=0)


@app.task
def charge_nobody(order: int) -> None:
    raise Ignore


@app.task(acks_late=True)
def charge_rejected(order: int) -> None:
    raise Reject("no", requeue=False)


@app.task
def charge_by_hand(token: str) -> None:
    with outworx_otel.resume(token) as track:
        track.processed({"by": "hand"})


site = flask.Flask("shop")


@site.post("/webhooks/shop")
def receive() -> str:
    task, track = flask.request.args["task"], flask.g.outworx_track
    if task == "charge_by_hand":
        charge_by_hand.delay(track.token())
        return "by hand"
    if task != "undeferred":
        track.defer()
    app.send_task(f"shop_celery.{task.replace('undeferred', 'charge_unmarked')}", (7,))
    return "later"


if __name__ == "__main__":
    for task in sys.argv[1:]:
        answer = site.test_client().post(f"/webhooks/shop?task={task}", json={"id": f"evt_{task}"})
        assert answer.status_code == 200
