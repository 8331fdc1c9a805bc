"""Every known way round the front door, tried on each application shape."""
