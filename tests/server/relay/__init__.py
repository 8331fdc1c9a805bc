"""The tunnel: the relay in `outworx serve`, and `outworx forward` on the other side of it."""
