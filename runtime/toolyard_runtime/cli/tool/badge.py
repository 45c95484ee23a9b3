"""`toolyard tool badge`: a small picture of a tool's newest version for a page; drawn here, fetched from nowhere."""

from html import escape
from typing import Any

import click

from toolyard_runtime.cli.asking import connected
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean

_COLOURS = {"active": "#2e7d32", "deprecated": "#b26a00", "yanked": "#b3261e", "quarantined": "#b3261e"}
_GREY = "#5f6368"
_LETTER = 6.6
"""Width of a letter of 11 pixels in Verdana, on average."""

_PAD = 8


@click.command("badge")
@click.argument("name")
@click.option("--markdown", is_flag=True, help="Print Markdown with the picture inside it.")
@connected
def tool_badge(server: Connection, name: str, markdown: bool) -> None:
    """Print a badge with a tool's version and state, as SVG."""
    tool = server.get(f"/api/v1/tools/{part(name)}")
    picture = badge(tool)
    if markdown:
        from base64 import b64encode  # noqa: PLC0415 - only for this form

        data = b64encode(picture.encode()).decode()
        picture = f"![{clean(tool['name'])} {clean(tool['version'])}](data:image/svg+xml;base64,{data})"
    click.echo(picture)


def badge(tool: dict[str, Any]) -> str:
    """Return a tool's badge as SVG."""
    left, right = escape(clean(tool["name"])), escape(clean(tool["version"]))
    if tool["state"] != "active":
        right += f" {escape(clean(tool['state']))}"
    one, other = (round(len(text) * _LETTER) + 2 * _PAD for text in (left, right))
    colour = _COLOURS.get(tool["state"], _GREY)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{one + other}" height="20" role="img" '
        f'aria-label="{left}: {right}"><title>{left}: {right}</title>'
        f'<rect width="{one}" height="20" fill="{_GREY}"/>'
        f'<rect x="{one}" width="{other}" height="20" fill="{colour}"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{one / 2:g}" y="14">{left}</text><text x="{one + other / 2:g}" y="14">{right}</text></g></svg>'
    )
