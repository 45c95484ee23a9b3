"""TOML in which every mistake has a file, a line and a cure."""
