"""Finds what an argument could hold in a clause of text: sums, places, dates, paths, quotations; knows no schema."""

import re

_QUOTED = re.compile(r"\"([^\"]*)\"|'(?=\S)([^']*)'(?!\w)|“([^”]*)”|`([^`]*)`")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?![\w.]*[\w])")
_PATH = re.compile(r"(?<!\S)(?:[\w.-]+/)*[\w-]+\.[A-Za-z][A-Za-z0-9]{0,4}(?![\w/])")
_TO_PATH = re.compile(r"\s+(?:to|into|in|as|from)\s+(?:the\s+file\s+)?(?:[\w.-]+/)*[\w-]+\.[A-Za-z][A-Za-z0-9]{0,4}\Z")
_URL = re.compile(r"https?://[^\s,;\"'<>]+")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_TIME = re.compile(
    r"\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:Z|[-+]\d\d:\d\d)?)?|\b\d{1,2}:\d\d(?::\d\d)?\b|\b\d{1,2} ?[ap]m\b"
    r"|\b(?:today|tomorrow|yesterday|now)\b",
    re.IGNORECASE,
)
_DURATION = re.compile(
    r"\bP(?=\d|T\d)[\dYMWDTHS]+\b|\b\d+ (?:second|minute|hour|day|week|month|year)s?\b(?: and \d+ \w+)?", re.IGNORECASE
)
_CAPITALS = re.compile(r"(?:\b(?:in|for|to|of|at|from|with|named)\s+)?((?:[A-Z][\w'-]*)(?:\s+[A-Z][\w'-]*)*)")
_SEEKS = re.compile(r"(?:please )?(?:search|find|look)\b", re.IGNORECASE)
_SOUGHT = re.compile(r"\b(?:for|about|named|called)\s+(?:the (?:word|text|phrase)\s+)?(.+)\Z", re.IGNORECASE)
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
_ROLES = (
    ("sum", ("expression", "formula", "calculation", "equation")),
    ("zone", ("zone", "tz")),
    ("path", ("path", "file", "folder", "directory")),
    ("url", ("url", "uri", "link")),
    ("mail", ("mail",)),
    ("duration", ("duration", "interval", "period")),
    ("time", ("date", "day", "when", "time", "start", "end", "since", "until")),
    ("content", ("content", "text", "body", "message", "note", "data")),
    ("name", ("city", "location", "place", "country", "name", "person", "recipient", "user")),
)
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
_ZONE = re.compile(
    r"(?:\b(in|to|into|from|at|for)\s+)?\b((?-i:[A-Z][A-Za-z]+/[A-Z][A-Za-z_]+)|UTC|" + "|".join(_CITIES) + r")\b",
    re.IGNORECASE,
)


class Clause:
    """A clause while arguments are taken out of it: what one argument used, the next does not see.

    `found` is the text of earlier results, for "save the answer".
    """

    def __init__(self, text: str, found: str = "") -> None:
        self.text = text
        self.found = found
        self.quoted = [next(filter(None, match.groups()), "") for match in _QUOTED.finditer(text)]
        bare = _QUOTED.sub(" ", text)
        self.zones = [
            ((match.group(1) or "").lower(), _CITIES.get(match.group(2).lower(), match.group(2)))
            for match in _ZONE.finditer(bare)
        ]
        self.paths = _PATH.findall(bare)
        self.durations = _DURATION.findall(bare)
        self.times = _TIME.findall(bare)
        self.numbers = _NUMBER.findall(_TIME.sub(" ", bare))
        self.names = [match.group(1) for match in _CAPITALS.finditer(bare) if match.start(1) or match.start()]
        self.sums = _sums(_TIME.sub(" ", bare))

    def left(self) -> int:
        """Return how many things have not been taken yet."""
        return sum(map(len, (self.quoted, self.paths, self.times, self.numbers, self.names, self.zones)))

    def bare(self) -> str:
        """Return the clause without its opening words and the file it names: what is left to remember, to say."""
        said = _TO_PATH.sub("", _OPENING.sub("", self.text).strip())
        return said or self.text

    def string(self, name: str, role: str) -> str | None:
        """Take the text that fits a property of this name and role; None when there is none that surely does."""
        match role:
            case "sum":
                found = _next(self.sums)
            case "zone":
                found = self._zone(name)
            case "url" | "mail":
                match = (_URL if role == "url" else _MAIL).search(self.text)
                found = match.group() if match else None
            case "time":
                found = _next(self.times)
            case "duration":
                found = _next(self.durations)
            case "path":
                found = _next(self.paths) or _next(self.quoted)
            case "content":
                found = _next(self.quoted) or self.found or None
            case "name":
                found = _next(self.quoted) or _next(self.names)
            case _:
                found = _next(self.quoted)
        return found

    def rest(self, role: str) -> str | None:
        """Return what a needed text of this role holds when nothing surely fits; None for roles with a form."""
        if role in ("content", "name", "text"):
            sought = _SOUGHT.search(self.text) if role == "text" or _SEEKS.match(self.text) else None
            return sought.group(1) if sought else self.bare()
        return {"zone": "UTC", "time": "2026-01-01"}.get(role)

    def _zone(self, name: str) -> str | None:
        """Take a place; `to_zone` and `from_zone` prefer one after such a word."""
        wanted = ("to", "into") if name.startswith(("to", "target")) else ("in", "from", "at") if "from" in name else ()
        for index, (preposition, zone) in enumerate(self.zones):
            if preposition in wanted or not wanted or len(self.zones) == 1:
                del self.zones[index]
                return zone
        return None


def role_of(name: str, kind: str) -> str:
    """Return what a text property is likely to hold, by its format and its name."""
    known = {"date": "time", "date-time": "time", "time": "time", "duration": "duration", "uri": "url", "email": "mail"}
    if kind in known:
        return known[kind]
    lowered = name.lower()
    for role, hints in _ROLES:
        if any(hint in lowered for hint in hints):
            return role
    return "text"


def _sums(text: str) -> list[str]:
    """Return the sums in a text, words for operators replaced, the longest first."""
    for pattern, symbol in _IN_WORDS:
        text = pattern.sub(symbol, text)
    found = [" ".join(match.group().split()).rstrip("+-*/^( ").replace("^", "**") for match in _SUM.finditer(text)]
    return sorted(filter(None, found), key=len, reverse=True)


def _next(found: list[str]) -> str | None:
    return found.pop(0) if found else None
