"""GeoJSON features as text, written by the database in bulk (RFC 7946)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute
from app.store.sight import cut

DECIMALS = 7
"""Decimals of a degree in GeoJSON: 1 cm, finer than any tag."""


@dataclass(frozen=True, slots=True)
class Feature:
    """One feature as JSON text, and its place in the order of the feed."""

    text: str
    key: tuple[Any, ...]


def when(column: str) -> str:
    """Return the SQL of a time in RFC 3339 with Z."""
    return f"replace(to_json({column}) #>> '{{}}', '+00:00', 'Z')"


def geometry(shape: str) -> str:
    """
    Return the SQL of a geometry as JSON: cut at the antimeridian, outer rings left-turning.

    Only areas are turned: PostGIS would turn a line round too, and the bird with it.
    """
    turned = (
        f"case when st_dimension({shape}) = 2 then st_forcepolygonccw({cut(shape)})"
        f" else {cut(shape)} end"
    )
    return f"st_asgeojson({turned}, {DECIMALS}, 0)::json"


def feature(ref: str, shape: str, properties: Mapping[str, str]) -> str:
    """Return the SQL of one feature's text; properties map a name to an SQL expression."""
    pairs = ", ".join(f"'{name}', {value}" for name, value in properties.items())
    return (
        f"json_build_object('type', 'Feature', 'id', {ref}, 'geometry', {geometry(shape)},"
        f" 'properties', json_build_object({pairs}))::text"
    )


async def read(conn: AsyncConnection, sql: str, values: Mapping[str, Any]) -> list[Feature]:
    """Run a statement that gives `text` and key0, key1, …; return its features."""
    rows = await execute(conn, sql, values)
    return [
        Feature(
            row["text"],
            tuple(
                str(value) if isinstance(value, UUID) else value
                for name, value in row.items()
                if name != "text"
            ),
        )
        for row in rows
    ]
