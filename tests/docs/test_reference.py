"""The reference forgets nothing: each subject is one test; its message lists what is missing and where it belongs."""

from tests.docs import inventory
from tests.docs.pages import Section, mentions, reference


def _headed(sections: list[Section], word: str) -> list[Section]:
    """Return the sections whose heading holds a word as code."""
    return [section for section in sections if f"`{word}`" in section.heading]


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
        under = _headed(sections, place) + _headed(sections, f"[{place}]")
        if not under and keys:
            missing.append(f"{file}: no heading with `{place}`")
        missing += [f"{file} {place}: `{key}`" for key in keys if under and not mentions(under, key)]
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
