"""Why a signature failed: a list of small hypotheses, each of which proves itself or stays silent."""

from __future__ import annotations

from outworx_otel.signatures.diagnosis.investigation import explain

__all__ = ["explain"]
