"""`toolyard tool list`, `show` and `diff`: what is published and installed, and where releases differ."""

from typing import Any

import click

from toolyard_runtime.cli.asking import connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.screen import clean, day_and_clock, one_line, print_json, print_table

_PAGE = 100
_WIDTH = 60
_CHECKED = {"wheel": "loaded", "manifest": "not loaded"}
"""Whether somebody has loaded the wheel when it was published, to see that it registers what its manifest says."""


@click.command("list")
@json_option
@connected
def list_tools(server: Connection, as_json: bool) -> None:
    """List the tools that are published or installed."""
    tools: list[dict[str, Any]] = []
    after = ""
    while True:
        answer = server.get("/api/v1/tools", limit=_PAGE, **({"after": after} if after else {}))
        tools += answer["data"]
        after = answer["next"] or ""
        if not after:
            break
    if as_json:
        print_json({"data": tools})
        return
    rows = [
        (
            each["name"],
            each["version"],
            each["state"],
            ", ".join(f"{name}={version}" for name, version in each["channels"].items()),
            each["source"],
            one_line(each["description"], _WIDTH),
            "!" if each["flags"] or each["warnings"] else "",
        )
        for each in tools
    ]
    print_table(("TOOL", "VERSION", "STATE", "CHANNELS", "SOURCE", "DESCRIPTION", ""), rows, empty="No tools.")


@click.command("show")
@click.argument("name")
@json_option
@connected
def show_tool(server: Connection, name: str, as_json: bool) -> None:
    """Show a tool and all its releases.

    NAME may say which: weather@1.4.2, weather@^1.4, weather@stable.
    """
    tool = server.get(f"/api/v1/tools/{part(name)}")
    if as_json:
        print_json(tool)
        return
    definition, spec = tool["definition"], tool["definition"]["spec"]
    click.echo(f"{clean(tool['name'])}@{clean(definition['version'])}  {definition['release']}")
    click.echo(f"  {one_line(spec['description'], 110)}")
    click.echo(f"  from {clean(tool['source'])}; {'installed' if tool['installed'] else 'not installed'} here")
    for channel, version in tool["channels"].items():
        click.echo(f"  {clean(channel)} is {clean(version)}")
    for flag in (*tool["flags"], *tool["warnings"]):
        click.echo(f"! {clean(flag)}", err=True)
    properties = spec["input_schema"].get("properties", {})
    required = spec["input_schema"].get("required", [])
    for argument, schema in properties.items():
        told, kind = (schema.get("description"), schema.get("type")) if isinstance(schema, dict) else ("", "")
        optional = "" if argument in required else " (optional)"
        words = f": {one_line(str(told or kind), 90)}" if told or kind else ""
        click.echo(f"    {clean(argument)}{optional}{words}")
    rows = [
        (
            each["version"],
            each["state"],
            day_and_clock(each["published_at"]),
            each["publisher"],
            each["signer"][:16],
            each["bump"] + (" (forced)" if each["forced"] else ""),
            _CHECKED[each["checked"]],
            one_line(each["message"], _WIDTH),
        )
        for each in tool["releases"]
    ]
    if rows:
        columns = ("VERSION", "STATE", "PUBLISHED", "BY", "SIGNED BY", "CHANGE", "CHECKED", "MESSAGE")
        print_table(columns, rows, empty="")
    for each in tool["releases"]:
        if each["unchecked"]:
            said = f"{clean(tool['name'])}@{clean(each['version'])} was published unchecked"
            click.echo(f"! {said}: {clean(each['unchecked'])}", err=True)


@click.command("diff")
@click.argument("one")
@click.argument("other", required=False)
@json_option
@connected
def diff_tool(server: Connection, one: str, other: str | None, as_json: bool) -> None:
    """Say where two releases of a tool differ, and how large the change is.

    ONE is a release such as weather@1.4.2; OTHER another version or channel of it, the newest where left out.
    """
    query = {"to": other.partition("@")[2] or other} if other else {}
    answer = server.get(f"/api/v1/tools/{part(one)}/diff", **query)
    if as_json:
        print_json(answer)
        return
    click.echo(f"{clean(answer['from']['version'])} -> {clean(answer['to']['version'])}: {answer['bump']} change")
    for change in answer["changes"]:
        click.echo(f"  {change['bump']}: {clean(change['path'])}: {clean(change['reason'])}")
    for each in answer["differences"]:
        click.echo(f"  {clean(each['path'])}")
        for sign, side in (("-", "before"), ("+", "after")):
            if each.get(side) is not None:
                click.echo(f"    {sign} {clean(each[side])}")
