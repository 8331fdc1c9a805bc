"""Makes the table."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):  # type: ignore[misc]  # Django is untyped
    """See `outworx_otel.django.models`."""

    initial = True
    dependencies: ClassVar[list[Any]] = []
    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="OnceKey",
            fields=[
                ("event_key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("expires", models.FloatField()),
                ("answer", models.BinaryField(null=True)),
            ],
            options={
                "db_table": "outworx_once",
                "indexes": [models.Index(fields=["expires"], name="outworx_once_expires")],
            },
        ),
    ]
