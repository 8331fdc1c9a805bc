"""`python -m outworx_otel.cli`."""

from outworx_otel.cli import main

main()
