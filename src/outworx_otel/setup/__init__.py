"""What code, files and the environment say of endpoints, and what is made of it."""
