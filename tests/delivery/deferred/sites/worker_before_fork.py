"""An RQ worker of one's own, set up before it forks."""

from __future__ import annotations

import os

import redis
import rq
import shop_jobs  # noqa: F401  # what it sets up is there in every child

connection = redis.Redis.from_url(os.environ["JOBS_URL"])
rq.Worker([rq.Queue(connection=connection)], connection=connection).work(burst=True)
