"""Tells which argument does not fit, in a word that holds nothing of what was written; knows no tool.

Whoever checks arguments says in words what is wrong: a Python tool by msgspec, another one by its JSON Schema, a
stranger's by whatever it uses. The words may hold what a model wrote, so nothing of them is kept but a name that the
tool's own schema has.
"""

import re
from collections.abc import Mapping
from typing import Any

STRANGER = "?"
"""Stands for an argument that the schema does not have."""

_REMINDER = re.compile(r"\bThe arguments\b")
_PLACE = re.compile(r"`\$?\.?([\w-]+)[^`]*`")
_QUOTED = re.compile(r"[`'\"]([\w.$-]+)[`'\"]")
_UNKNOWN = re.compile(r"unknown field|[Aa]dditional propert|[Uu]nexpected|[Ee]xtra ")
_PATH = re.compile(r"\bat `\$\.([\w-]+)")


def field_at_fault(words: str, schema: Mapping[str, Any]) -> str:
    """Return the top-level property that the words are about, "?" for an unknown one, "" where they do not say."""
    found = schema.get("properties")
    known = found if isinstance(found, Mapping) else {}
    told = _REMINDER.split(words, maxsplit=1)[0]
    for pattern in (_PATH, _PLACE, _QUOTED):
        for name in pattern.findall(told):
            if name in known:
                return str(name)
    return STRANGER if _UNKNOWN.search(told) else ""
