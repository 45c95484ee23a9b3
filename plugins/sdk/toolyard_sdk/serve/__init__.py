"""Every plugin is an MCP server: `python -m toolyard_sdk.serve PLUGIN`; needs the extra `[serve]`, knows no registry.

Importing this package imports nothing of the `mcp` SDK: only the command does, and what answers MCP requests.
"""
