"""What is remembered as a terminal shows it: one fact or passage at a time; asks no server."""

from typing import Any

import click
from toolyard_memory.moments import show_day

from toolyard_runtime.cli.screen import clean, day_and_clock, one_line, print_json

WIDTH = 90
"""Letters that are left of a text on one line."""


def tell_added(added: dict[str, Any], as_json: bool) -> None:
    """Say what putting a fact down has done."""
    if as_json:
        print_json(added)
    elif added["known"]:
        click.echo(f"Known already: {added['fact']['id']}.")
    else:
        took = f", in place of {', '.join(added['superseded'])}" if added["superseded"] else ""
        click.echo(f"Put down as {added['fact']['id']}{took}.")


def print_passage(passage: dict[str, Any]) -> None:
    """Print a message, a piece of a document or a summary, and whose word it is."""
    click.echo(clean(passage["text"]))
    page = f", page {passage['page']}" if passage["page"] else ""
    where = f"{clean(passage['document'])} v{passage['version']}{page}" if passage["document"] else passage["kind"]
    if passage["retired_at"] is not None:
        where += f" (a former version, until {day_and_clock(passage['retired_at'])})"
    if passage["run"]:
        where = f"message {passage['item']} of {passage['run']}"
    click.echo(f"{where}; said by {clean(passage['said_by'] or passage['trust'])}, {day_and_clock(passage['at'])}")
    click.echo(f"trust {passage['trust']}" + (f"; for the agent {clean(passage['agent'])}" if passage["agent"] else ""))


def print_fact(fact: dict[str, Any]) -> None:
    """Print a fact with what it rests on."""
    click.echo(clean(fact["text"]))
    about = f"about {clean(fact['about'])}" + (f", {clean(fact['attribute'])}" if fact["attribute"] else "")
    click.echo(f"{about}; trust {fact['trust']}")
    retired = "" if fact["retired_at"] is None else day_and_clock(fact["retired_at"])
    click.echo(f"holds    {span(day(fact['valid_from']), day(fact['valid_to']))}")
    click.echo(f"believed {span(day_and_clock(fact['recorded_at']), retired)}, by {clean(fact['writer'])}")
    if fact["superseded_by"]:
        click.echo(f"replaced by {fact['superseded_by']}")
    for one in fact["evidence"]:
        where = f"{one['kind']} {one['source'] or ''}".strip() + (
            f" item {one['item']}" if one["kind"] == "message" else ""
        )
        part = f" [{one['start']}, {one['stop']})" if one["stop"] else ""
        words = f": {one_line(one['words'], WIDTH)}" if one["words"] else ""
        click.echo(f"because  {where}{part}{words}")


def day(at: int | None) -> str:
    """Write a day as it was given: days without a zone are UTC's."""
    return "" if at is None else show_day(at)


def span(start: str, stop: str) -> str:
    """Write from when until when; "" is the open end."""
    return f"{start} - {stop}" if stop else f"since {start}"
