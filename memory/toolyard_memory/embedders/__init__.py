"""What turns text into vectors without asking a server."""
