"""The Django site with everything in its settings: `init()`, the middleware and its routes."""

import os

from django_settings import *  # noqa: F403
from django_settings import MIDDLEWARE as PROJECTS_OWN

from outworx_otel import init

init(api_key="ohk_in_code", endpoint=os.environ["RECEIVER"])
MIDDLEWARE = [*PROJECTS_OWN, "outworx_otel.integrations.django.OutworxHooksMiddleware"]
OUTWORX_ROUTES = {"/webhooks/*": {"provider": "github", "signature_secret": os.environ["GITHUB_SECRET"]}}
