"""Takes wheels of tools into the registry, once they have been looked at."""
