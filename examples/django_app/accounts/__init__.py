"""Accounts: a Django project that an identity service (through Svix) and GitHub call.

The endpoints stand in `outworx.toml`, the secrets in the environment. By hand, with
`pip install 'outworx-otel[auto,django]' uvicorn`:

    cd examples/django_app
    export SVIX_WEBHOOK_SECRET=whsec_... GITHUB_WEBHOOK_SECRET=... OUTWORX_API_KEY=...
    export OTEL_SERVICE_NAME=accounts OTEL_TRACES_EXPORTER=outworx OTEL_METRICS_EXPORTER=outworx
    export DJANGO_SETTINGS_MODULE=accounts.settings
    opentelemetry-instrument uvicorn accounts.asgi:application

or, the same under WSGI, `opentelemetry-instrument gunicorn accounts.wsgi:application`.
"""
