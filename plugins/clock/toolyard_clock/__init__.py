"""Time zones, dates and durations for agents."""
