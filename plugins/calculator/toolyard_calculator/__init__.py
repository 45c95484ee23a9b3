"""Exact arithmetic for agents."""
