"""Who is asking: what a caller may read in full, and what only through the public view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store.engine import execute

Scope = Literal["read", "push", "manage"]
SCOPES: tuple[Scope, ...] = ("read", "push", "manage")


@dataclass(frozen=True, slots=True)
class Audience:
    """
    One caller, resolved once a request; every read of the store takes one.

    `exact` are the studies read in full. `open` are the opened studies of others, read only
    through the public columns (grid centre, delay, breeding and roost places left out).
    """

    kind: Literal["public", "institute", "operator"]
    institute_id: int | None = None
    key_id: int | None = None
    scopes: frozenset[str] = field(default_factory=frozenset)
    exact: tuple[int, ...] = ()
    open: tuple[int, ...] = ()
    seen: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    """What changes whenever anything this audience sees of its studies may have changed.

    Read with the audience, before the rows it is a key for: rows of a later state under an
    earlier key are never served again, since versions only grow.
    """

    @property
    def scope(self) -> str:
        """Name of the catalogue this audience reads: public, operator or institute:<id>."""
        return f"institute:{self.institute_id}" if self.kind == "institute" else self.kind

    def may(self, scope: Scope) -> bool:
        """Tell whether the key carries the scope."""
        return scope in self.scopes

    @property
    def sql(self) -> dict[str, list[int]]:
        """Values for the binds :exact and :open of a read."""
        return {"exact": list(self.exact), "open": list(self.open)}


RELEASED = "release_at <= date_trunc('day', now(), 'UTC')"
"""SQL: the row's delay has passed. By whole UTC days, so that an ETag holds for a day."""

PIPELINE = Audience(kind="operator", scopes=frozenset(SCOPES))
"""The stages themselves: they read whatever they derive from, and answer nobody."""


STUDIES = """
select date_trunc('day', now(), 'UTC') as day, coalesce((select json_agg(json_build_object(
  'id', id, 'institute_id', institute_id, 'visibility', visibility, 'version', version)
  order by id) from study), '[]') as studies
"""
"""SQL: every study with what decides who reads it, and the day by which rows are released."""


async def load_audience(
    conn: AsyncConnection,
    *,
    institute_id: int | None = None,
    key_id: int | None = None,
    scopes: frozenset[str] = frozenset(),
) -> Audience:
    """Resolve a caller: no key is the public, a key without institute is the operator's."""
    rows = await execute(conn, STUDIES)
    return resolved(rows[0], institute_id=institute_id, key_id=key_id, scopes=scopes)


def resolved(
    row: Mapping[str, Any],
    *,
    institute_id: int | None = None,
    key_id: int | None = None,
    scopes: frozenset[str] = frozenset(),
) -> Audience:
    """Return the audience of a caller, from a row of `STUDIES`."""
    kind: Literal["public", "institute", "operator"] = "public"
    own, opened = own_and_opened(row["studies"], institute_id if key_id else None)
    if key_id is not None:
        kind = "operator" if institute_id is None else "institute"
    if kind == "operator":
        own, opened = tuple(each["id"] for each in row["studies"]), ()
    reach = {*own, *opened}
    versions = tuple((s["id"], s["version"]) for s in row["studies"] if s["id"] in reach)
    return Audience(kind, institute_id, key_id, scopes, own, opened, (row["day"], versions))


def own_and_opened(
    studies: Sequence[Mapping[str, Any]], institute_id: int | None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tell the studies an institute reads in full from those it reads because they are open."""
    own = tuple(row["id"] for row in studies if row["institute_id"] == institute_id)
    opened = (row for row in studies if row["visibility"] == "open")
    return own, tuple(row["id"] for row in opened if row["id"] not in own)
