"""Tests of the `export` room, against real sockets and real processes."""
