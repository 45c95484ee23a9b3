"""What a submission has to be for it to be published: each requirement says what is wrong and what to do; no I/O.

They look at what they are given; what was published before is found out by whoever asks them.
"""

from collections.abc import Mapping, Sequence

import msgspec
from toolyard_sdk.messages import ToolSpec

from toolyard_registry.catalogue.storing import DRAFT
from toolyard_registry.names import OWN_SOURCE, RESERVED, NameInvalid, check_channel, check_name
from toolyard_registry.published.records import USABLE, Published
from toolyard_registry.published.shelf import STABLE
from toolyard_registry.published.signing import Envelope, SignatureInvalid, Statement, verify
from toolyard_registry.published.wheels import Wheel, WheelRefused, inspect_wheel, normal_name
from toolyard_registry.publishing.lookalikes import Flag
from toolyard_registry.publishing.submissions import Manifest, Publisher, PublishRefused, Replay, Submission
from toolyard_registry.releases import ToolRelease, tool_release
from toolyard_registry.rights import HOUSE
from toolyard_registry.schemas.checking import SchemaInvalid, compile_schema
from toolyard_registry.schemas.compatibility import Verdict
from toolyard_registry.schemas.differences import spec_differences
from toolyard_registry.toolbox.owners import Owners
from toolyard_registry.versions import Bump, Version, at_least, bump_of, least_after, read_version

NEXT = "next"
"""The channel that a pre-release moves in place of `stable`."""

_MOST_TOOLS = 500
_MOST_DEFINITION = 64 * 1024
"""Bytes of one definition as JSON: a model reads it in every turn."""

_SHOWN = 5


def version_of(manifest: Manifest) -> Version:
    """Return the version of a distribution; raises PublishRefused unless it is a semantic one."""
    version = read_version(manifest.version)
    if version is None:
        message = f"{manifest.version[:80]!r} is no semantic version: write it as 1.4.2, or 1.5.0rc1 for a pre-release"
        raise PublishRefused("invalid_version", message, "manifest.version")
    return version


def channel_of(submission: Submission, version: Version) -> str:
    """Return the channel that a submission moves; raises PublishRefused for what is none."""
    channel = submission.channel or (STABLE if version.final else NEXT)
    try:
        check_channel(channel)
    except NameInvalid as error:
        raise PublishRefused("invalid_value", str(error), "channel") from error
    if channel == DRAFT:
        message = f"the channel `{DRAFT}` follows the server's files; choose another one"
        raise PublishRefused("invalid_value", message, "channel")
    return channel


def check_names(who: Publisher, manifest: Manifest) -> None:
    """Raise PublishRefused unless the wheel and its tools may have their names, and this publisher may use them."""
    if normal_name(manifest.distribution) == OWN_SOURCE:
        message = f"`{OWN_SOURCE}` is where the server's own tools come from; give the distribution another name"
        raise PublishRefused("invalid_name", message, "manifest.distribution")
    names = [spec.name for spec in manifest.tools]
    if not names or len(names) > _MOST_TOOLS:
        message = f"a wheel holds 1 to {_MOST_TOOLS} tools, and this one {len(names)}"
        raise PublishRefused("invalid_value", message, "manifest.tools")
    for index, name in enumerate(names):
        field = f"manifest.tools[{index}].name"
        try:
            check_name(name, "tool name")
        except NameInvalid as error:
            raise PublishRefused("invalid_name", str(error), field) from error
        if name.lower() in RESERVED:
            raise PublishRefused("invalid_name", f"the name `{name}` is the server's own; choose another one", field)
        if names.count(name) > 1:
            raise PublishRefused("invalid_name", f"the wheel holds two tools named `{name}`", field)
        if not who.may(name):
            raise PublishRefused("missing_role", f"this key may not publish `{name}`; rights.toml says who may", field)


def signed_by_author(envelope: Envelope) -> Statement:
    """Return what was signed; raises PublishRefused where nobody has."""
    try:
        return verify(envelope)
    except SignatureInvalid as error:
        raise PublishRefused("invalid_signature", str(error), "envelope") from error


def wheel_of(submission: Submission) -> Wheel:
    """Read the wheel and return what it says of itself; raises PublishRefused unless it is the manifest's."""
    manifest = submission.manifest
    try:
        wheel = inspect_wheel(submission.wheel, manifest.file)
    except WheelRefused as error:
        raise PublishRefused("invalid_wheel", str(error), "wheel") from error
    if (wheel.name, wheel.version) != (manifest.distribution, manifest.version):
        message = (
            f"the wheel is {wheel.name} {wheel.version}, the manifest says {manifest.distribution} {manifest.version}"
        )
        raise PublishRefused("invalid_wheel", message, "manifest.distribution")
    return wheel


def must_be_what_was_signed(submission: Submission, statement: Statement, sha256: str) -> None:
    """Compare what was signed with what was sent."""
    manifest = submission.manifest
    if statement.wheel != f"sha256:{sha256}":
        message = f"the wheel's hash is sha256:{sha256}, and {statement.wheel[:80]} was signed"
        raise PublishRefused("hash_differs", message, "wheel")
    named = normal_name(statement.distribution), statement.version
    if named != (normal_name(manifest.distribution), manifest.version):
        message = f"{statement.distribution} {statement.version} was signed, not what the manifest says"
        raise PublishRefused("invalid_signature", message, "envelope")
    signed = {tool.name: tool.digest for tool in statement.tools}
    sent = {spec.name: tool_release(spec, manifest.distribution, manifest.version).digest for spec in manifest.tools}
    if signed != sent:
        other = sorted(name for name in signed.keys() | sent.keys() if signed.get(name) != sent.get(name))
        message = f"the definitions of {', '.join(other[:_SHOWN])} are not those that were signed"
        raise PublishRefused("invalid_signature", message, "manifest.tools")


def must_register_what_it_says(said: Sequence[ToolSpec], found: Sequence[ToolSpec]) -> None:
    """Compare the manifest's definitions with those that the wheel registers."""
    by_name = {spec.name: spec for spec in found}
    for spec in said:
        other = by_name.pop(spec.name, None)
        if other is None:
            raise PublishRefused("manifest_differs", f"the wheel registers no tool `{spec.name}`", "manifest.tools")
        apart = spec_differences(spec, other)
        if apart:
            message = f"the wheel's `{spec.name}` is not what the manifest says: {apart[0]}"
            raise PublishRefused("manifest_differs", message, "manifest.tools")
    if by_name:
        message = f"the wheel also registers {', '.join(sorted(by_name)[:_SHOWN])}, which the manifest leaves out"
        raise PublishRefused("manifest_differs", message, "manifest.tools")


def check_definition(spec: ToolSpec) -> None:
    """Raise PublishRefused for a definition that no model could be offered."""
    size = len(msgspec.json.encode(spec))
    if size > _MOST_DEFINITION:
        message = (
            f"the definition of `{spec.name}` has {size} bytes, and a model reads it in every turn; "
            f"at most {_MOST_DEFINITION} are taken"
        )
        raise PublishRefused("invalid_schema", message, "manifest.tools")
    for field, schema in (("input_schema", spec.input_schema), ("output_schema", spec.output_schema)):
        if schema is None:
            continue
        try:
            compile_schema(schema)
        except SchemaInvalid as error:
            raise PublishRefused("invalid_schema", f"the {field} of `{spec.name}`: {error}", field) from error
    if spec.input_schema.get("type") != "object":
        message = f'the input_schema of `{spec.name}` must have "type": "object": arguments are one'
        raise PublishRefused("invalid_schema", message, "input_schema")
    if not spec.description.strip():
        message = f"`{spec.name}` has no description: a model chooses tools by it"
        raise PublishRefused("invalid_schema", message, "description")


def must_be_the_same(release: ToolRelease, there: Published, submission: Submission) -> None:
    """Refuse another release under a version that is published already."""
    one = there.publication
    name = f"{one.name}@{one.version}"
    if one.digest != release.digest:
        apart = spec_differences(there.release.spec, release.spec)
        what = "; ".join(str(difference) for difference in apart[:_SHOWN]) or f"it came from {one.source}"
        message = f"{name} is published already and never changes. What differs: {what}. Publish it as another version"
        raise PublishRefused("version_taken", message, "manifest.version")
    signed = verify(submission.envelope).wheel
    if signed != f"sha256:{one.wheel}":
        message = (
            f"{name} is published already, with the same definition and another wheel (sha256:{one.wheel}). "
            "Publish it as another version"
        )
        raise PublishRefused("version_taken", message, "wheel")


def before_of(own: Sequence[Published]) -> Published | None:
    """Return the release that callers use now: the highest usable version, a pre-release only without another."""
    usable = [(read_version(one.publication.version), one) for one in own if one.standing.state in USABLE]
    known = [(version.final, version, index) for index, (version, _) in enumerate(usable) if version is not None]
    return usable[max(known)[2]][1] if known else None


def must_go_on(name: str, version: str, own: Sequence[Published]) -> None:
    """Refuse a version that is not higher than every published one."""
    new = read_version(version)
    every = [(there, one.publication.version) for one in own if (there := read_version(one.publication.version))]
    if not every or new is None:
        return
    highest, shown = max(every)
    if new <= highest:
        following = least_after(highest, "patch")
        message = f"{name} {version} goes back: {shown} is published already; publish it as {following} or later"
        raise PublishRefused("version_goes_back", message, "manifest.version")


def must_be_the_same_signer(name: str, envelope: Envelope, before: Published | None) -> None:
    """Refuse another signer than that of the release before."""
    if before is not None and before.publication.envelope.signer != envelope.signer:
        one = before.publication
        message = (
            f"{name}@{one.version} was signed by {one.envelope.signer[:16]}, this is signed by {envelope.signer[:16]}: "
            "sign it with the same key, or let an operator publish it with --force"
        )
        raise PublishRefused("signer_changed", message, "envelope")


def must_not_take_over(name: str, distribution: str, there: ToolRelease | None) -> None:
    """Refuse the name of another plugin's tool: its version counts among the published ones, a range means both."""
    if (
        there is not None
        and read_version(there.version) is not None
        and normal_name(there.source) != normal_name(distribution)
    ):
        message = (
            f"`{name}` is a tool of {there.source} here, and this is {distribution}: choose another name, "
            "or let an operator publish it with --force"
        )
        raise PublishRefused("name_taken", message, "manifest.tools")


def must_not_go_by_anothers_name(
    who: Publisher, wheel: Wheel, signer: str, owners: Owners, signers: Mapping[str, str]
) -> None:
    """Refuse an entry point with the name of another's plugin: settings, hosts and secrets are granted by that name.

    `owners` have the names of this server; `signers` have signed the newest published wheel of each plugin. Only the
    house is told who has a name.
    """
    for plugin in wheel.plugins:
        owner = owners.get(plugin)
        if owner is not None and normal_name(owner.source) != normal_name(wheel.name):
            whose = f"belongs to {owner.source} here" if who.tenant == HOUSE else "is taken here"
        elif owner is not None and not all(map(who.may, owner.tools)):
            whose = "belongs to tools that this key may not publish"
        elif signers.get(plugin, signer) != signer:
            whose = f"is that of a wheel signed by {signers[plugin][:16]}, and this is signed by {signer[:16]}"
        else:
            continue
        message = (
            f"the name of the entry point `{plugin}` {whose}, and what a plugin may reach goes by its name: "
            "choose another one, or let an operator publish it with --force"
        )
        raise PublishRefused("name_taken", message, "wheel")


def must_not_deceive(flags: Sequence[Flag]) -> None:
    """Refuse names that look like others, and characters that nobody sees."""
    worst = next((flag for flag in flags if flag.kind in ("look_alike", "hidden")), None)
    if worst is not None:
        code = "look_alike_name" if worst.kind == "look_alike" else "hidden_characters"
        raise PublishRefused(code, f"{worst.words}; change it, or let an operator publish it with --force", worst.path)


def must_not_break(name: str, version: str, before: Published, verdict: Verdict, replay: Replay | None) -> None:
    """Refuse a change that is larger than the version says, with the reasons."""
    old, new = read_version(before.publication.version), read_version(version)
    if old is None or new is None or at_least(bump_of(old, new), _asked(old, verdict.bump)):
        return
    reasons = [f"{change.path}: {change.reason}" for change in verdict.changes if change.bump == verdict.bump]
    more = f" and {len(reasons) - _SHOWN} more" if len(reasons) > _SHOWN else ""
    tried = f" {replay}." if replay is not None and replay.failing else ""
    message = (
        f"{name} {version} is no {verdict.bump} change over {before.publication.version}, and needs to be one: "
        f"{'; '.join(reasons[:_SHOWN])}{more}.{tried} Publish it as {least_after(old, verdict.bump)} or later, "
        "or let an operator publish it with --force"
    )
    raise PublishRefused(
        "breaking_change" if verdict.bump == "major" else "bump_too_small", message, "manifest.version"
    )


def _asked(before: Version, needed: Bump) -> Bump:
    """Return the bump a version has to show: any goes for a patch, and before 1.0.0 for what is no break."""
    if needed == "major":
        return "major"
    return "minor" if needed == "minor" and before.major else "none"
