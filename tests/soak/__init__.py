"""An application, `outworx serve` and, where it is built, a collector between them, under load for some minutes.

`make soak` runs it for thirty, `make soak ARGS=1` for one.
"""
