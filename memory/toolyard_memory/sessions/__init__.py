"""Short-term memory: sessions, their items, and the view of them that a model is shown."""
