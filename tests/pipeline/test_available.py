"""What the layers hold within the area of a bird, against areas known by construction."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
import shapely

from app.movement.protection import State, class_of
from app.pipeline.available import available
from app.store import derived, layers
from app.store.engine import Store, execute
from tests.store.test_layers import SOURCE, polygons, raster


@pytest.fixture
async def store(database):
    opened = Store(database, pool_size=2, statement_timeout_s=60)
    yield opened
    await opened.close()


def area(method: str, level: int, *bounds: float, season: str = "2020-spring") -> dict:
    shape = shapely.MultiPolygon([shapely.box(*bounds)])
    return {"season": season, "method": method, "level": level, "geom": shapely.to_wkb(shape)}


async def test_shares_of_every_layer_in_the_widest_outline_of_the_best_method(store) -> None:
    async with store.write() as conn:
        rows = await execute(
            conn,
            "with i as (insert into institute (name) values ('Amur') returning id),"
            " s as (insert into study (institute_id, name) select id, 'Cranes' from i returning id)"
            " insert into individual (study_id, local_identifier, species_key)"
            " select id, 'bird', 'default' from s returning id, study_id",
        )
        bird = await derived.bird(conn, rows[0]["id"])
        study = bird.study_id
        marsh = await layers.add_polygon_layer(
            conn, study, "Marsh", SOURCE, polygons(marsh=(100, 0, 101, 1))
        )
        cells = np.array([[1, 1, 2, 2]])
        cover = await layers.add_raster_layer(conn, study, "Cover", SOURCE, raster(cells))
        drawn = polygons(reserve=(100, 0, 102, 1), old=(100, 0, 101, 1))
        since = (dt.date(2024, 1, 1), None)
        dated = replace(drawn, features=[
            replace(f, designated_on=day) for f, day in zip(drawn.features, since, strict=True)
        ])  # fmt: skip
        kept = await layers.add_polygon_layer(
            conn, study, "Reserves", SOURCE, dated, kind="protection"
        )
        areas = [
            area("dbb", 95, 0, 0, 1, 1),
            area("akde", 50, 0, 0, 1, 1),
            area("akde", 95, 100, 0, 104, 1),
            area("dbb", 95, 100, 0, 101, 1, season="2020-autumn"),
        ]
        found = await available(conn, bird, areas)
        assert await available(conn, bird, []) == []
    share = {(r["season"], r["layer_id"], r["class_id"]): r["share"] for r in found}
    spring = {key[1:]: value for key, value in share.items() if key[0] == "2020-spring"}
    both = class_of({0: State.IN_FORCE, 1: State.UNDATED})
    assert spring == pytest.approx({
        (marsh, 0): 0.25, (marsh, -1): 0.75,
        (cover, -1): 1.0,  # the grid lies at 49 to 50 degrees north
        (kept, both): 0.25, (kept, class_of({0: State.IN_FORCE})): 0.25, (kept, -1): 0.5,
    }, abs=1e-6)  # fmt: skip
    assert share["2020-autumn", marsh, 0] == 1.0
    assert {r["method"] for r in found if r["season"] == "2020-autumn"} == {"dbb"}
