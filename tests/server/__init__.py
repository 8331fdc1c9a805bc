"""`outworx serve`: a folder for each room of it, and `audit`, which asks about all of them."""
