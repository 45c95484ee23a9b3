"""The reference forgets nothing: each subject is one test; its message lists what is missing and where it belongs."""

from toolyard_runtime.identity import ROLES

from tests.docs import inventory
from tests.docs.pages import ROOT, Section, codes, mentions, read, reference

DEFAULT_COLUMNS = 3
ROUTE_COLUMNS = 3


def _headed(sections: list[Section], word: str) -> list[Section]:
    """Return the sections whose heading holds a word as code."""
    return [section for section in sections if f"`{word}`" in section.heading]


def _of_table(sections: list[Section], place: str) -> list[Section]:
    return [section for heading in (place, f"[{place}]", f"[[{place}]]") for section in _headed(sections, heading)]


def test_every_hook_is_explained_with_all_its_arguments() -> None:
    missing = []
    for hook, arguments in inventory.hooks().items():
        section = _headed(reference(), hook)
        if not section:
            missing.append(f"no heading with `{hook}`")
        missing += [f"{hook}: `{name}`" for name in arguments if section and not mentions(section, name)]
    assert not missing, "\n".join(missing)


def test_every_kind_of_event_is_explained() -> None:
    sections = reference()
    missing = [kind for kind in inventory.events() if not mentions(sections, kind)]
    assert not missing, "\n".join(missing)


def test_every_setting_is_explained_under_its_file_and_table() -> None:
    missing = []
    sections = reference()
    for file, table, keys in inventory.settings():
        place = f"[{table}]" if table else file
        under = _of_table(sections, place)
        if not under and keys:
            missing.append(f"{file}: no heading with `{place}`")
        missing += [f"{file} {place}: `{key}`" for key in keys if under and not mentions(under, key)]
    assert not missing, "\n".join(missing)


def test_every_default_is_the_one_that_is_told() -> None:
    wrong = []
    sections = reference()
    for file, table, key, default in inventory.defaults():
        rows = [row for section in _of_table(sections, table or file) for row in section.rows]
        told = {row[0]: row[1] for row in rows if len(row) == DEFAULT_COLUMNS}
        wanted = f"`{default}`" if default else "—"
        if told.get(f"`{key}`") != wanted:
            wrong.append(f"{file} {table}: `{key}` is {told.get(f'`{key}`')} and should be {wanted}")
    assert not wrong, "\n".join(wrong)


def test_every_field_of_an_event_stands_beside_it() -> None:
    told = {row[0]: codes(row[-1]) for section in reference() for row in section.rows}
    missing = [
        f"{kind}: `{field}`"
        for kind, fields in inventory.events().items()
        for field in fields
        if field not in told.get(f"`{kind}`", [])
    ]
    assert not missing, "\n".join(missing)


def test_every_route_is_told_with_the_roles_that_may_call_it() -> None:
    told = {row[0].strip("`"): row[1] for section in reference() for row in section.rows if len(row) == ROUTE_COLUMNS}
    everybody = frozenset(ROLES)
    wrong = []
    for route, roles in inventory.access().items():
        cell = told.get(route, "")
        named = everybody if cell == "everybody" else None if cell == "open" else frozenset(codes(cell))
        if named != roles:
            wrong.append(f"{route}: {cell!r} and should be {sorted(roles) if roles else roles}")
    assert not wrong, "\n".join(wrong)


def test_every_error_code_is_explained() -> None:
    sections = read([ROOT / "docs" / "errors.md"])
    missing = sorted(code for code in inventory.error_codes() if not mentions(sections, code))
    assert not missing, "\n".join(missing)


def test_every_route_is_explained() -> None:
    sections = reference()
    missing = sorted(route for route in inventory.routes() if not mentions(sections, route))
    assert not missing, "\n".join(missing)


def test_every_environment_variable_is_explained() -> None:
    sections = reference()
    missing = sorted(name for name in inventory.variables() if not mentions(sections, name))
    assert not missing, "\n".join(missing)


def test_every_command_and_option_is_explained() -> None:
    missing = []
    sections = reference()
    for command, options in inventory.commands().items():
        if not mentions(sections, f"toolyard {command}"):
            missing.append(f"`toolyard {command}`")
        missing += [f"toolyard {command}: `{option}`" for option in options if not mentions(sections, option)]
    assert not missing, "\n".join(missing)


def test_every_metric_is_explained() -> None:
    sections = reference()
    missing = sorted(name for name in inventory.metrics() if not mentions(sections, name))
    assert not missing, "\n".join(missing)
