"""Movebank attribute dictionary to record fields, and the ways its names are written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

import polars as pl

from ingest.record import Warning_, counted

EVENT_TERMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "time": ("timestamp",),
        "lon": ("location-long", "location-lon", "longitude", "lon"),
        "lat": ("location-lat", "latitude", "lat"),
        "tag": ("tag-local-identifier", "tag-id"),
        "individual": (
            "individual-local-identifier",
            "animal-id",
            "individual-id",
            "individual-name-deployment-id",
        ),
        "taxon": ("individual-taxon-canonical-name",),
        "taxon_detail": ("taxon-detail",),
        "sensor": ("sensor-type", "sensor-type-id"),
        "visible": ("visible",),
        "outlier_algorithm": ("algorithm-marked-outlier",),
        "outlier_manual": ("manually-marked-outlier",),
        "outlier_import": ("import-marked-outlier",),
        "marked_valid": ("manually-marked-valid",),
        "flags": ("flyways:flags",),
        "verdict": ("flyways:verdict",),
        "verdict_reason": ("flyways:verdict-reason",),
        "provider_id": ("flyways:provider-id",),
        "provider_revision": ("flyways:provider-revision",),
        "solution": ("flyways:solution",),
        "solution_by_hand": ("argos:valid-location-manual",),
        "height_m": (
            "height-above-msl",
            "height-above-mean-sea-level",
            "height-above-ellipsoid",
            "height-raw",
        ),
        "ground_speed_m_s": ("ground-speed",),
        "heading_deg": ("heading",),
        "satellites": ("gps:satellite-count", "gnss:satellite-count"),
        "dop": ("gps:hdop", "gnss:hdop", "gps:dop", "gnss:dop", "gps:pdop", "gnss:pdop"),
        "error_m": (
            "location-error-numerical",
            "eobs:horizontal-accuracy-estimate",
            "argos:error-radius",
            "sigfox:computed-location-radius",
        ),
        "error_percent": ("location-error-percentile",),
        "argos_class": ("argos:lc",),
        "semi_major_m": ("argos:semi-major",),
        "semi_minor_m": ("argos:semi-minor",),
        "orientation_deg": ("argos:orientation",),
        "lon1": ("argos:lon1",),
        "lat1": ("argos:lat1",),
        "lon2": ("argos:lon2",),
        "lat2": ("argos:lat2",),
        "battery_v": ("tag-voltage", "eobs:battery-voltage", "tag-battery-voltage"),
        "temperature_c": ("external-temperature", "eobs:temperature"),
        "activity": (
            "activity-count",
            "mw:activity-count",
            "gps:activity-count",
            "gsm:activity-count",
            "gt:activity-count",
            "eobs:activity",
        ),
    }
)
"""
Field to Movebank terms, best first: in each row the first term that holds a value is taken.

``event-id`` is left out on purpose: real files hold one event-id per bird, so it can't tell
fixes apart. ``argos:altitude`` is the altitude the location was computed with, not the bird's.
The terms of ``flyways:`` are those of our own export: where its flags say why a fix is not
visible, no person marked it, and the same checks will find it again; where its verdict is
``hide``, ``visible`` and ``manually-marked-outlier`` tell of that one, and no sender marked it.
``manually-marked-valid`` overrules every mark of an outlier, as in Movebank itself.
``argos:valid-location-manual`` (1 or 2) says which solution of an Argos pass a person took for the
true one.
Tags that use other satellites than those of GPS have a sensor of their own, GNSS, and with it names
that begin with ``gnss:``. What people send under the names that Movebank shows (``height above mean
sea level``) is read as what it exports.
``location-error-percentile`` says of ``location-error-numerical`` alone, as the dictionary has it,
how many of a hundred fixes have no larger error: see `accuracy`. Without it a stated error is taken
as one sigma.
"""

REFERENCE_TERMS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "tag": ("tag-id", "tag-local-identifier"),
        "individual": ("animal-id", "individual-local-identifier"),
        "taxon": ("animal-taxon", "individual-taxon-canonical-name"),
        "deploy_on": ("deploy-on-date", "deploy-on-timestamp"),
        "deploy_off": ("deploy-off-date", "deploy-off-timestamp"),
        "deployment_id": ("deployment-id",),
        "aliases": ("flyways:tag-aliases",),
        "implied": ("flyways:deployment-implied",),
    }
)
"""
Field of a deployment to Movebank terms, best first; both dialects of the reference file.

Two are of our own export: ``flyways:tag-aliases``, the other names of the tag as a JSON array, and
``flyways:deployment-implied``, true of a deployment that names in event rows imply.
"""

_DESCRIBED: Mapping[str, Literal["tag", "individual"]] = MappingProxyType(
    {"tag": "tag", "animal": "individual", "individual": "individual", "taxon": "individual"}
)
"""First word of a term to what it describes."""

_AT_CAPTURE = frozenset({"animal-life-stage", "animal-mass", "animal-reproductive-condition"})
"""What the dictionary tells of the animal as it was when the deployment began."""


def described(name: str) -> Literal["tag", "individual", "deployment"]:
    """
    Tell what a further term of reference data describes.

    Each row is one deployment: what names neither tag nor animal is said of that one, as
    ``deploy-on-latitude``, ``attachment-type`` or ``study-site``, and so is a column that nobody
    knows. A bird that wears two tags has two of them. Life stage, mass and reproductive condition
    are by Movebank's dictionary those at the beginning of the deployment: a bird that was caught as
    a juvenile and again as an adult has both.

    Examples
    --------
    >>> [described(name) for name in ("tag-model", "animal-sex", "deploy-on-person", "note")]
    ['tag', 'individual', 'deployment', 'deployment']
    >>> described("animal-life-stage")
    'deployment'
    """
    if name in _AT_CAPTURE:
        return "deployment"
    return _DESCRIBED.get(name.partition("-")[0], "deployment")


SENSOR_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "gps": "gps",
        "gnss": "gps",
        "gps-transmitter": "gps",
        "653": "gps",
        "argos": "argos",
        "argos-doppler-shift": "argos",
        "82798": "argos",
    }
)
"""Movebank sensor type, name or id, to one of SENSORS; any other type is ``other``."""


def sensor_of(kind: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    """
    Return the sensor that a Movebank type names, or another expression where none is named.

    Data packages write types as they are shown (``Argos Doppler Shift``), the service as names
    with hyphens or by id, and pandas makes ``653.0`` of an id in a column with gaps.
    """
    name = kind.str.to_lowercase().str.strip_chars().str.replace_all(r"[\s_]+", "-")
    known = name.str.replace(r"\.0$", "").replace_strict(
        SENSOR_TYPES, default="other", return_dtype=pl.String
    )
    return pl.when(kind.is_null()).then(otherwise).otherwise(known).alias("sensor")


def sensor_by_class(kind: pl.Expr, argos_class: pl.Expr, otherwise: str = "gps") -> pl.Expr:
    """Return the sensor as `sensor_of` does; where none is named, a class is of Argos alone."""
    doppler = pl.when(argos_class.is_not_null()).then(pl.lit("argos"))
    return sensor_of(kind, doppler.otherwise(pl.lit(otherwise)))


YES, NO = ("true", "1", "yes"), ("false", "0", "no")
"""How files write that something is so, in lower case."""


def term(name: str) -> str:
    """
    Bring a column name to the form all dialects share.

    Movebank writes ``gps:satellite-count`` in files, ``gps_satellite_count`` in its service, and
    R makes ``gps.satellite.count`` of it.

    Examples
    --------
    >>> term(" gps_satellite.count"), term("argos:lc"), term("Location Long")
    ('gps-satellite-count', 'argos-lc', 'location-long')
    """
    return re.sub(r"[\s._:/-]+", "-", name.strip().strip('"').lower()).strip("-")


def hyphenated(name: str) -> str:
    """Return the name as Movebank's files write it: lower case, hyphens, colons kept."""
    return re.sub(r"[\s._-]+", "-", name.strip().strip('"').lower()).strip("-")


def columns_of(
    header: Sequence[str], terms: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[int, ...]]:
    """
    Find the columns of each field in a header.

    Parameters
    ----------
    header : sequence of str
        Column names as sent.
    terms : mapping
        `EVENT_TERMS` or `REFERENCE_TERMS`.

    Returns
    -------
    dict of str to tuple of int
        Column indices of each field that is present, best first.

    Examples
    --------
    >>> columns_of(["location.long", "longitude", "time"], EVENT_TERMS)
    {'lon': (0, 1)}
    """
    exact: dict[str, int] = {}
    alike: dict[str, int] = {}
    for i, name in enumerate(header):
        exact.setdefault(name.strip(), i)
        alike.setdefault(term(name), i)
    found = {
        field: tuple(
            exact.get(name, alike.get(term(name), -1))
            for name in names
            if name in exact or term(name) in alike
        )
        for field, names in terms.items()
    }
    return {field: columns for field, columns in found.items() if columns}


def told_twice(header: Sequence[str], columns: Mapping[str, tuple[int, ...]]) -> list[Warning_]:
    """
    Warn of columns that are read and have the name of another: the first of each is read.

    Examples
    --------
    >>> header = ["location-lat", "location_lat", "location-long", "note", "note"]
    >>> [w.detail for w in told_twice(header, columns_of(header, EVENT_TERMS))]
    ["Columns that another has the name of were not read: 'location_lat'."]
    """
    read = {index for indices in columns.values() for index in indices}
    names = {term(header[index]) for index in read}
    unread = [n for i, n in enumerate(header) if i not in read and term(n) in names]
    if not unread:
        return []
    named = ", ".join(repr(name[:60]) for name in unread[:10])
    return [
        Warning_("column-twice", f"Columns that another has the name of were not read: {named}.")
    ]


def tag_of_name_not_used(named: str | None, tag: str | None) -> list[Warning_]:
    """Warn that a push was told with another tag than the name of its file gives."""
    if named is None or tag is None or named == (tag.lstrip("0") or "0"):
        return []
    detail = (
        f"The name of the file gives the tag {named[:60]!r}, which was not used: the push was told"
        f" with the tag {tag[:60]!r}."
    )
    return [Warning_("tag-not-used", detail)]


def tag_not_used(tag: str) -> Warning_:
    """Warn that a tag was told with a push whose rows name theirs."""
    detail = f"The tag told with the push, {tag[:60]!r}, was not used: its rows name theirs."
    return Warning_("tag-not-used", detail)


def tag_not_used_of(tag: str, units: int) -> list[Warning_]:
    """Warn that a tag was told with a push of which some units name another, or their bird."""
    sentence = (
        "Units that name their tag or bird, so that the tag told with the push,"
        f" {tag[:60]!r}, was not used of them: {{total}}."
    )
    return counted("tag-not-used", sentence, {"units": units})
