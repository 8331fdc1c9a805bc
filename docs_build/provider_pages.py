"""A page for each provider, and their index, from the providers' files."""

from __future__ import annotations

from collections.abc import Iterator

from docs_build.provider_table import (
    DOCS,
    SOURCES,
    algorithm,
    all_providers,
    conditions,
    gives_up,
    needs,
    question,
    reply,
    signed,
    where,
    window,
)
from docs_build.references import row
from outworx_otel.cli.trigger.samples.catalogue import listed
from outworx_otel.signatures.handshakes import handshakes_of, with_handshakes
from outworx_otel.signatures.provider import WebhookProvider

FOLDER = DOCS / "providers"
_MANY = 12
_KINDS = {
    "verified": "that the provider sent it, and that the body is as it was sent (`verified`)",
    "authenticated": "that the provider sent it; the body is not signed (`authenticated`)",
}


def index() -> str:
    """The table of the index: each provider with its page."""
    lines = [row("provider", "name in options", "signature", "algorithm", "proves"), "|---|---|---|---|---|"]
    for provider in all_providers():
        scheme = provider.scheme
        page = f"[{scheme.title}]({scheme.provider}.md)"
        lines.append(row(page, f"`{scheme.provider}`", where(scheme), algorithm(scheme), f"`{scheme.kind}`"))
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Every provider's page by the name of its file."""
    return {f"{one.scheme.provider}.md": page(one) for one in all_providers()}


def page(provider: WebhookProvider) -> str:
    """One provider's page."""
    scheme = provider.scheme
    parts = [
        f"# {scheme.title} webhooks",
        f'How {scheme.title} signs its webhooks, and how `provider = "{scheme.provider}"` verifies them in any '
        "framework, before your handler runs.",
        _facts(provider),
        *_set_up(provider),
        *_handshakes(provider),
        *_trying(provider),
        "## When it fails",
        "\n".join(f"- {one}" for one in _failing(provider)),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(provider: WebhookProvider) -> str:
    scheme = provider.scheme
    facts = {
        "signature": where(scheme),
        "encoding": scheme.encoding,
        "algorithm": algorithm(scheme),
        "what is signed": signed(provider),
        "a valid one proves": _KINDS[scheme.kind],
        "window of the signed time": window(scheme),
        "event's id": f"`{scheme.event_id}`" if scheme.event_id else "",
        "event's type": f"`{scheme.event_type}`" if scheme.event_type else "",
        "needs": needs(scheme).replace("](published-keys.md)", "](../published-keys.md)"),
        "secrets begin with": ", ".join(f"`{one}`" for one in provider.secret_prefixes),
        "known by the header": ", ".join(f"`{one}`" for one in scheme.detection_headers),
        "retries for": gives_up(provider),
        "followed here": f"[{SOURCES[provider.source_kind]}]({scheme.source})",
    }
    return "\n".join(["| | |", "|---|---|", *(row(name, said) for name, said in facts.items() if said)])


def _needs_extra(provider: WebhookProvider) -> bool:
    scheme = provider.scheme
    return (
        scheme.asymmetric
        or scheme.published is not None
        or any(one.asymmetric for _, one in scheme.alternatives)
    )


def _set_up(provider: WebhookProvider) -> Iterator[str]:
    scheme = provider.scheme
    variable = f"{scheme.provider.upper()}_WEBHOOK_SECRET"
    yield "## Set it up"
    if _needs_extra(provider):
        yield 'It needs the extra: `pip install "outworx-otel[asymmetric]"`.'
    url = ['public_url = "https://example.com/webhooks/' + scheme.provider + '"'] if scheme.signs_url else []
    lines = [
        f'[endpoints."/webhooks/{scheme.provider}"]',
        f'provider = "{scheme.provider}"',
        f'signature_secret_env = "{variable}"',
        *url,
    ]
    yield "\n".join(["```toml", *lines, "```"])
    yield (
        f'Or in code `TrackOptions("{scheme.provider}", signature_secret_env="{variable}")`, or '
        f'`@webhook("{scheme.provider}", signature_secret_env="{variable}")`: [quick start](../quick-start/index.md).'
    )


def _handshakes(provider: WebhookProvider) -> Iterator[str]:
    name = provider.scheme.provider
    if name not in with_handshakes():
        return
    yield "## Before the first delivery"
    yield (
        f"{provider.scheme.title} asks whether the endpoint is there. It is answered for you: "
        "[handshakes](../handshakes.md)."
    )
    lines = [row("it sends", "it is answered", "needs", "rule"), "|---|---|---|---|"]
    lines += [
        row(question(one), reply(one), conditions(one), f"[source]({one.source})")
        for one in handshakes_of(name)
    ]
    yield "\n".join(lines)


def _trying(provider: WebhookProvider) -> Iterator[str]:
    name = provider.scheme.provider
    events = [one.event for one in listed(name)]
    yield "## Try it"
    yield "\n".join(["```console", f"outworx trigger {name} {events[0]} --to 8000/webhooks/{name}", "```"])
    if len(events) > 1:
        further = ", ".join(f"`{one}`" for one in events[1:_MANY])
        yield f"Further samples: {further}{' and more' if len(events) > _MANY else ''}."


def _failing(provider: WebhookProvider) -> Iterator[str]:
    scheme = provider.scheme
    yield (
        "The span, the log and the server's page say [why](../signatures.md#reasons); "
        "[troubleshooting](../troubleshooting/index.md) begins with the message that you see."
    )
    if scheme.signs_url:
        yield (
            "The URL is signed. Behind a proxy the application sees another one: set `public_url` to the address "
            f"that {scheme.title} calls."
        )
    if provider.other_credentials:
        others = (f"`{prefix}` ({what})" for prefix, what in provider.other_credentials.items())
        yield f"Not the secret is what begins with {', '.join(others)}."
    if scheme.tolerance is None:
        yield (
            "No time is checked, so an old delivery can be sent again: "
            "[an idempotency key](../idempotency.md#when-the-providers-own-id-is-not-signed) is the protection."
        )
    if scheme.kind == "authenticated":
        yield "The body is not proved. Fetch what the event names before you act on it."
