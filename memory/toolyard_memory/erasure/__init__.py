"""Making memory forget for good, and showing that it has."""
