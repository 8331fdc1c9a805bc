"""Explains deliveries in words: one table of them for pages, for JSON, and so for the command line."""
