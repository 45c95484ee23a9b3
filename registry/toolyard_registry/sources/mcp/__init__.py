"""Tools of MCP servers, started as a process or reached by URL; loads the SDK when a source is opened."""
