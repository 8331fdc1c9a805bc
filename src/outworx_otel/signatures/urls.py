"""The forms in which a signed URL may have been written by the provider."""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

# HubSpot signs the URI with these escapes undone, and only these.
# https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
_HUBSPOT_ESCAPES = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}


def as_given(url: str) -> tuple[str, ...]:
    """The URL itself and nothing else."""
    return (url,)


def hubspot_forms(url: str) -> tuple[str, ...]:
    """The URL as given, and with the escapes that HubSpot undoes."""
    undone = url
    for escape, character in _HUBSPOT_ESCAPES.items():
        undone = undone.replace(escape, character).replace(escape.lower(), character)
    return (url,) if undone == url else (url, undone)


def port_forms(url: str) -> tuple[str, ...]:
    """The URL as given, without its port, and with the default port; a URL without a host stays alone.

    Twilio's own validator tries the last two, because its back ends do not agree.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    if not parts.netloc:
        return (url,)
    bare = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    default = _DEFAULT_PORTS.get(parts.scheme)
    forms = [url, with_netloc(parts, bare)]
    if port is None and default is not None:
        forms.append(with_netloc(parts, f"{bare}:{default}"))
    return tuple(dict.fromkeys(forms))


def with_netloc(parts: SplitResult, netloc: str) -> str:
    """The same URL at another host."""
    return urlunsplit(parts._replace(netloc=netloc))


def url_text(url: str) -> str:
    """The URL as header-like text: the ISO-8859-1 reading of its UTF-8."""
    return url if url.isascii() else url.encode("utf-8", "surrogatepass").decode("latin-1")
