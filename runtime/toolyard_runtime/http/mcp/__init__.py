"""`/mcp`: the registry's tools and the agents for any MCP client with a key; loads the SDK with the first request."""
