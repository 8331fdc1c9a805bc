"""Fixtures: those of the table."""

from __future__ import annotations

from door.conftest import failures, open_site  # noqa: F401  # fixtures, which pytest finds here by their names
