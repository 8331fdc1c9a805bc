"""The same deliveries, as real back-ends of other makers show them."""
