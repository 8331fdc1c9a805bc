"""Keys that providers publish: asked for at pinned addresses, read, kept for a while, and never on an event loop."""
