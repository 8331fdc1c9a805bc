"""The parts of an HTTP request: headers, body, paths."""
