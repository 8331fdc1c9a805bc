"""What the server takes from applications."""
