"""Coordinate systems that GeoJSON declares: the member ``crs``, which RFC 7946 dropped."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from ingest.layers.projection import transformer
from ingest.refusal import UnreadablePush

Mover = Callable[[Sequence[object]], list[object]]
"""Brings one position, x and y and what else it has, to longitude and latitude of WGS 84."""

_LON_LAT = re.compile(r"\bCRS:?84$", re.IGNORECASE)  # of WGS 84: OGC:1.3:CRS84, OGC/1.3/CRS84
_EPSG = re.compile(r"\bEPSG[:/](?:[0-9.]*[:/])?([0-9]{4,6})$", re.IGNORECASE)
_POLE_DEG = 90.0


class _Document(msgspec.Struct):
    """A GeoJSON object, of which one member is read."""

    crs: object = None


def declared(payload: bytes) -> object:
    r"""
    Return the ``crs`` of a GeoJSON object, None where it is none or has none.

    Of text that breaks off only what stands before its features is read.

    Examples
    --------
    >>> declared(b'{"crs": "EPSG:3857", "features": [{"ty')
    'EPSG:3857'
    """
    if b'"crs"' not in payload:
        return None
    head = payload[: max(payload.find(b'"features"'), 0)].rstrip(b" \t\r\n,") + b"}"
    for text in (payload, head):
        try:
            return msgspec.json.decode(text.removeprefix(b"\xef\xbb\xbf"), type=_Document).crs
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
    return None


class Frames:
    """The coordinate systems of one push, each looked up once."""

    def __init__(self) -> None:
        self._movers: dict[str, Mover | None] = {}

    def mover(self, crs: object) -> Mover | None:
        """
        Return what brings positions of a declared system to WGS 84.

        Parameters
        ----------
        crs : object
            The member as it is sent. A name of the OGC or of EPSG is known; axes are taken as x, y
            (longitude first), as GeoJSON has them whatever the definition says.

        Returns
        -------
        callable or None
            None where they are of WGS 84, or nothing is declared.

        Raises
        ------
        UnreadablePush
            Code ``crs-unsupported``.

        Examples
        --------
        >>> move = Frames().mover({"type": "name", "properties": {"name": "EPSG:3857"}})
        >>> [round(axis, 6) for axis in move([12_245_143.99, 4_865_942.28, 7.5])]
        [110.0, 40.0, 7.5]
        """
        if crs is None:
            return None
        properties = crs.get("properties") if isinstance(crs, dict) else None
        name = properties.get("name") if isinstance(properties, dict) else crs
        if not isinstance(name, str):
            raise _unsupported("a coordinate system without a name")
        if name not in self._movers:
            self._movers[name] = _mover(name)
        return self._movers[name]


def _mover(name: str) -> Mover | None:
    found = _EPSG.search(name)
    if _LON_LAT.search(name):
        return None
    if not found:
        raise _unsupported(f"the coordinate system {name[:60]!r}")
    try:
        leads = transformer(f"EPSG:{found[1]}")
    except UnreadablePush as unknown:
        raise _unsupported(f"the coordinate system {name[:60]!r}") from unknown
    if leads is None:
        return None

    def moved(position: Sequence[object]) -> list[object]:
        x, y, *rest = position
        if not (_is_number(x) and _is_number(y)):
            return [x, y, *rest]
        lon, lat = leads.transform(float(str(x)), float(str(y)))
        # What lies outside the plane ends at a pole or nowhere: as sent, it is out of range.
        return [lon, lat, *rest] if abs(lat) < _POLE_DEG else [x, y, *rest]

    return moved


def _is_number(axis: object) -> bool:
    return isinstance(axis, int | float) and not isinstance(axis, bool)


def _unsupported(what: str) -> UnreadablePush:
    return UnreadablePush(
        "crs-unsupported",
        f"The push declares {what}, from which nothing here leads to WGS 84.",
        "Send longitude and latitude of WGS 84 and no crs member (ogr2ogr -t_srs EPSG:4326), or"
        " name the coordinate system by its EPSG code.",
    )
