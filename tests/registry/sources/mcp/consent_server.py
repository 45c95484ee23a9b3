"""An authorization server in front of an MCP server, as small as the protocol allows; for tests of consent."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

Reply = tuple[int, bytes, dict[str, str]]

METADATA = "/.well-known/oauth-protected-resource"


class Gate:
    """Answers in place of an MCP server until a request brings a token that is good; `at` is where both are."""

    def __init__(self) -> None:
        self.at = ""
        self.codes: dict[str, dict[str, str]] = {}
        self.good: set[str] = set()
        self.given = 0
        self.refreshed = 0
        self.registered: list[dict[str, Any]] = []
        self.refuses = False

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Reply | None:
        """Return the answer to a request, None where the MCP server behind may have it."""
        parts = urlsplit(path)
        query = {key: values[0] for key, values in parse_qs(parts.query or body.decode(errors="replace")).items()}
        if parts.path == "/mcp":
            return None if headers.get("authorization", "").removeprefix("Bearer ") in self.good else self._challenge()
        if parts.path.startswith(METADATA):
            return self._json({"resource": f"{self.at}/mcp", "authorization_servers": [self.at]})
        if parts.path.startswith("/.well-known/oauth-authorization-server"):
            return self._json(self._endpoints())
        if parts.path == "/register":
            return self._register(json.loads(body))
        return self._authorize(query) if parts.path == "/authorize" else self._token(query)

    def _register(self, asked: dict[str, Any]) -> Reply:
        self.registered.append(asked)
        return self._json({**asked, "client_id": f"client{len(self.registered)}"}, 201)

    def _challenge(self) -> Reply:
        return 401, b"", {"www-authenticate": f'Bearer resource_metadata="{self.at}{METADATA}/mcp"'}

    def _endpoints(self) -> dict[str, Any]:
        return {
            "issuer": self.at,
            "authorization_endpoint": f"{self.at}/authorize",
            "token_endpoint": f"{self.at}/token",
            "registration_endpoint": f"{self.at}/register",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }

    def _authorize(self, asked: dict[str, str]) -> Reply:
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        answer = {"error": "access_denied"} if self.refuses else {"code": code}
        location = f"{asked['redirect_uri']}?{urlencode({**answer, 'state': asked['state']})}"
        return 302, b"", {"location": location}

    def _token(self, asked: dict[str, str]) -> Reply:
        if asked["grant_type"] == "refresh_token":
            self.refreshed += 1
        else:
            given = self.codes.pop(asked["code"])
            digest = hashlib.sha256(asked["code_verifier"].encode()).digest()
            if base64.urlsafe_b64encode(digest).decode().rstrip("=") != given["code_challenge"]:
                return self._json({"error": "invalid_grant"}, 400)
        self.given += 1
        token = f"token{self.given}"
        self.good.add(token)
        return self._json({"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "again"})

    def _json(self, value: dict[str, Any], status: int = 200) -> Reply:
        return status, json.dumps(value).encode(), {}
