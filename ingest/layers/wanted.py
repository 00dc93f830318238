"""What a sender wants read of a layer that holds more than one thing."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ingest.refusal import UnreadablePush

NAMES_TOLD = 5
"""Names of tables that a refusal lists."""


class Wanted(msgspec.Struct, frozen=True):
    """
    The columns and the table of a layer.

    Attributes
    ----------
    class_property : str or None
        Column that names the class; None puts all areas in one class.
    date_property : str or None
        Column that tells since when an area is of its class.
    table : str or None
        Table of a GeoPackage, or file name in a zip without its end; None where there is one.
    """

    class_property: str | None = None
    date_property: str | None = None
    table: str | None = None


def only_table(tables: Sequence[str], wanted: str | None) -> str:
    """Return the table to read: the one that is wanted, or the only one."""
    found = [name for name in tables if wanted in (None, name)]
    if len(found) != 1:
        told = ", ".join(name[:60] for name in tables[:NAMES_TOLD]) or "none"
        raise UnreadablePush(
            "layer-ambiguous",
            f"The file holds {len(tables)} layers of geometries: {told}.",
            "Name one of them with table=, or send a file that holds one.",
        )
    return found[0]
