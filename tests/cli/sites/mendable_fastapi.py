"""A FastAPI application that fails until there is a file `mended` in its folder."""

from pathlib import Path

from fastapi import FastAPI

app = FastAPI()


@app.post("/hooks/{provider}")
def hook(provider: str) -> dict[str, bool]:
    if not Path("mended").exists():
        raise RuntimeError("the bank is closed")
    return {"ok": True}


@app.get("/healthz")
def healthz() -> dict[str, bool]:
    return {"ok": True}
