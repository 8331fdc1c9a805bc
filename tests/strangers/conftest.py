"""Fixtures: those of the table."""

from __future__ import annotations

from door.conftest import open_site  # noqa: F401  # a fixture, which pytest finds here by its name
