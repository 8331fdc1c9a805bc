"""A FastAPI application whose webhook handlers say what they saw."""

import hashlib
import os

from fastapi import APIRouter, FastAPI, Form, Request, UploadFile

NATIVE_TRACING = os.environ.get("SITE_NATIVE_TRACING", "true") == "true"

app = FastAPI(telemetry={"tracing": NATIVE_TRACING, "metrics": NATIVE_TRACING})
router = APIRouter(prefix="/webhooks")


def seen(body: bytes) -> dict[str, object]:
    return {"pid": os.getpid(), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@router.post("/github")
async def github(request: Request) -> dict[str, object]:
    return seen(await request.body())


@router.post("/upload")
async def upload(report: UploadFile, title: str = Form()) -> dict[str, object]:
    return {**seen(await report.read()), "title": title, "filename": report.filename}


@app.post("/plain")
@app.post("/broken")
async def plain(request: Request) -> dict[str, object]:
    return seen(await request.body())


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


app.include_router(router)
