"""Facts: what is held to be true, since when, on whose word, and what took its place."""
