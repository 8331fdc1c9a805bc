"""A Starlette application with a mounted part, whose webhook handlers say what they saw."""

import hashlib
import os

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route


class GitHub(HTTPEndpoint):
    async def post(self, request: Request) -> JSONResponse:
        body = await request.body()
        return JSONResponse(
            {"pid": os.getpid(), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
        )


def healthz(request: Request) -> JSONResponse:
    return JSONResponse({"pid": os.getpid()})


app = Starlette(
    routes=[
        Mount("/webhooks", routes=[Route("/github", GitHub)]),
        Route("/healthz", healthz),
    ]
)
