"""The dashboard: its pages by a test client, and in a real Chromium against a real server."""
