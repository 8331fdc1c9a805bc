"""Finds out why a signature failed: small hypotheses, each of which is proved or says nothing."""

from __future__ import annotations

from outworx_otel.signatures.diagnosis.investigation import Diagnosis

__all__ = ["Diagnosis"]
