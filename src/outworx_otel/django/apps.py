"""What Django is told of the application."""

from __future__ import annotations

from django.apps import AppConfig


class OutworxConfig(AppConfig):  # type: ignore[misc]  # Django is untyped
    """`"outworx_otel.django"` in `INSTALLED_APPS`."""

    name = "outworx_otel.django"
    label = "outworx"
    verbose_name = "Webhooks"
    default_auto_field = "django.db.models.AutoField"
