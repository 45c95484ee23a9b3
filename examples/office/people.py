"""An MCP server with one tool: who works here. It speaks over standard input and output; Toolyard starts it."""

from typing import Annotated

from mcp.server import MCPServer
from pydantic import Field

PEOPLE = {
    "ada": "Ada Lovelace, engines, telephone 1815",
    "grace": "Grace Hopper, compilers, telephone 1906",
}

server = MCPServer("people")


@server.tool()
def find_person(name: Annotated[str, Field(description="First name, for example Ada.")]) -> str:
    """Find a colleague by first name: surname, department and telephone."""
    return PEOPLE.get(name.strip().lower(), f"Nobody here is called {name}. There are: {', '.join(PEOPLE)}.")


if __name__ == "__main__":
    server.run("stdio")
