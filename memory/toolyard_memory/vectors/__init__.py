"""The index of vectors: derived from SQL, rebuilt from it, and never believed without it."""
