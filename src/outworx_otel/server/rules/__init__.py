"""Looks for what somebody must be told of, again and again, by one server for all that share the database."""

from outworx_otel.server.rules.evaluator import Evaluator

__all__ = ["Evaluator"]
