"""Ways of legs as they were laid, and as an audience reads them; without the compiler."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import TooLarge
from app.movement.track import FloatArray, IntArray
from app.store.audience import RELEASED, Audience
from app.store.engine import execute

Row = dict[str, Any]


def unpacked(
    positions: bytes, cells: bytes
) -> tuple[FloatArray, FloatArray, IntArray, NDArray[np.float32]]:
    """Return lon, lat, times and cells of a way as it was stored."""
    lon, lat, time_us = np.frombuffer(positions, dtype="<f8").reshape(-1, 3).T
    return lon, lat, time_us.astype(np.int64), np.frombuffer(cells, dtype="<f4").reshape(-1, 3)


LEGS_MAX = 20_000
"""Most legs of one comparison: a thousand birds of five years, some 200 MB of work."""


async def legs(
    conn: AsyncConnection, audience: Audience, *, species: str, season: str, simulated: bool
) -> list[Row]:
    """
    Return the legs of a species in a part of the year with their ways, as an audience reads them.

    Siblings are told of own birds.
    """
    rows = await execute(
        conn,
        f"""
        select l.individual_id, l.season, l.departure_time, l.arrival_time,
          l.study_id = any(:exact) as exact, i.study_id, i.local_identifier,
          a.id as from_stopover, b.id as to_stopover, a.kind as from_kind, b.kind as to_kind,
          w.positions, w.cells,
          case when l.study_id = any(:exact) then i.terms ->> 'animal-siblings' end as siblings
        from leg l
        join individual i on i.id = l.individual_id
        join study s on s.id = l.study_id and s.simulated = :simulated
        join way w on w.individual_id = l.individual_id and w.departure_time = l.departure_time
          and w.arrival_time = l.arrival_time and w.public = (not l.study_id = any(:exact))
        left join stopover a on a.individual_id = l.individual_id
          and a.departure_time_earliest = l.departure_time
        left join stopover b on b.individual_id = l.individual_id
          and b.arrival_time_latest = l.arrival_time
        where l.species_key = :species and split_part(l.season, '-', 2) = :part
          and (l.study_id = any(:exact) or (l.study_id = any(:open) and l.{RELEASED}))
        order by l.individual_id, l.departure_time limit {LEGS_MAX + 1}
        """,
        {**audience.sql, "species": species, "part": season, "simulated": simulated},
    )
    if len(rows) > LEGS_MAX:
        raise TooLarge(
            f"The comparison would be made of more than {LEGS_MAX:,} legs.",
            remedy="Ask for it with the key of one institute, which reads fewer birds.",
        )
    return rows
