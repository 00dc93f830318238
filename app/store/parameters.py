"""Parameters: where a study goes by other numbers than the profile of a species."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import BadInput, NotFound
from app.movement.profile import Profile
from app.seeds import profile_of
from app.store import work
from app.store.audience import Audience
from app.store.engine import execute
from app.store.fragments import CALLER

Row = dict[str, Any]


async def profile_for(conn: AsyncConnection, study_id: int, species_key: str) -> Profile:
    """Return the profile that the birds of a species go by in a study."""
    rows = await execute(
        conn,
        "select said from study_parameters where study_id = :study and species_key = :species"
        " and undone_at is null",
        {"study": study_id, "species": species_key},
    )
    return with_parameters(profile_of(species_key), rows[0]["said"] if rows else {})


def with_parameters(profile: Profile, said: Mapping[str, float]) -> Profile:
    """Return a profile with other parameters; raises BadInput where they contradict each other."""
    given: dict[str, Any] = {name: float(value) for name, value in said.items()}
    made = dataclasses.replace(profile, **given)
    if made.speed_hard_m_s < made.speed_max_m_s:
        raise BadInput(
            "speed_hard_m_s is below speed_max_m_s.",
            code="parameters-contradict",
            remedy="Give a hard limit that is no lower than the limit of longer steps.",
        )
    return made


async def page(
    conn: AsyncConnection, audience: Audience, study_id: int, *, limit: int, before: int | None
) -> list[Row]:
    """Return what a study of the caller's own went and goes by, the newest first."""
    return await execute(
        conn,
        "select id, species_key as species, said, note, decided_by, decided_at, undone_at,"
        " undone_by from study_parameters where study_id = :study and study_id = any(:exact)"
        " and (cast(:before as bigint) is null or id < :before) order by id desc limit :limit",
        {"study": study_id, "exact": audience.sql["exact"], "before": before, "limit": limit},
    )


async def put(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    species_key: str,
    *,
    said: Mapping[str, float],
    note: str,
) -> Row:
    """Let a study go by other parameters for a species, in place of those it had."""
    with_parameters(profile_of(species_key), said)
    await _end(conn, audience, study_id, species_key)
    rows = await execute(
        conn,
        "insert into study_parameters (study_id, species_key, said, note, decided_by)"
        f" values (:study, :species, cast(:said as jsonb), :note, {CALLER})"
        " returning id, species_key as species, said, note, decided_by, decided_at, undone_at,"
        " undone_by",
        {"study": study_id, "species": species_key, "said": orjson.dumps(dict(said)).decode(),
         "note": note, "scope": audience.institute_id},
    )  # fmt: skip
    await _derive_again(conn, study_id, species_key)
    return rows[0]


async def take_back(
    conn: AsyncConnection, audience: Audience, study_id: int, species_key: str
) -> None:
    """Let a study go by the profile of the species again."""
    if not await _end(conn, audience, study_id, species_key):
        raise NotFound(
            "The study goes by the profile of this species.",
            remedy="Take the species from GET /api/v1/studies/{study}/parameters.",
        )
    await _derive_again(conn, study_id, species_key)


async def _end(conn: AsyncConnection, audience: Audience, study_id: int, species_key: str) -> bool:
    await execute(
        conn, "select id from study where id = :study for no key update", {"study": study_id}
    )
    rows = await execute(
        conn,
        f"update study_parameters set undone_at = clock_timestamp(), undone_by = {CALLER}"
        " where study_id = :study and study_id = any(:exact) and species_key = :species"
        " and undone_at is null returning id",
        {"study": study_id, "species": species_key, "exact": audience.sql["exact"],
         "scope": audience.institute_id},
    )  # fmt: skip
    return bool(rows)


async def _derive_again(conn: AsyncConnection, study_id: int, species_key: str) -> None:
    birds = await execute(
        conn,
        "select id from individual where study_id = :study and species_key = :species",
        {"study": study_id, "species": species_key},
    )
    await work.mark_all_dirty(conn, individuals=[row["id"] for row in birds])
    await work.bump_version(conn, study_id)
