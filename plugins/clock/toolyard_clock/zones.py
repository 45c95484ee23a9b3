"""Finds the time zone somebody means: a tz name, a city, a country with one zone, or an offset; knows no clock.

Names come from the `tzdata` package (the IANA time zone database), so they are the same on every machine.
"""

import difflib
import re
from datetime import timedelta, timezone, tzinfo
from functools import cached_property
from importlib.resources import files
from zoneinfo import ZoneInfo

from toolyard_sdk import ToolError

_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+-])(\d{1,2})(?::?(\d{2}))?\Z")
LARGEST_OFFSET_HOURS = 14
MOST_NAMED = 30  # the United States have 29 zones, and the one that is meant is rarely among the first

_CITIES = {
    "Africa/Johannesburg": "cape town|durban|pretoria",
    "America/Chicago": "dallas|houston|austin|minneapolis",
    "America/Los_Angeles": "san francisco|seattle|san diego|las vegas|silicon valley",
    "America/New_York": "boston|washington|washington dc|miami|atlanta|philadelphia|nyc",
    "America/Sao_Paulo": "rio|rio de janeiro|brasilia",
    "America/Toronto": "montreal|ottawa",
    "Asia/Ho_Chi_Minh": "hanoi",
    "Asia/Kolkata": "mumbai|delhi|new delhi|bangalore|bengaluru|chennai|hyderabad|pune",
    "Asia/Shanghai": "beijing|shenzhen|guangzhou",
    "Asia/Tokyo": "osaka|kyoto",
    "Europe/Berlin": "munich|hamburg|frankfurt|cologne|stuttgart",
    "Europe/Istanbul": "ankara",
    "Europe/London": "edinburgh|manchester|cardiff",
    "Europe/Madrid": "barcelona|valencia",
    "Europe/Moscow": "st petersburg|saint petersburg",
    "Europe/Oslo": "bergen|trondheim|stavanger",
    "Europe/Paris": "lyon|marseille",
    "Europe/Rome": "milan|naples|turin",
    "Europe/Zurich": "geneva|basel|bern",
}
"""Large cities that the database has no zone of their own for."""

_AMBIGUOUS = {
    "ast": "America/Halifax, Asia/Riyadh",
    "bst": "Europe/London, Asia/Dhaka",
    "cdt": "America/Chicago, America/Havana",
    "cest": "Europe/Berlin, Europe/Paris",
    "cst": "America/Chicago, Asia/Shanghai, America/Havana",
    "edt": "America/New_York",
    "eest": "Europe/Helsinki, Europe/Athens",
    "est": "America/New_York, America/Panama (never daylight saving time)",
    "ist": "Asia/Kolkata, Europe/Dublin, Asia/Jerusalem",
    "jst": "Asia/Tokyo",
    "mdt": "America/Denver",
    "mst": "America/Denver, America/Phoenix (never daylight saving time)",
    "pdt": "America/Los_Angeles",
    "pst": "America/Los_Angeles, Asia/Manila",
}
"""Abbreviations that name several zones, or half a year of one: never guessed."""


class Zones:
    """The index of zone names, read when first asked."""

    def find(self, name: str) -> tuple[str, tzinfo]:
        """Return (name, zone) for what somebody wrote; raises ToolError that lists the nearest names."""
        wanted = _plain(name)
        offset = _OFFSET.match(wanted)
        if offset:
            return self._offset(name, offset)
        if wanted in ("z", "utc", "gmt", "zulu"):
            return "UTC", ZoneInfo("UTC")
        if wanted in _AMBIGUOUS:
            raise ToolError(f"{name!r} is an abbreviation: name the zone or city, for example {_AMBIGUOUS[wanted]}.")
        keys = self._keys.get(wanted, ())
        if len(keys) == 1:
            return keys[0], ZoneInfo(keys[0])
        if keys:
            more = ", ..." if len(keys) > MOST_NAMED else ""
            raise ToolError(
                f"{name[:60]!r} has several time zones: choose one of {', '.join(keys[:MOST_NAMED])}{more}."
            )
        near = difflib.get_close_matches(wanted[:60], self._keys, n=5, cutoff=0.6)
        nearest = list(dict.fromkeys(key for each in near for key in self._keys[each]))[:5]
        advice = f"did you mean {', '.join(nearest)}?" if nearest else "write a city or a name such as Europe/Oslo."
        raise ToolError(f"there is no time zone {name[:60]!r}: {advice}")

    def _offset(self, name: str, offset: re.Match[str]) -> tuple[str, tzinfo]:
        away = timedelta(hours=int(offset.group(2)), minutes=int(offset.group(3) or 0))
        if away > timedelta(hours=LARGEST_OFFSET_HOURS) or int(offset.group(3) or 0) >= 60:  # noqa: PLR2004 - minutes
            raise ToolError(f"{name!r} is no offset from UTC: they lie between -14:00 and +14:00.")
        zone = timezone(-away if offset.group(1) == "-" else away)
        return zone.tzname(None), zone

    @cached_property
    def _keys(self) -> dict[str, tuple[str, ...]]:
        """What may be written -> the zones it may mean; countries only where nothing else has the name."""
        found: dict[str, tuple[str, ...]] = {}
        zones = files("tzdata").joinpath("zones").read_text("utf-8").split()
        for key in zones:
            found[_plain(key)] = (key,)
        for key in zones:
            area, _, city = key.rpartition("/")
            if area and area not in ("Etc", "US", "Brazil", "Canada", "Chile", "Mexico", "Australia"):
                found.setdefault(_plain(city), (key,))
        for key in zones:  # Australia's cities come second to nobody, its states (Australia/ACT, /North) to all
            found.setdefault(_plain(key.rpartition("/")[2]), (key,))
        for key, cities in _CITIES.items():
            found.update(dict.fromkeys(cities.split("|"), (key,)))
        found.update({country: keys for country, keys in self._countries().items() if country not in found})
        return found

    def _countries(self) -> dict[str, tuple[str, ...]]:
        """Country name -> its zones, from the tables of the database."""
        data = files("tzdata").joinpath("zoneinfo")
        names = dict(_rows(data.joinpath("iso3166.tab").read_text("utf-8"), 0, 1))
        found: dict[str, tuple[str, ...]] = {}
        for code, key in _rows(data.joinpath("zone.tab").read_text("utf-8"), 0, 2):
            country = _plain(names[code])
            found[country] = (*found.get(country, ()), key)
        return found


def _plain(name: str) -> str:
    return " ".join(name.casefold().replace("_", " ").replace(".", "").split())


def _rows(table: str, first: int, second: int) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in table.splitlines() if line and not line.startswith("#")]
    return [(row[first], row[second]) for row in rows]
