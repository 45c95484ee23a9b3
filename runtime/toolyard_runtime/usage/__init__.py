"""How agents use tools, for those who write them: counted from journals, and no argument among it."""
