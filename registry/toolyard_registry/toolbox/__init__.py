"""The tools there are: of plugins, of a repository's own files and of sources, held to what was admitted."""
