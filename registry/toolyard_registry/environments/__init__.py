"""Releases in environments of their own: built by uv, served as MCP servers, beside the installed release."""
