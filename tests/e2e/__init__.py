"""Real servers as processes, deliveries over a socket in, spans over a socket out."""
