"""The way out: an HTTP client that sends what an operator has allowed, and nothing else (extra `[http]`).

Importing it imports no HTTP library: the first request does.
"""

from toolyard_sdk.http.client import EgressClient, Reveal, ToolEgress, open_egress
from toolyard_sdk.http.forwarding import ForwardedEgress, serve_request
from toolyard_sdk.http.grants import grant_problems

__all__ = ["EgressClient", "ForwardedEgress", "Reveal", "ToolEgress", "grant_problems", "open_egress", "serve_request"]
