"""The demonstration: a real server in a process of its own, a whole run, a `kill -9`, and what is left of it."""
