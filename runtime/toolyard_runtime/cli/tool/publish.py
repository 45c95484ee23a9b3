"""`toolyard tool publish`: builds, signs and uploads a package; what is refused, and why, is the server's to say."""

import os
from pathlib import Path
from typing import Any

import click
import msgspec
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.cli.asking import Failed, connect, failures_in_words, here, json_option, server_options
from toolyard_runtime.cli.screen import clean, print_json
from toolyard_runtime.cli.surroundings import Target

_LARGE = {"minor": "a minor", "major": "a major", "patch": "a patch"}


@click.command("publish")
@click.argument("package", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--to", "to_url", default="", metavar="URL", help="The registry's server. [default: as --url]")
@click.option("--channel", default="", metavar="NAME", help="Channel that moves. [default: stable]")
@click.option("--draft", is_flag=True, help="Found only by its exact version; moves no channel.")
@click.option("--force", is_flag=True, help="Publish what the gate refuses (operators only; recorded).")
@json_option
@server_options
def publish_tool(
    target: Target, package: Path | None, to_url: str, channel: str, draft: bool, force: bool, as_json: bool
) -> None:
    """Publish the tools of a package: build the wheel, sign it, upload it.

    PACKAGE is the folder with its pyproject.toml, the one around you where it is left out.
    """
    from toolyard_registry.published.signing import SignedTool, Statement, sign  # noqa: PLC0415 - same
    from toolyard_registry.publishing.submissions import Submission  # noqa: PLC0415 - --help must not wait for it
    from toolyard_registry.releases import tool_release  # noqa: PLC0415 - same

    from toolyard_runtime.cli.tool.building import build, package_folder  # noqa: PLC0415 - same
    from toolyard_runtime.cli.tool.signing_key import key_file, signing_key  # noqa: PLC0415 - same

    surroundings = here()
    server = connect(surroundings, msgspec.structs.replace(target, url=to_url or target.url))
    try:
        built = build(package_folder(surroundings.cwd, package), surroundings.search_path)
        place = key_file(surroundings.environment)
        secret, made = signing_key(place, os.urandom)
    except ConfigError as error:
        raise Failed(str(error)) from error
    manifest = built.manifest
    tools = tuple(
        SignedTool(spec.name, tool_release(spec, manifest.distribution, manifest.version).digest)
        for spec in manifest.tools
    )
    envelope = sign(secret, Statement(manifest.distribution, manifest.version, f"sha256:{built.sha256}", tools))
    submission = Submission(manifest, envelope, built.wheel, channel, draft, force)
    if made:
        click.echo(f"Made a signing key: {place}. Keep it: the next version has to be signed with it.", err=True)
    with failures_in_words():
        answer = server.post("/api/v1/tools", msgspec.to_builtins(submission))
    if as_json:
        print_json(answer)
        return
    for tool in answer["data"]:
        _tell(tool)
    for words in answer["warnings"]:
        click.echo(f"! {clean(words)}", err=True)


def _tell(tool: dict[str, Any]) -> None:
    name = f"{tool['name']}@{tool['version']}"
    done = "Published" if tool["new"] else "Already there, the same:"
    click.echo(f"{done} {clean(name)}  {tool['digest']}")
    if tool["state"] != "active":
        click.echo(f"  it is {clean(tool['state'])}")
    if tool["bump"] != "none":
        click.echo(f"  {_LARGE.get(tool['bump'], tool['bump'])} change over the release before:")
        for change in tool["changes"][:10]:
            click.echo(f"    {clean(change['path'])}: {clean(change['reason'])}")
    replay = tool.get("replay")
    if replay and replay["calls"]:
        example = f", e.g. {clean(replay['example'])}" if replay["example"] else ""
        days = f"of the last {replay['days']} days"
        click.echo(f"  {replay['failing']} of {replay['calls']} recorded calls {days} would fail{example}")
    if tool["unchecked"]:
        click.echo(f"! nobody has loaded the wheel, its manifest is believed: {clean(tool['unchecked'])}", err=True)
    for flag in tool["flags"]:
        click.echo(f"! {clean(flag['words'])}", err=True)
    for other in tool["confusable"]:
        click.echo(f"! agents will confuse this with `{clean(other)}`", err=True)
