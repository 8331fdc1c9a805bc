"""The table, as Django's migrations see it; it is written by SQL."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from outworx_otel.idempotency.transaction.store import TABLE
from outworx_otel.idempotency.transaction.table import KEY_LENGTH


class OnceKey(models.Model):  # type: ignore[misc]  # Django is untyped
    """An event that was handled."""

    event_key = models.CharField(max_length=KEY_LENGTH, primary_key=True)
    expires = models.FloatField()
    answer = models.BinaryField(null=True)

    class Meta:
        """Where it is."""

        db_table = TABLE
        indexes: ClassVar = [models.Index(fields=["expires"], name=f"{TABLE}_expires")]

    def __str__(self) -> str:
        return str(self.event_key)
