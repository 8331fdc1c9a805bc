"""The sites with everything in code: `init()` and `instrument()`, then the application. `SITE` says which."""

import importlib
import os

import outworx_otel

outworx_otel.init(idempotency_store=os.environ.get("SITE_STORE"))
outworx_otel.instrument()
module, name = os.environ["SITE"].split(":")
app = getattr(importlib.import_module(module), name)
