from __future__ import annotations

from app.movement.density import places_of
from tests.flow.conftest import Service


async def test_the_hours_of_a_season_are_those_of_its_fixes(life: Service) -> None:
    rows = await life.rows("select * from season_use order by individual_id, season, public")
    assert rows and {row["public"] for row in rows} == {False, True}
    for row in rows:
        lon, lat, hours = places_of(row["cells"])
        assert hours.sum() == row["n_hours"]
        source = "public_fix" if row["public"] else (
            "(select d.individual_id, f.time, f.lon, f.lat from fix f join deployment d"
            " on d.tag_id = f.tag_id and d.during @> f.time and d.replaced_at is null"
            " where f.visible and f.live)"
        )  # fmt: skip
        (told,) = await life.rows(
            "select count(distinct date_trunc('hour', time, 'UTC')) as n, min(lon) as west,"
            f" max(lat) as north from {source} as p where individual_id = :individual_id"
            " and time between :start_time and :end_time",
            individual_id=row["individual_id"], start_time=row["start_time"],
            end_time=row["end_time"],
        )  # fmt: skip
        assert row["n_hours"] == told["n"]
        if told["n"]:
            assert abs(lon.min() - told["west"]) < 0.02 and abs(lat.max() - told["north"]) < 0.02
        assert (row["unobserved_s"] is None) == row["public"]
        assert row["release_at"] > row["end_time"]


async def test_key_sites_of_a_living_flock_stand_as_rebuilt(life: Service) -> None:
    assert await life.count("key_site_due") == 0
    samples = await life.rows("select scope, n_birds from key_sample")
    assert {row["scope"] for row in samples} >= {"operator"}
    assert all(1 <= row["n_birds"] <= 2 for row in samples)
