"""What a JSON push says at a place that is not read: it would be lost, and nobody would know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ingest.record import Warning_, counted

_HOLDERS = frozenset(
    {
        "location", "position", "coordinates", "coords", "coordinate", "geometry", "point", "gps",
        "geo", "geopoint", "latlng", "latlon", "lnglat", "lonlat", "properties", "fix", "loc",
    }
)  # fmt: skip
_COORDINATES = frozenset(
    {
        "lon", "long", "lng", "longitude", "locationlong", "locationlon", "longitudee", "lond",
        "lat", "latitude", "locationlat", "latituden",
    }
)  # fmt: skip
_DEPTH_MAX = 3  # {"properties": {"location": {"lon": ...}}}


def seems_placed(element: Mapping[str, object], depth: int = 1) -> bool:
    """
    Tell whether some key of an element looks like that of a coordinate, and holds something.

    It is asked of elements in which no position was found: there ``longitude`` beside ``lon``
    that is blank, or ``{"location": {"lon": ...}}``, is one that nobody reads. A name of a place
    (``"location": "Poyang Lake"``) is none.

    Examples
    --------
    >>> seems_placed({"Longitude": 116.3}), seems_placed({"longitude": None, "location": "pond"})
    (True, False)
    """
    for key, value in element.items():
        name = "".join(filter(str.isalnum, key.casefold()))
        if name in _COORDINATES and isinstance(value, int | float | str) and value != "":
            return True
        if name not in _HOLDERS:
            continue
        if isinstance(value, list) and any(isinstance(each, int | float) for each in value):
            return True
        if isinstance(value, Mapping) and depth < _DEPTH_MAX and seems_placed(value, depth + 1):
            return True
    return False


def lists_told(unread: Mapping[str, int]) -> list[Warning_]:
    """
    Warn of arrays of objects beside the one that was read.

    Parameters
    ----------
    unread : mapping of str to int
        Top-level key to how many objects its array holds.

    Returns
    -------
    list of Warning_
        One, ``list-unread``, or none.
    """
    sentence = "Arrays beside the one that was read, with how many objects they hold: {frequent}."
    return counted("list-unread", sentence, {ascii(k[:40]): n for k, n in unread.items()})


def at(element: Mapping[str, object], path: str) -> object:
    """Return the value at a path, None where the way to it is another."""
    value: object = element
    for key in path.split("."):
        if isinstance(value, list) and key.isdecimal():
            value = value[int(key)] if int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, Mapping) else None
    return value


def paths_of(coordinates: Iterable[str]) -> dict[str, set[str]]:
    """Return the paths under which coordinates stand, and by which keys."""
    holders: dict[str, set[str]] = {}
    for path in coordinates:
        holder, _, key = path.rpartition(".")
        holders.setdefault(holder, set()).add(key)
    return holders


def other_form(element: Mapping[str, object], holders: Mapping[str, set[str]]) -> bool:
    """Tell whether a position was sent in a form that is not read: it would seem to be none."""
    sent = {path: at(element, path) if path else element for path in holders}

    def knows(path: str) -> bool:
        value = sent[path]
        if isinstance(value, list):
            return any(key.isdecimal() and int(key) < len(value) for key in holders[path])
        return isinstance(value, Mapping) and bool(holders[path] & value.keys())

    return any(path and sent[path] for path in holders) and not any(map(knows, holders))
