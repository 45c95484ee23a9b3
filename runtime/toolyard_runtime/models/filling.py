"""Fills a tool's arguments from a clause of text by JSON Schema type; sensible values where the text gives none."""

import re
from typing import Any

_QUOTED = re.compile(r"\"([^\"]*)\"|'(?=\S)([^']*)'(?!\w)|“([^”]*)”|`([^`]*)`")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w.]*[\w])")
_PATH = re.compile(r"(?<!\S)(?:[\w.-]+/)*[\w-]+\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/])")
_URL = re.compile(r"https?://[^\s,;\"'<>]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_ZONE = re.compile(r"\b[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+\b")
_CAPITALS = re.compile(r"(?:\b(?:in|for|to|of|at|from|with|named)\s+)?((?:[A-Z][\w'-]*)(?:\s+[A-Z][\w'-]*)*)")
_OPENING = re.compile(
    r"\A(?:(?:please|can you|could you|what(?: is|'s| are)?|which|who is|how much is|how many is|tell me|give me"
    r"|show me|calculate|compute|work out|find|search(?: for)?|look up|read|open|write|save|store|remember(?: that)?"
    r"|note(?: that)?)\s+)+",
    re.IGNORECASE,
)
_IN_WORDS = (
    (re.compile(r"\bdivided by\b|\u00f7", re.IGNORECASE), " / "),
    (re.compile(r"\b(?:multiplied by|times)\b|\u00d7", re.IGNORECASE), " * "),
    (re.compile(r"\bplus\b", re.IGNORECASE), " + "),
    (re.compile(r"\bminus\b", re.IGNORECASE), " - "),
    (re.compile(r"\bto the power of\b", re.IGNORECASE), " ** "),
    (re.compile(r"\bsquare root of\s+(\d+(?:\.\d+)?)", re.IGNORECASE), r" sqrt(\1) "),
    (re.compile(r"\bsquared\b", re.IGNORECASE), " ** 2 "),
    (re.compile(r"(\d+(?:\.\d+)?)\s*(?:%|per ?cent)\s+of\s+(\d+(?:\.\d+)?)", re.IGNORECASE), r" \2 * \1 / 100 "),
    (re.compile(r"\b(?:sum of|add)\s+(\d+(?:\.\d+)?)\s+(?:and|to)\s+(\d+(?:\.\d+)?)", re.IGNORECASE), r" \1 + \2 "),
)
_SUM = re.compile(r"(?:sqrt\(|[-+(]*\d)(?:[\d.\s+*/()^%-]|sqrt\()*")
_CITIES = {
    "amsterdam": "Europe/Amsterdam",
    "athens": "Europe/Athens",
    "auckland": "Pacific/Auckland",
    "bangalore": "Asia/Kolkata",
    "beijing": "Asia/Shanghai",
    "berlin": "Europe/Berlin",
    "boston": "America/New_York",
    "cairo": "Africa/Cairo",
    "chicago": "America/Chicago",
    "copenhagen": "Europe/Copenhagen",
    "delhi": "Asia/Kolkata",
    "dubai": "Asia/Dubai",
    "helsinki": "Europe/Helsinki",
    "hong kong": "Asia/Hong_Kong",
    "istanbul": "Europe/Istanbul",
    "johannesburg": "Africa/Johannesburg",
    "lagos": "Africa/Lagos",
    "lisbon": "Europe/Lisbon",
    "london": "Europe/London",
    "los angeles": "America/Los_Angeles",
    "madrid": "Europe/Madrid",
    "mexico city": "America/Mexico_City",
    "moscow": "Europe/Moscow",
    "mumbai": "Asia/Kolkata",
    "nairobi": "Africa/Nairobi",
    "new york": "America/New_York",
    "oslo": "Europe/Oslo",
    "paris": "Europe/Paris",
    "rome": "Europe/Rome",
    "san francisco": "America/Los_Angeles",
    "sao paulo": "America/Sao_Paulo",
    "seattle": "America/Los_Angeles",
    "seoul": "Asia/Seoul",
    "shanghai": "Asia/Shanghai",
    "singapore": "Asia/Singapore",
    "stockholm": "Europe/Stockholm",
    "sydney": "Australia/Sydney",
    "tokyo": "Asia/Tokyo",
    "toronto": "America/Toronto",
    "vienna": "Europe/Vienna",
    "zurich": "Europe/Zurich",
}
_DEPTH = 6


class Clause:
    """A clause while arguments are taken out of it: what one argument used, the next does not see."""

    def __init__(self, text: str, found: str) -> None:
        self.text = text
        self.found = found
        self.quoted = [next(filter(None, match.groups()), "") for match in _QUOTED.finditer(text)]
        bare = _QUOTED.sub(" ", text)
        self.paths = _PATH.findall(bare)
        self.numbers = _NUMBER.findall(_DATE.sub(" ", bare))
        self.dates = _DATE.findall(bare)
        self.names = [match.group(1) for match in _CAPITALS.finditer(bare) if match.start(1) or match.start()]

    def bare(self) -> str:
        """Return the clause without its opening words: what is left to search for, to remember, to say."""
        return _OPENING.sub("", self.text).strip() or self.text


def fill(schema: dict[str, Any], clause: str, found: str = "") -> dict[str, Any]:
    """Return arguments that fit an object schema; `found` is the text of earlier results, for "save the answer"."""
    return _object(schema, Clause(clause, found), schema, 0)


def _object(schema: dict[str, Any], clause: Clause, root: dict[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    properties = properties if isinstance(properties, dict) else {}
    required = schema.get("required")
    required = [name for name in required if isinstance(name, str)] if isinstance(required, list) else []
    # Text that can be anything takes what is left, so it comes last; the result keeps the schema's order.
    order = sorted(properties, key=lambda name: (name not in required, _greed(name, properties[name])))
    filled = {}
    for name in order:
        value = _value(name, properties[name], clause, root, depth, needed=name in required)
        if value is not None:
            filled[name] = value
    return {name: filled[name] for name in properties if name in filled}


def _greed(name: str, schema: Any) -> int:
    kind = schema.get("type") if isinstance(schema, dict) else None
    if kind != "string":
        return 0
    return 2 if _role(name) in ("content", "text") else 1


def _value(name: str, schema: Any, clause: Clause, root: dict[str, Any], depth: int, *, needed: bool) -> Any:
    """Return a value for one property, None to leave it out."""
    schema = _resolved(schema, root)
    if depth > _DEPTH:
        return None
    if "const" in schema:
        return schema["const"]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return _one_of(schema["enum"], clause, needed=needed, default=schema.get("default"))
    kind = schema.get("type")
    kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
    value: Any = None
    if kind in ("integer", "number"):
        value = _number(schema, clause, whole=kind == "integer", needed=needed)
    elif kind == "boolean":
        value = _boolean(name, clause)
    elif kind == "array":
        value = _array(name, schema, clause, root, depth)
    elif kind == "object" or "properties" in schema:
        value = _object(schema, clause, root, depth + 1) if needed else None
    else:
        value = _string(name, schema, clause, needed=needed)
    if value is None and needed:
        return _default(schema, kind)
    return value


def _resolved(schema: Any, root: dict[str, Any]) -> dict[str, Any]:
    """Follow local references and take the first alternative that is not null."""
    for _ in range(_DEPTH):
        if not isinstance(schema, dict):
            return {}
        reference = schema.get("$ref")
        alternatives = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(reference, str) and reference.startswith("#/$defs/"):
            definitions = root.get("$defs")
            schema = definitions.get(reference[8:]) if isinstance(definitions, dict) else None
        elif isinstance(alternatives, list) and alternatives:
            schema = next((one for one in alternatives if one != {"type": "null"}), {})
        else:
            return schema
    return {}


def _default(schema: dict[str, Any], kind: Any) -> Any:
    if schema.get("default") is not None:
        return schema["default"]
    examples = schema.get("examples")
    if isinstance(examples, list) and examples:
        return examples[0]
    return {"integer": 1, "number": 1, "boolean": False, "array": [], "object": {}}.get(str(kind), "")


def _one_of(options: list[Any], clause: Clause, *, needed: bool, default: Any) -> Any:
    lowered = clause.text.lower()
    for option in options:
        if isinstance(option, str) and re.search(rf"(?<!\w){re.escape(option.lower().replace('_', ' '))}", lowered):
            return option
    return (default if default is not None else options[0]) if needed else None


def _number(schema: dict[str, Any], clause: Clause, *, whole: bool, needed: bool) -> int | float | None:
    for index, text in enumerate(clause.numbers):
        if not whole or float(text).is_integer():
            del clause.numbers[index]
            value = int(float(text)) if whole else float(text)
            low, high = schema.get("minimum"), schema.get("maximum")
            value = max(value, low) if isinstance(low, int | float) else value
            value = min(value, high) if isinstance(high, int | float) else value
            return int(value) if float(value).is_integer() else value
    low = schema.get("minimum")
    return low if needed and isinstance(low, int | float) and schema.get("default") is None else None


def _boolean(name: str, clause: Clause) -> bool | None:
    said = re.search(
        rf"(not |no |without |don't )?(?:\w+ )?{re.escape(name.replace('_', ' '))}", clause.text, re.IGNORECASE
    )
    return said.group(1) is None if said else None


def _array(name: str, schema: dict[str, Any], clause: Clause, root: dict[str, Any], depth: int) -> list[Any] | None:
    items = _resolved(schema.get("items", {}), root)
    found: list[Any] = []
    most = schema.get("maxItems")
    while len(found) < (most if isinstance(most, int) else 100):
        sources = len(clause.numbers) + len(clause.quoted) + len(clause.paths) + len(clause.names)
        value = _value(name, items, clause, root, depth + 1, needed=False)
        if value is None or sources == len(clause.numbers) + len(clause.quoted) + len(clause.paths) + len(clause.names):
            break
        found.append(value)
    return found or None


def _role(name: str) -> str:
    """Return what a property of this name is likely to hold."""
    lowered = name.lower()
    for role, hints in (
        ("sum", ("expression", "formula", "calculation", "equation")),
        ("zone", ("zone", "tz")),
        ("path", ("path", "file", "folder", "directory")),
        ("url", ("url", "uri", "link")),
        ("mail", ("mail",)),
        ("date", ("date", "day", "when")),
        ("content", ("content", "text", "body", "message", "note", "data")),
        ("name", ("city", "location", "place", "country", "name", "person", "recipient", "user")),
    ):
        if any(hint in lowered for hint in hints):
            return role
    return "text"


def _string(name: str, schema: dict[str, Any], clause: Clause, *, needed: bool) -> str | None:
    role = {"date": "date", "uri": "url", "email": "mail"}.get(str(schema.get("format"))) or _role(name)
    match role:
        case "sum":
            found = _sum(clause.text)
        case "zone":
            found = _zone(clause, needed=needed)
        case "url" | "mail":
            match = (_URL if role == "url" else _MAIL).search(clause.text)
            found = match.group() if match else None
        case "date":
            found = _next(clause.dates) or ("2026-01-01" if needed else None)
        case "path":
            found = _next(clause.paths) or _next(clause.quoted)
        case "content":
            found = _next(clause.quoted) or clause.found or (clause.bare() if needed else None)
        case "name":
            found = _next(clause.quoted) or _next(clause.names) or (clause.bare() if needed else None)
        case _:
            found = _next(clause.quoted) or (clause.bare() if needed else None)
    return found


def _next(found: list[str]) -> str | None:
    return found.pop(0) if found else None


def _sum(text: str) -> str | None:
    for pattern, symbol in _IN_WORDS:
        text = pattern.sub(symbol, text)
    found = [" ".join(match.group().split()).strip() for match in _SUM.finditer(text)]
    longest = max(found, key=len, default="")
    return longest.rstrip("+-*/^( ").replace("^", "**") or None


def _zone(clause: Clause, *, needed: bool) -> str | None:
    match = _ZONE.search(clause.text)
    if match:
        return match.group()
    lowered = clause.text.lower()
    for city, zone in _CITIES.items():
        if re.search(rf"\b{city}\b", lowered):
            return zone
    return "UTC" if needed or "utc" in lowered else None
