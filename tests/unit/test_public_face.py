"""What `import outworx_otel` gives, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

import outworx_otel


def test_every_public_name_is_there() -> None:
    for name in outworx_otel.__all__:
        assert getattr(outworx_otel, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tracks'"):
        outworx_otel.tracks  # noqa: B018


def test_importing_brings_neither_the_sdk_nor_a_framework_nor_an_http_client() -> None:
    heavy = (
        "opentelemetry.sdk",
        "requests",
        "grpc",
        "fastapi",
        "flask",
        "django",
        "starlette",
        "sqlalchemy",
        "redis",
    )
    script = f"import sys, outworx_otel; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run(  # noqa: S603  # our own Python
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout.strip() == "[]"
