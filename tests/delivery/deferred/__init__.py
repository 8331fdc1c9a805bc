"""Work that goes on after a delivery's answer: in threads and tasks, and in other processes by a token."""
