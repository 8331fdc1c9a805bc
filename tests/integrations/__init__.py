"""The frameworks, in process: real applications through their own test clients."""
