"""A Flask application that posts to itself, unsigned, and prints the answers' statuses."""

import flask

app = flask.Flask("shop")
for number, path in enumerate(("/webhooks/stripe", "/hooks/github")):
    app.add_url_rule(path, view_func=lambda: "served", endpoint=str(number), methods=["POST"])
client = app.test_client()
for path in ("/webhooks/stripe", "/hooks/github"):
    print(path, client.post(path, json={"id": 1}).status_code)
