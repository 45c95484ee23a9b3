"""Tells in a terminal what is left of somebody, or of what was forgotten; asks no server."""

from typing import Any

import click

from toolyard_runtime.cli.asking import Failed
from toolyard_runtime.cli.screen import clean

SECONDS = 900.0
"""How long a search of all files may take."""

SHOWN = 20


def tell_proof(proof: dict[str, Any]) -> None:
    """Print what was looked at and what was found; raises Failed where anything is left."""
    rows = ", ".join(f"{clean(table)} {count}" for table, count in sorted(proof["rows"].items()))
    click.echo(f"rows       {rows or 'none'}")
    click.echo(f"words      {proof['terms']} of no passage{'' if proof['index_sound'] else '; THE INDEX IS DAMAGED'}")
    click.echo(f"vectors    {proof['stray_vectors']} of no passage, of {proof['vectors']}")
    files = proof["files"]
    if files is not None:
        _tell_files(files)
    for note in proof["notes"]:
        click.echo(f"! {clean(note)}", err=True)
    judge(proof)


def judge(proof: dict[str, Any] | None) -> None:
    """Raise Failed where anything is left, which a program sees by the exit code; None is nobody's question."""
    if proof is not None and not proof["clean"]:
        raise Failed("Not everything is gone, or it could not be told.")


def _tell_files(files: dict[str, Any]) -> None:
    left = [one for one in files["found"] if not one["stays_in"]]
    stays = [one for one in files["found"] if one["stays_in"]]
    size = sum(one["size"] for one in left)
    click.echo(
        f"files      {size} bytes of {files['needles']} needles found in {files['files']} files "
        f"({files['bytes'] / 1e6:.1f} MB)"
    )
    for one in left[:SHOWN]:
        click.echo(f"! {clean(one['what'])} lies in {clean(one['file'])} at byte {one['at']}", err=True)
    if len(left) > SHOWN:
        click.echo(f"! and {len(left) - SHOWN} more", err=True)
    if stays:
        tables = sorted({table for one in stays for table in one["stays_in"]})
        also = len({(one["what"], one["file"], one["at"]) for one in stays})
        click.echo(f"           {also} more also stand in rows that stay: {clean(', '.join(tables))}")
    for name, count in files["backups"].items():
        click.echo(
            f"! {clean(name)} is a copy that no erasure reaches: {count} needles lie in it; delete it.", err=True
        )
    for name in files["missed"]:
        click.echo(f"! not read: {clean(name)}", err=True)
