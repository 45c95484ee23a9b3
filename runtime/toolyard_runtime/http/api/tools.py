"""`/api/v1/tools`: publishing tools, and looking at what is there; how a release stands is changed elsewhere."""

import asyncio
import difflib
import functools
from collections.abc import Iterable, Mapping
from typing import Any

from litestar import Request, get, post
from litestar.params import FromPath
from litestar.response import Response
from msgspec import Struct
from toolyard_registry.names import NameInvalid, Reference, check_name, parse
from toolyard_registry.published.shelf import Entry, Shelf, Unresolved
from toolyard_registry.published.wheels import inspect_wheel
from toolyard_registry.publishing.lookalikes import by_looks, flags_of, skeleton
from toolyard_registry.publishing.submissions import Publisher, PublishRefused, Submission
from toolyard_registry.releases import ToolRelease
from toolyard_registry.rights import may_publish, may_see
from toolyard_registry.schemas.differences import spec_differences
from toolyard_sdk.errors import ConfigError

from toolyard_runtime.http.access import caller_of, only
from toolyard_runtime.http.api.admin import Admin, admin_of
from toolyard_runtime.http.api.reading import Query, answer, fields_of, listed, not_found
from toolyard_runtime.http.api.seeing import installed_for, watches
from toolyard_runtime.identity import Caller
from toolyard_runtime.wire.errors import RequestRefused
from toolyard_runtime.wire.reading import Reader

AUTHORS = only("author", "operator")
READERS = only("author", "operator", "auditor")
_SHOWN = 5
MOST_BODY = 48 * 1024 * 1024
"""Bytes of a submission: a wheel of the largest size in base64, and its manifest."""

_CONFLICTS = frozenset(
    {
        "breaking_change",
        "bump_too_small",
        "look_alike_name",
        "name_taken",
        "signer_changed",
        "version_goes_back",
        "version_taken",
    }
)

_read_submission = Reader(
    Submission,
    frozenset(),
    {
        "manifest": "send the distribution, its version, the wheel's file name and the tools it registers",
        "envelope": "send the signed statement: `toolyard tool publish` makes it",
        "wheel": "send the wheel as base64",
    },
)


class ToolObject(Struct, frozen=True):
    """A tool as it is listed: of what is published the highest version, else what is installed.

    `warnings` name the channels that point at a release that was withdrawn.
    """

    name: str
    description: str
    version: str
    state: str
    message: str
    source: str
    release: str
    effect: str
    installed: bool
    channels: dict[str, str]
    flags: tuple[str, ...]
    warnings: tuple[str, ...]


class ReleaseObject(Struct, frozen=True):
    """One release of a tool; `wheel` is a SHA-256 in hex, `signer` that of the public key which signed it."""

    version: str
    state: str
    message: str
    release: str
    source: str
    wheel: str
    publisher: str
    signer: str
    checked: str
    unchecked: str
    bump: str
    forced: bool
    warnings: tuple[str, ...]
    published_at: int
    changed_at: int
    changed_by: str


@post("/api/v1/tools", opt=AUTHORS, status_code=201, summary="Publish a wheel's tools", request_max_body_size=MOST_BODY)
async def publish_tools(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Publish all tools of a wheel, or none. What is published already, the same, is answered with 200."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    submission, _ = _read_submission.read(await request.body())
    rights = admin.registry.rights()
    who = Publisher(
        tenant=caller.tenant,
        key=caller.key,
        operator="operator" in caller.roles,
        may=functools.partial(may_publish, rights, caller.name, caller.roles, tenant=caller.tenant),
        sees=functools.partial(may_see, rights, caller.tenant, caller.roles),
    )
    try:
        done = await admin.registry.publish(who, submission)
    except PublishRefused as error:
        status = 403 if error.code == "missing_role" else 409 if error.code in _CONFLICTS else 400
        raise RequestRefused(f"{error}.", param=error.field or None, code=error.code, status=status) from error
    shelf = await admin.registry.shelf_of(caller.tenant)
    warnings = [words for tool in done for words in shelf.adrift(tool.name)]
    return answer({"data": done, "warnings": warnings}, 201 if any(tool.new for tool in done) else 200)


@get("/api/v1/tools", opt=READERS, summary="List the tools")
async def list_tools(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List what is published and what is installed, by name."""
    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "after", "limit")
    limit, after = query.limit(), query.text("after") or ""
    shelf = await admin.registry.shelf_of(caller.tenant)
    installed = await installed_for(admin, caller)
    names = sorted(name for name in {*shelf.names(), *installed} if name > after)[:limit]
    looks = by_looks({*shelf.names(), *installed})
    page = [_tool(name, shelf, installed.get(name), looks.get(skeleton(name), ())) for name in names]
    return listed(page, names[-1] if len(names) == limit else None)


def _tool(name: str, shelf: Shelf, installed: ToolRelease | None, every: tuple[str, ...]) -> ToolObject:
    entries = shelf.entries(name)
    here = installed is not None
    if entries:
        entry = entries[0]
        release, version, state, message = shelf.release(entry), entry.text, entry.state, entry.message
    elif installed is not None:
        release, version, state, message = installed, installed.version, "active", ""
    else:
        raise not_found("tool", name)
    return ToolObject(
        name=name,
        description=release.spec.description,
        version=version,
        state=state,
        message=message,
        source=release.source,
        release=release.digest,
        effect=release.effect,
        installed=here,
        channels=_versions(shelf, name),
        warnings=shelf.adrift(name),
        flags=tuple(flag.words for flag in flags_of(release.spec, (other for other in every if other != name))),
    )


def _versions(shelf: Shelf, name: str) -> dict[str, str]:
    """Return the version that each channel points at."""
    texts = {entry.digest: entry.text for entry in shelf.entries(name)}
    return {channel: texts.get(digest, digest) for channel, digest in shelf.channels(name).items()}


@get("/api/v1/tools/{tool:str}", opt=READERS, summary="Show a tool and its releases")
async def show_tool(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Show a tool's definition, by name or as `name@1.4.2`, `name@^1.4`, `name@stable`; and all its releases."""
    admin, caller = admin_of(request), caller_of(request)
    Query(request)
    reference = reference_of(tool)
    shelf = await admin.registry.shelf_of(caller.tenant)
    installed = await installed_for(admin, caller)
    release = release_meant(installed, shelf, reference, _held(admin, caller))
    every = (*shelf.names(), *installed)
    published = await admin.registry.publications.of_name(caller.tenant, reference.name)
    shown = _tool(reference.name, shelf, installed.get(reference.name), every)
    return answer(
        {
            **fields_of(shown),
            "warnings": (*shown.warnings, *_waiting(admin, caller, reference.name)),
            "definition": {"release": release.digest, "version": release.version, "spec": release.spec},
            "releases": [
                ReleaseObject(
                    version=one.publication.version,
                    state=one.standing.state,
                    message=one.standing.message,
                    release=one.publication.digest,
                    source=one.publication.source,
                    wheel=one.publication.wheel,
                    publisher=one.publication.publisher,
                    signer=one.publication.envelope.signer,
                    checked=one.publication.checked,
                    unchecked=one.publication.unchecked,
                    bump=one.publication.bump,
                    forced=one.publication.forced,
                    warnings=one.publication.warnings,
                    published_at=one.publication.published_at,
                    changed_at=one.standing.changed_at,
                    changed_by=one.standing.changed_by,
                )
                for one in reversed(published)
            ],
        }
    )


@get("/api/v1/tools/{tool:str}/diff", opt=READERS, summary="Say where two releases of a tool differ")
async def diff_tool(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Compare a release with another one of the same tool, `to`: where they differ, and what that asks of a version."""
    from toolyard_registry.schemas.compatibility import compare  # noqa: PLC0415 - only whoever asks waits for it

    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "to")
    reference, other = reference_of(tool), query.text("to")
    shelf = await admin.registry.shelf_of(caller.tenant)
    installed = await installed_for(admin, caller)
    before = release_meant(installed, shelf, reference)
    after = release_meant(installed, shelf, reference_of(f"{reference.name}@{other}" if other else reference.name))
    verdict = await asyncio.to_thread(compare, before.spec, after.spec)  # somebody else's schemas: seconds, at worst
    return answer(
        {
            "from": {"version": before.version, "release": before.digest},
            "to": {"version": after.version, "release": after.digest},
            "differences": spec_differences(before.spec, after.spec),
            "bump": verdict.bump,
            "changes": verdict.changes,
        }
    )


@get("/api/v1/tools/{tool:str}/server.json", opt=READERS, summary="Describe a tool for the official MCP registry")
async def export_tool(request: Request[Any, Any, Any], tool: FromPath[str]) -> Response[bytes]:
    """Return a published release as a server.json, under `namespace`."""
    from toolyard_registry.sources.server_json import written  # noqa: PLC0415 - only whoever asks waits for it

    admin, caller = admin_of(request), caller_of(request)
    query = Query(request, "namespace")
    shelf = await admin.registry.shelf_of(caller.tenant)
    reference = reference_of(tool)
    entry = shelf.entries(reference.name)[:1] if reference.by == "default" else [entry_meant(shelf, reference)]
    found = next(iter(entry), None)
    if found is None:
        raise no_tool(tool, (), shelf)
    release = shelf.release(found)
    path = admin.registry.wheels.path(found.wheel, found.file)
    wheel = await asyncio.to_thread(lambda: inspect_wheel(path.read_bytes(), path.name))
    try:
        made = written(
            query.text("namespace") or "",
            {
                "name": release.spec.name,
                "description": release.spec.description,
                "version": release.version,
                "release": release.digest,
            },
            distribution=release.source,
            plugin=next(iter(wheel.plugins)),
            sha256=found.wheel,
        )
    except ConfigError as error:
        raise RequestRefused(f"namespace: {error}.", param="namespace") from error
    return answer(made)


def reference_of(text: str) -> Reference:
    """Return what a path names; raises RequestRefused (404 for what can be no name)."""
    try:
        check_name(text.partition("@")[0])
    except NameInvalid as error:
        raise not_found("tool", text) from error
    try:
        return parse(text)
    except NameInvalid as error:
        raise RequestRefused(f"tool: {error}.", param="tool") from error


def no_tool(
    text: str,
    tools: Iterable[str],
    shelf: Shelf,
    *,
    param: str | None = None,
    held: Mapping[str, str] | None = None,
) -> RequestRefused:
    """Return the refusal of a tool or release that is not there, with the nearest that the caller sees."""
    name = text.partition("@")[0]
    versions = [entry.text for entry in shelf.entries(name)]
    near = difflib.get_close_matches(name, {*shelf.names(), *tools}, n=1, cutoff=0.6)
    if held and name in held:
        hint = held[name]
    elif versions:
        more = " and others" if len(versions) > _SHOWN else ""
        hint = f"published are {', '.join(versions[:_SHOWN])}{more}"
    elif near and near[0] != name:
        hint = f"the nearest name is {near[0]}"
    else:
        hint = "`toolyard tool list` shows what there is"
    return not_found("tool", text, param=param, hint=hint)


def _held(admin: Admin, caller: Caller) -> Mapping[str, str]:
    """Return why tools are held back, for who watches over the server."""
    return admin.agents.repository.toolbox.held if watches(caller) else {}


def _waiting(admin: Admin, caller: Caller, name: str) -> tuple[str, ...]:
    """Say, to who watches over the server, that a tool's source presents another definition than agents have."""
    if not watches(caller) or not any(one.presented.spec.name == name for one in admin.registry.changed):
        return ()
    return (f"`{name}` has changed where it comes from, and agents have what it was before: `toolyard tool waiting`",)


def release_meant(
    tools: Mapping[str, ToolRelease], shelf: Shelf, reference: Reference, held: Mapping[str, str] | None = None
) -> ToolRelease:
    """Return the release a reference means, in whatever state; without a version the newest, or the installed one.

    `tools` are those that are installed and that the caller may look at; `held` says why some are not there now.
    Raises RequestRefused (404).
    """
    installed = tools.get(reference.name)
    entries = shelf.entries(reference.name)
    if reference.by == "default" and entries:
        return shelf.release(entries[0])
    if installed is not None and (
        reference.by == "default" or reference.value in (installed.version, installed.digest, "installed")
    ):
        return installed
    named = entry_meant(shelf, reference)
    if named is None:
        raise no_tool(str(reference), tools, shelf, held=held)
    return shelf.release(named)


def entry_meant(shelf: Shelf, reference: Reference) -> Entry | None:
    """Return the published release a reference means, in whatever state it is; None where there is none."""
    exact = [entry for entry in shelf.entries(reference.name) if reference.value in (entry.text, entry.digest)]
    if exact:
        return exact[0]
    try:
        return shelf.find(reference)
    except Unresolved:
        return None


ROUTES = (publish_tools, list_tools, show_tool, diff_tool, export_tool)
