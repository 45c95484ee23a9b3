"""Sessions, and the view of them that a model is shown."""
