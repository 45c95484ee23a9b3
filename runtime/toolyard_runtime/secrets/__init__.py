"""Secrets: where they lie, how they are sealed, who changes them; handed to egress, and to nothing else, by handle."""
