"""A web application whose handler leaves the work to RQ; a worker that begins with `-c shop_rq` is set up by it."""

from __future__ import annotations

import os
import sys

import flask
import redis
import rq

import outworx_otel

outworx_otel.init(endpoints={"/webhooks/shop": outworx_otel.TrackOptions("shop")})
outworx_otel.instrument()

REDIS_URL = os.environ["JOBS_URL"]
site = flask.Flask("shop")


def charge() -> None:
    """Leaves its mark to the integration."""


def charge_in_vain() -> None:
    raise ValueError("declined")


def charge_at_second_try() -> None:
    if rq.get_current_job().retries_left == 2:
        raise ValueError("not yet")


def charge_and_ask_for_another_try() -> rq.Retry | None:
    return None if rq.get_current_job().number_of_retries else rq.Retry(max=1)


@site.post("/webhooks/shop")
def receive() -> str:
    job = flask.request.args["job"]
    flask.g.outworx_track.defer()
    retry = rq.Retry(max=2) if job == "charge_at_second_try" else None
    rq.Queue(connection=redis.Redis.from_url(REDIS_URL)).enqueue(f"shop_rq.{job}", retry=retry)
    return "later"


if __name__ == "__main__":
    for job in sys.argv[1:]:
        assert site.test_client().post(f"/webhooks/shop?job={job}", json={}).status_code == 200
