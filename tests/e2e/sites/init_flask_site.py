"""Flask with everything in code: `init()` and the decorator on the views."""

import os

from flask_site import app

from outworx_otel import TrackOptions, init
from outworx_otel.integrations.flask import with_webhook_monitoring

init(api_key="ohk_in_code", endpoint=os.environ["RECEIVER"])
monitored = with_webhook_monitoring(
    TrackOptions("github", signature_secret=os.environ["GITHUB_SECRET"], event_type_header="x-github-event")
)
app.view_functions["hooks.github"] = monitored(app.view_functions["hooks.github"])
