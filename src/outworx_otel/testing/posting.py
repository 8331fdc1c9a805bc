"""`post_webhook`: a delivery as the provider would send it, through whichever test client there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import msgspec

from outworx_otel.signatures import sign_request

_Send = Callable[[Any, str, bytes, dict[str, str]], Any]


def post_webhook(
    client: Any,
    url: str,
    provider: str,
    body: Any,
    secret: str | bytes | None = None,
    *,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
    public_url: str | None = None,
    now: float | None = None,
    message_id: str | None = None,
) -> Any:
    """Posts a signed delivery and gives the client's own response (an awaitable, of an asynchronous client).

    Args:
        client: Starlette's or FastAPI's `TestClient`, an `httpx.Client` or `AsyncClient`, Flask's or Django's
            test client (Django's `AsyncClient` too), a requests session.
        url: path, or full URL.
        provider: who is to have sent it, e.g. `"stripe"`.
        body: bytes or text exactly as sent; anything else is sent as compact JSON.
        secret: the signing secret (the private key, for schemes with one); None sends it unsigned.
        headers: sent besides, such as `{"x-github-event": "push"}`.
        content_type: of the body.
        public_url: the URL that is signed, for schemes that sign it; None for the one that is called.
        now: Unix seconds to sign for; None for the clock.
        message_id: the provider's id of the message, where it is signed; made up when None.

    Raises:
        ConfigurationError: there is no way to sign for this provider, or not with this secret.
        TypeError: a client of an unknown kind.
    """
    send, origin = _kind_of(client)
    raw = _raw(body)
    sent = {"content-type": content_type, **{name.lower(): value for name, value in (headers or {}).items()}}
    if secret is not None:
        called = urljoin(origin, url)
        signed = sign_request(
            provider,
            raw,
            secret,
            now=now,
            url=public_url or called,
            message_id=message_id,
            headers=sent,
        )
        sent.update(signed.headers)
        raw = signed.body
        if public_url is None and signed.url is not None and signed.url != called:
            url = signed.url if urlsplit(url).netloc else _path_and_query(signed.url)
    return send(client, url, raw, sent)


def _raw(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _path_and_query(url: str) -> str:
    parts = urlsplit(url)
    return parts.path + (f"?{parts.query}" if parts.query else "")


def _send_httpx(client: Any, url: str, body: bytes, headers: dict[str, str]) -> Any:
    return client.post(url, content=body, headers=headers)


def _send_requests(client: Any, url: str, body: bytes, headers: dict[str, str]) -> Any:
    return client.post(url, data=body, headers=headers)


def _send_flask(client: Any, url: str, body: bytes, headers: dict[str, str]) -> Any:
    return client.post(url, data=body, headers=headers)


def _send_django(client: Any, url: str, body: bytes, headers: dict[str, str]) -> Any:
    others = dict(headers)
    # Django's test client takes the content type as an argument of its own, and nowhere else.
    return client.post(url, data=body, content_type=others.pop("content-type"), headers=others)


# The module that defines the client's class (or one it derives from), how it sends, and the origin of a bare path.
_CLIENTS: Final[Mapping[str, tuple[_Send, str]]] = {
    "django.test.client": (_send_django, "http://testserver"),
    "werkzeug.test": (_send_flask, "http://localhost"),
    "starlette.testclient": (_send_httpx, "http://testserver"),
    "httpx": (_send_httpx, ""),
    "httpx2": (_send_httpx, ""),
    "requests.sessions": (_send_requests, ""),
}


def _kind_of(client: Any) -> tuple[_Send, str]:
    for base in type(client).__mro__:
        for module, (send, origin) in _CLIENTS.items():
            if base.__module__ == module or base.__module__.startswith(f"{module}."):
                return send, str(getattr(client, "base_url", "")) or origin
    raise TypeError(
        f"post_webhook knows no client such as {type(client).__module__}.{type(client).__qualname__}; sign() "
        "gives the headers to send with it"
    )
