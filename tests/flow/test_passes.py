"""Argos passes from bytes to the map: which solution, which record, which revision is shown."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tests.flow.conftest import Service, open_service

BRANT = "telemetry/argos_brant_2002/Brant Geese Sean Boyd 2002.csv"

_SOLUTIONS = """
select t.local_identifier as tag, f.time, f.solution = 2 as second
from fix f join tag t on t.id = f.tag_id where f.live
"""


@pytest.fixture(scope="module")
def brant(shared_data: Path) -> pl.DataFrame:
    """The geese as CLS sent them: solution 1 is the location, what Movebank chose is apart."""
    rows = pl.read_csv(shared_data / BRANT, infer_schema=False)
    return rows.with_columns(
        pl.col("argos:lon1").alias("location-long"),
        pl.col("argos:lat1").alias("location-lat"),
        second=pl.col("argos:valid-location-algorithm") == "2",
    ).drop("argos:valid-location-algorithm")


async def _chosen(service: Service) -> set[tuple[str, str]]:
    rows = await service.rows(_SOLUTIONS)
    return {(r["tag"], r["time"].isoformat(" ", "milliseconds")[:23]) for r in rows if r["second"]}


def lived(new_database: Callable[[], str], pushes: list[pl.DataFrame]) -> set[tuple[str, str]]:
    """Push tables one after the other, each derived before the next; give what is at solution 2."""

    async def run() -> set[tuple[str, str]]:
        service = await open_service(new_database())
        try:
            for table in pushes:
                await service.push(table.drop("second").write_csv().encode())
                await service.drain()
            return await _chosen(service)
        finally:
            await service.store.close()

    return asyncio.run(run())


def test_geese_are_where_the_filter_of_movebank_put_them(brant, new_database) -> None:
    found = lived(new_database, [brant])
    true = set(brant.filter("second").select("tag-local-identifier", "timestamp").rows())
    assert len(true) == 96
    right = len(found & true)
    print(right, len(found))
    assert right / len(true) >= 0.97
    assert right / len(found) >= 0.99
