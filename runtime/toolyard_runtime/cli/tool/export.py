"""`toolyard tool export`: a published tool as a server.json of the official MCP registry."""

import click

from toolyard_runtime.cli.asking import connected
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import print_json


@click.command("export")
@click.argument("name")
@click.option("--namespace", required=True, help="Whose it is: a domain backwards, as in io.github.somebody.")
@connected
def export_tool(server: Connection, name: str, namespace: str) -> None:
    """Print a published tool as a server.json of the official MCP registry.

    NAME may say which release: weather@1.4.2.
    """
    print_json(server.get(f"/api/v1/tools/{part(name)}/server.json", namespace=namespace))
