"""One delivery's way through the house, and work that goes on after its answer."""
