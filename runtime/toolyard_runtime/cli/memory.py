"""`toolyard memory`: what is remembered of end users, through a running server: looked at, mended and forgotten."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from rich.progress import Progress

from toolyard_runtime.cli.asking import Failed, connected, json_option
from toolyard_runtime.cli.connection import Connection, part
from toolyard_runtime.cli.group import Group
from toolyard_runtime.cli.proof import SECONDS, judge, tell_proof
from toolyard_runtime.cli.remembered import WIDTH, day, print_fact, print_passage, tell_added
from toolyard_runtime.cli.screen import clean, console, one_line, print_json, print_table

_ROUTE = "/api/v1/memory"
_PASSAGES = ("msg_", "chunk_", "sum_")
_LAST = "last"
_PAGE = 100
_POLL_SECONDS = 0.2

Command = Callable[..., Any]


def user_option(function: Command) -> Command:
    """Add `--user`: whose memory."""
    return click.option("--user", "end_user", required=True, metavar="ID", help="Whose memory: an end user's id.")(
        function
    )


@click.group(cls=Group)
def memory() -> None:
    """Search, show, mend, forget and export what is remembered."""


@memory.command("search")
@click.argument("words", nargs=-1, required=True)
@user_option
@click.option("--agent", help="As which agent. [default: any]")
@click.option("--as-of", metavar="DATE", help="As it was believed then.")
@click.option("--limit", default=10, show_default=True, type=click.IntRange(1, _PAGE), help="How many at most.")
@json_option
@connected
def search(
    server: Connection,
    words: tuple[str, ...],
    end_user: str,
    agent: str | None,
    as_of: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Search as an agent would, best first, with the parts of each score."""
    found = server.get(
        f"{_ROUTE}/search", words=" ".join(words), end_user=end_user, agent=agent, as_of=as_of, limit=limit
    )
    if as_json:
        print_json(found)
        return
    if found["degraded"]:
        click.echo(f"! {clean(found['degraded'])}", err=True)
    if not found["data"]:
        click.echo("Nothing comes to mind.", err=True)
    for hit in found["data"]:
        parts = ", ".join(f"{name} {score:g}" for name, score in hit["scores"].items() if name != "total")
        click.echo(
            f"{hit['scores']['total']:.2f}  {hit['id']}  {clean(hit['said_by'] or hit['trust'])}, {day(hit['at'])}"
        )
        click.echo(f"      {one_line(hit['text'], WIDTH)}")
        if parts:
            click.echo(f"      {parts}")


@memory.command("show")
@click.argument("named", metavar="[ID]", required=False)
@user_option
@click.option("--about", metavar="NAME", help="Only facts about this.")
@click.option("--as-of", metavar="DATE", help="As it was believed then.")
@click.option("--valid-at", metavar="DATE", help="What held then, as it is believed now or was --as-of.")
@json_option
@connected
def show(
    server: Connection,
    named: str | None,
    end_user: str,
    about: str | None,
    as_of: str | None,
    valid_at: str | None,
    as_json: bool,
) -> None:
    """Show a fact with its evidence, or list all facts.

    Also shows what else has an id in `toolyard why --detail`: messages, pieces of documents and summaries.
    """
    if named is not None:
        named = _id_of(server, named, end_user)
        is_passage = named.startswith(_PASSAGES)
        where = f"{_ROUTE}/{'passages' if is_passage else 'facts'}/{part(named)}"
        moment = {} if is_passage else {"as_of": as_of, "valid_at": valid_at}
        shown = server.get(where, end_user=end_user, **moment)
        if as_json:
            print_json(shown)
        elif is_passage:
            print_passage(shown)
        else:
            print_fact(shown)
        return
    facts: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        looked = {"about": about, "as_of": as_of, "valid_at": valid_at}
        page = server.get(f"{_ROUTE}/facts", end_user=end_user, **looked, after=after, limit=_PAGE)
        facts += page["data"]
        after = page["next"]
        if after is None:
            break
    if as_json:
        print_json({"data": facts})
        return
    rows = [(one["id"], one["about"], one["trust"], day(one["valid_from"]), one_line(one["text"], 60)) for one in facts]
    print_table(("FACT", "ABOUT", "TRUST", "SINCE", "SAYS"), rows, empty="No facts.")


@memory.command("timeline")
@click.argument("of", metavar="FACT|NAME")
@user_option
@json_option
@connected
def timeline(server: Connection, of: str, end_user: str, as_json: bool) -> None:
    """Show what was believed, and when: the versions of a fact, or of everything about a name."""
    of = _id_of(server, of, end_user)
    which = {"fact": of} if of.startswith("fact_") else {"about": of}
    found = server.get(f"{_ROUTE}/timeline", end_user=end_user, limit=_PAGE, **which)
    if as_json:
        print_json(found)
        return
    rows = [
        (
            f"{day(one['recorded_at'])} - {day(one['retired_at'])}",
            f"{day(one['valid_from'])} - {day(one['valid_to'])}",
            one["id"],
            one_line(one["text"], 60),
        )
        for one in found["data"]
    ]
    print_table(("BELIEVED", "HOLDS", "FACT", "SAYS"), rows, empty="Nothing was ever believed of that.")


@memory.command("graph")
@click.argument("about", metavar="NAME")
@user_option
@click.option("--svg", "picture", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Draw it here.")
@json_option
@connected
def graph(server: Connection, about: str, end_user: str, picture: Path | None, as_json: bool) -> None:
    """Show what memory says around a name; with `--svg`, draw it."""
    near = server.get(f"{_ROUTE}/graph", end_user=end_user, about=about)
    names = {one["id"]: one["name"] for one in near["entities"]}
    if picture is not None:
        if not names:
            raise Failed(f"Nothing speaks of {clean(about)}: there is nothing to draw.")
        drawn = server.text_of(f"{_ROUTE}/graph", end_user=end_user, about=about, **{"as": "svg"})
        _write(picture, drawn)
        click.echo(f"Drew {picture}.")
        return
    if as_json:
        print_json(near)
        return
    if not names:
        click.echo(f"Nothing speaks of {clean(about)}.", err=True)
    for entity in near["entities"]:
        click.echo(f"{clean(entity['name'])}  ({entity['kind']}, {_count(entity['mentions'], 'mention')})")
    for edge in near["edges"]:
        source, target = names.get(edge["source"], "?"), names.get(edge["target"], "?")
        click.echo(f"  {clean(source)} --{clean(edge['relation'])}--> {clean(target)}")
    for passage in near["passages"]:
        click.echo(f"  {day(passage['at'])}  {one_line(passage['text'], WIDTH)}")


@memory.command("add")
@click.argument("text")
@user_option
@click.option("--because", required=True, metavar="WORDS", help="What it rests on, in your words.")
@click.option("--about", default="user", show_default=True, metavar="NAME", help="Whom or what it is about.")
@click.option("--attribute", default="", metavar="NAME", help="What has one value at a time: the old one is replaced.")
@click.option("--since", metavar="DATE", help="Since when it holds. [default: now]")
@click.option("--until", metavar="DATE", help="Until when it holds. [default: open]")
@json_option
@connected
def add(
    server: Connection,
    text: str,
    end_user: str,
    because: str,
    about: str,
    attribute: str,
    since: str | None,
    until: str | None,
    as_json: bool,
) -> None:
    """Put a fact down."""
    body = {
        "text": text,
        "end_user": end_user,
        "because": because,
        "about": about,
        "attribute": attribute,
        "since": since,
        "until": until,
    }
    tell_added(server.post(f"{_ROUTE}/facts", body), as_json)


@memory.command("correct")
@click.argument("fact")
@click.argument("text")
@user_option
@click.option("--because", required=True, metavar="WORDS", help="How you know, in your words.")
@json_option
@connected
def correct(server: Connection, fact: str, text: str, end_user: str, because: str, as_json: bool) -> None:
    """Put a fact right; the wrong one stays readable as what was believed until now.

    FACT is an id or `last`: the newest that is believed.
    """
    body = {"text": text, "end_user": end_user, "because": because}
    fact = _id_of(server, fact, end_user)
    tell_added(server.post(f"{_ROUTE}/facts/{part(fact)}/correct", body), as_json)


@memory.command("forget")
@click.argument("facts", metavar="FACT...", nargs=-1, required=True)
@user_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--verify", is_flag=True, help="Search every file for what they said, and fail if any of it is left.")
@json_option
@connected
def forget(server: Connection, facts: tuple[str, ...], end_user: str, yes: bool, verify: bool, as_json: bool) -> None:
    """Forget facts for good, with what was derived from them and the messages they rest on.

    FACT is an id or `last`: the newest that is believed.
    """
    facts = tuple(_id_of(server, fact, end_user) for fact in facts)
    if not yes:
        for fact in facts:
            shown = server.get(f"{_ROUTE}/facts/{part(fact)}", end_user=end_user)
            click.echo(f"{fact}  {one_line(shown['text'], WIDTH)}")
        click.confirm("Forget this, what was derived from it, and the messages it rests on?", abort=True)
    body = {"facts": list(facts), "end_user": end_user, **({"verify": True} if verify else {})}
    gone = server.post(f"{_ROUTE}/forget", body, seconds=SECONDS if verify else 0.0)
    if as_json:
        print_json(gone)
        judge(gone.get("proof"))
        return
    click.echo(f"Forgot {_count(len(gone['facts']), 'fact')} and {_count(gone['messages'], 'message')}.")
    if not gone["log_emptied"]:
        click.echo("! The database's log still holds some of it; it goes with the next checkpoint.", err=True)
    if not gone["index_emptied"]:
        click.echo("! The index of vectors is being built anew without it; until then its vectors lie there.", err=True)
    if verify:
        tell_proof(gone["proof"])


@memory.command("verify-erasure")
@click.argument("subject")
@click.option("--words", multiple=True, metavar="TEXT", help="Search every file for this too; can be repeated.")
@click.option("--tenant", help="The end user's tenant, where it is not the key's own.")
@json_option
@connected
def verify_erasure(server: Connection, subject: str, words: tuple[str, ...], tenant: str | None, as_json: bool) -> None:
    """Show what is left of an end user in every table, index and file; fail if anything is."""
    body = {"subject": subject, "words": list(words), **({"tenant": tenant} if tenant is not None else {})}
    proof = server.post(f"{_ROUTE}/verify-erasure", body, seconds=SECONDS)
    if as_json:
        print_json(proof)
    (judge if as_json else tell_proof)(proof)


@memory.command("export")
@user_option
@click.option("-o", "--output", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write it here.")
@connected
def export(server: Connection, end_user: str, output: Path | None) -> None:
    """Export all facts and messages of somebody, one JSON object a line."""
    lines = server.text_of(f"{_ROUTE}/export", end_user=end_user)
    if output is None:
        click.echo(lines, nl=False)
        return
    _write(output, lines)
    click.echo(f"Wrote {_count(lines.count(chr(10)), 'line')} to {output}.")


@memory.command("rebuild")
@json_option
@connected
def rebuild(server: Connection, as_json: bool) -> None:
    """Build the vector index again from the database, without asking a model."""
    server.post(f"{_ROUTE}/rebuild", {})
    bar = Progress(console=console(stderr=True), transient=True, disable=as_json)
    with bar:
        task = bar.add_task("Building", total=None)
        while True:
            state = server.get(f"{_ROUTE}/stats")
            done = state["rebuilding"]
            bar.update(task, completed=done["done"], total=done["total"] or None)
            if done["over"]:
                break
            time.sleep(_POLL_SECONDS)
    if done["error"]:
        raise Failed(f"It could not be built: {clean(done['error'])}. What was there still serves.")
    if as_json:
        print_json(state)
    elif done["done"]:
        click.echo(f"Built: {_count(done['done'], 'passage')}.")
    else:
        off = state["vectors"] is None
        click.echo(f"Nothing to build: {'vectors are off' if off else 'no one has so many that there is an index'}.")


@memory.command("consolidate")
@user_option
@click.option("--summarise", metavar="AGENT", help="Also have this agent's model sum up what much is believed about.")
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@json_option
@connected
def consolidate(server: Connection, end_user: str, summarise: str | None, dry_run: bool, as_json: bool) -> None:
    """Merge facts that say the same, and let go of those that have long ended."""
    body = {"end_user": end_user, "apply": not dry_run, "summarise": summarise}
    done = server.post(f"{_ROUTE}/consolidate", body)
    if as_json:
        print_json(done)
        return
    for change in done["data"]:
        click.echo(f"{change['kind']}: {clean(change['why'])}")
        for fact in change["before"]:
            click.echo(f"  {'=' if change['says'] else '-'} {fact['id']}  {one_line(fact['text'], WIDTH)}")
        if change["after"] is not None:
            click.echo(f"  + {one_line(change['after']['text'], WIDTH)}")
        if change["says"]:
            click.echo(f"  + {one_line(change['says'], WIDTH)}")
    verb = "would change" if dry_run else "changed"
    click.echo(f"{_count(len(done['data']), 'thing')} {verb}." if done["data"] else "Nothing to do.")


@memory.command("stats")
@click.option("--user", "end_user", metavar="ID", help="Also say what this person's memory is about.")
@json_option
@connected
def stats(server: Connection, end_user: str | None, as_json: bool) -> None:
    """Count what is remembered, and say how far the index is."""
    shown = server.get(f"{_ROUTE}/stats", end_user=end_user)
    if as_json:
        print_json(shown)
        return
    for kind, counted in shown["passages"].items():
        click.echo(f"{kind:<10} {counted['count']} of {_count(counted['people'], 'owner')}")
    click.echo(f"believed   {_count(shown['facts_believed'], 'fact')}; {_count(shown['tombstones'], 'tombstone')}")
    reading = shown["reading"]
    if any(reading[end] for end in ("read", "waiting", "failed")):
        why = ", ".join(f"{reason} {count}" for reason, count in reading["why"].items())
        ends = f"{_count(reading['read'], 'message')} read for facts, {reading['waiting']} waiting"
        click.echo(f"extracted  {ends}, {reading['failed']} left alone{f' ({clean(why)})' if why else ''}")
    vectors = shown["vectors"]
    if vectors is None:
        click.echo("vectors    off")
    else:
        click.echo(f"vectors    {vectors['embedder']}, {vectors['state']}, {vectors['waiting']} waiting")
        if vectors["degraded"]:
            click.echo(f"! {clean(vectors['degraded'])}", err=True)
    if shown["person"] is not None:
        rows = [(one["name"], one["kind"], one["mentions"], one["rank"]) for one in shown["person"]["central"]]
        print_table(("NAME", "KIND", "MENTIONS", "RANK"), rows, empty="Nothing is spoken of.")
        for island in shown["person"]["islands"]:
            click.echo(f"{_count(island['size'], 'name')} hang together: {clean(', '.join(island['names']))}")


def _id_of(server: Connection, fact: str, end_user: str) -> str:
    """Return a fact's id, which may be said as `last`; raises Failed where nothing is believed."""
    if fact != _LAST:
        return fact
    newest = server.get(f"{_ROUTE}/facts", end_user=end_user, limit=1)["data"]
    if not newest:
        raise Failed(f"Nothing is believed of {clean(end_user)}.")
    return str(newest[0]["id"])


def _write(path: Path, text: str) -> None:
    """Write a file; raises Failed."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
