"""Reading and writing files under one root, for agents."""
