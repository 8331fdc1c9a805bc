"""Set-ups that do less than they say, in processes of their own."""
