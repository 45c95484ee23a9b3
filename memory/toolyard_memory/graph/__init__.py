"""Who and what passages speak of, and how that hangs together; in SQL, walked with networkx."""
