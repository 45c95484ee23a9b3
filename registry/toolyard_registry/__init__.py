"""The versioned catalogue of tools, prompts and agent releases, and the sources tools come from."""
