"""`--ca-bundle`: certificates to trust, beside what the environment says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

_OPTION: Final = "--ca-bundle"

CaBundle = Annotated[
    Path | None,
    typer.Option(
        _OPTION,
        metavar="FILE",
        exists=True,
        dir_okay=False,
        help="Certificates of an authority to trust as well, such as your company's. "
        "SSL_CERT_FILE and REQUESTS_CA_BUNDLE count too.",
    ),
]


def authorities(ca_bundle: Path | None) -> tuple[tuple[str, str], ...]:
    """What `certificates.trust` takes for the option."""
    return () if ca_bundle is None else ((_OPTION, str(ca_bundle)),)
