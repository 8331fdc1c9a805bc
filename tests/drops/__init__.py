"""Silent drops: what is found out about them, and what that costs the application."""
