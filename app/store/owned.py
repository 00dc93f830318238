"""Nouns that only the owner of a study learns of, read page by page or one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.store import reference
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Noun:
    """A table of this name, joined with `study`; `where` narrows its rows further."""

    name: str
    columns: str
    tables: str
    where: str = "true"

    @property
    def sql(self) -> str:
        """SQL: the rows of the studies :exact."""
        return (
            f"select {self.columns} from {self.tables} where {self.where}"
            f" and {self.name}.study_id = any(cast(:exact as int[]))"
        )


async def page(
    noun: Noun,
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
) -> list[Row]:
    """Return rows of the caller's own studies, oldest first."""
    return await execute(
        conn,
        f"{noun.sql} and (cast(:study as uuid) is null or study.ref = :study)"
        f" and (cast(:after as int) is null or {noun.name}.id > :after)"
        f" order by {noun.name}.id limit :limit",
        {"exact": list(audience.exact), "study": study, "after": after, "limit": limit},
    )


async def one(
    noun: Noun, conn: AsyncConnection, audience: Audience, ref: UUID, **bound: Any
) -> Row:
    """Return a row of the caller's own studies; any other is as good as missing."""
    rows = await execute(
        conn,
        f"{noun.sql} and {noun.name}.ref = :ref",
        {"exact": list(audience.exact), "ref": ref} | bound,
    )
    if not rows:
        raise reference.unknown(noun.name)
    return rows[0]
