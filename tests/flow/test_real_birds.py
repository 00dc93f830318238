"""Real telemetry from bytes to products: what the receipts say, and what became of the birds."""

from __future__ import annotations

import asyncio
import csv
import gzip
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.movement.layers import RasterClasses
from app.pipeline import run as flow
from app.pipeline.builtin import IGBP, ensure_builtin_layers
from app.store import habitat, migrations
from app.store.engine import Store
from app.store.ledger import DIMENSIONS, Asked, Ledger, ledger
from app.store.sight import Filters
from ingest.layers.geotiff import decode_geotiff
from tests.flow.conftest import Service, open_service
from tests.flow.plain import plain_days

KAZAKH = "telemetry/demoiselle_crane_kazakhstan/1000 Cranes. Southern Kazakhstan."
GUO = "telemetry/demoiselle_crane_neasia/cranes_guo_2018_2019.csv.gz"
POYANG = "telemetry/white_naped_crane_poyang/white_naped_crane.csv.gz"
COVER = "habitat/landcover/MCD12C1_2019_neasia_clip.tif"
STORKS = "telemetry/white_stork/whitestork_data.csv.gz"
BITTERNS = "telemetry/argos_american_bittern/American bittern.csv"
OYSTERCATCHERS = "telemetry/oystercatcher_o_assen/O_ASSEN-{}"
SECOND = timedelta(seconds=1)
FIVE_STORKS = (b"Wendelin /", b"Linus-A", b"Wendelina", b"Muffine", b"Redrunner")
"""Of fifteen: those with the fewest fixes, of five to nine weeks each."""
SOME_CRANES = (b"hooded07", b"hooded19", b"hooded29", b"hooded30", b"hooded31", b"hooded35",
               b"hooded40", b"hooded45", b"hooded46", b"hooded53", b"hooded54",
               b"hooded55")  # fmt: skip
"""Of 27: eleven with few fixes and one seen on a whole migration; `make validate` takes all."""


@dataclass
class Outcome:
    """What one history of pushes came to."""

    receipts: list[dict] = field(default_factory=list)
    birds: list[dict] = field(default_factory=list)
    flags: dict[str, int] = field(default_factory=dict)
    by: dict[str, Ledger] = field(default_factory=dict)
    migrations: list[dict] = field(default_factory=list)
    plain_days: list[dict] = field(default_factory=list)
    shown: list[dict] = field(default_factory=list)
    corridors: list[dict] = field(default_factory=list)

    @property
    def receipt(self) -> dict:
        return self.receipts[-1]


_BIRDS = """
select i.local_identifier as name, i.species_key,
  (select count(*) from fix f join deployment d on d.tag_id = f.tag_id and d.during @> f.time
   where d.individual_id = i.id and d.replaced_at is null and f.live) as fixes,
  (select count(distinct d.tag_id) from deployment d
   where d.individual_id = i.id and d.replaced_at is null) as tags,
  (select count(*) from stopover s where s.individual_id = i.id) as stopovers,
  (select coalesce(sum(observed_s), 0) from stopover s where s.individual_id = i.id)
   + (select coalesce(sum(observed_s), 0) from leg l where l.individual_id = i.id) as observed_s,
  (select coalesce(sum(bird_days), 0) from presence_day p where p.individual_id = i.id)
   as bird_days,
  (select count(*) from stopover s where s.individual_id = i.id
   and s.arrival_time_latest >= s.departure_time_earliest) as backward,
  (select count(*) from leg l where l.individual_id = i.id
   and (l.length_m < l.displacement_m - 1e-3 or l.straightness not between 0 and 1)) as crooked,
  (select count(*) from stopover a join stopover b on a.individual_id = b.individual_id
   and a.id < b.id and tstzrange(a.arrival_time_latest, a.departure_time_earliest)
   && tstzrange(b.arrival_time_latest, b.departure_time_earliest)
   where a.individual_id = i.id) as overlapping
from individual i order by i.local_identifier
"""


async def _tell(service: Service, outcome: Outcome, species: str) -> None:
    """Make the ledger of a species by all and by each of its dimensions, and its migrations."""
    async with service.store.read() as conn:
        boundary = await habitat.find_layer(conn, service.audience, None)
        cover = await habitat.land_cover(conn, service.audience)
        for by in (DIMENSIONS, *((each,) for each in DIMENSIONS)):
            asked = Asked(
                species=species,
                season=None,
                simulated=False,
                by=by,
                boundary=boundary,
                layer=cover,
                protection=(),
                basis="at_time",
            )
            outcome.by[",".join(by)] = await ledger(conn, service.audience, Filters(), asked)
        wanted = migrations.Wanted(species=species, boundary=boundary, layer=cover)
        outcome.migrations = await migrations.page(conn, service.audience, wanted, fetch=1000)
    outcome.plain_days = await service.rows(
        "select coalesce(sum(bird_days), 0) as days from presence_day where species_key = :species"
        " union all select coalesce(sum(u.bird_days), 0) from use_day u"
        " join layer l on l.id = u.layer_id where l.kind = 'raster' and species_key = :species",
        species=species,
    )
    outcome.shown = await service.rows(
        "select d.individual_id as bird, f.time, f.lon, f.lat from fix f join deployment d"
        " on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time"
        " where f.live and f.visible order by d.individual_id, f.time"
    )
    outcome.corridors = await service.rows(
        "select season, level, ST_IsValid(geom) as valid, ST_Area(geom::geography) as area_m2"
        " from corridor where scope = 'operator' and species_key = :species",
        species=species,
    )


async def _live(service: Service, pushes: list[tuple[bytes, str]]) -> Outcome:
    outcome = Outcome()
    for body, tz in pushes:
        kept = await service.push(body, tz=tz)
        await flow.decode_push(service.store, kept.decoding_id)
        outcome.receipts.append(await service.receipt(kept.ref))
    await service.drain()
    outcome.receipts[-1] = await service.receipt(kept.ref)
    outcome.birds = await service.rows(_BIRDS)
    rows = await service.rows(
        "select g.code, count(*) as n from fix_flag g join fix f using"
        " (tag_id, time, sensor, variant) where f.live group by g.code"
    )
    outcome.flags = {row["code"]: row["n"] for row in rows}
    return outcome


def lived(dsn: str, *pushes: tuple[bytes, str], species: str | None = None) -> Outcome:
    """Run pushes through a service of their own, with the ledger of a species if one is named."""

    async def run() -> Outcome:
        service = await open_service(dsn)
        try:
            outcome = await _live(service, list(pushes))
            if species is not None:
                await _tell(service, outcome, species)
            return outcome
        finally:
            await service.store.close()

    return asyncio.run(run())


def sound(outcome: Outcome) -> None:
    """Check what must hold of any birds."""
    receipt = outcome.receipt
    assert receipt["state"] == "processed"
    assert receipt["units"] == receipt["records"] + receipt["refused"]
    assert receipt["records"] == sum(
        receipt[name] for name in ("stored", "duplicates", "superseded", "without_position")
    )
    assert len(receipt["individuals"]) == len(outcome.birds)
    for bird in outcome.birds:
        assert (bird["backward"], bird["crooked"], bird["overlapping"]) == (0, 0, 0), bird
        assert bird["observed_s"] <= bird["bird_days"] * 86_400 + 1e-3, bird


def told(outcome: Outcome) -> None:
    """Check what must hold of any ledger and migrations."""
    presence, of_cover = (row["days"] for row in outcome.plain_days)
    assert presence > 0
    assert of_cover == pytest.approx(presence, abs=1e-6)
    for by, found in outcome.by.items():
        assert found.bird_days == pytest.approx(presence, abs=1e-6), by
        assert sum(row["bird_days"] for row in found.rows) == pytest.approx(presence, abs=1e-6)
        assert sum(row["share"] for row in found.rows) == pytest.approx(1)
        assert {row["area"] for row in found.rows}.isdisjoint({"", "not measured"})
        assert all(row["birds"] >= row["families"] > 0 for row in found.rows)
    for row in outcome.migrations:
        assert 0 <= row["straightness"] <= 1
        assert row["route_km"] >= row["displacement_km"]
        spent = row["stop_days"] + row["travel_days"] + row["unobserved_days"]
        assert spent == pytest.approx(row["duration_days"], abs=1e-6)
        assert row["countries"]
        assert sum(row["land_cover"].values()) == pytest.approx(1)


def agrees(outcome: Outcome) -> None:
    """Check that the ledger tells the plain sums to 1e-6."""
    by_class, by_land = plain_days(outcome.shown)
    told_class = {row["class"]: row["bird_days"] for row in outcome.by["class"].rows}
    told_land = {row["area"]: row["bird_days"] for row in outcome.by["area"].rows
                 if row["area_kind"] == "land"}  # fmt: skip
    assert told_class == pytest.approx({k: v for k, v in by_class.items() if v}, abs=1e-6)
    assert told_land == pytest.approx({k: v for k, v in by_land.items() if v}, abs=1e-6)


def drawn(outcome: Outcome) -> None:
    """Check that both migrations have corridors, the wider one holding more."""
    of = {(row["season"], row["level"]): row for row in outcome.corridors}
    assert {season for season, _ in of} <= {"spring", "autumn"}
    assert of
    for season, level in of:
        assert of[season, level]["valid"]
        assert of[season, 50]["area_m2"] < of[season, 95]["area_m2"]


@pytest.fixture(scope="module")
def layered(new_database: Callable[[], str]) -> str:
    """Give a database with the layers that the service brings, to be copied."""
    dsn = new_database()

    async def load() -> None:
        store = Store(dsn, pool_size=1, statement_timeout_s=60)
        await ensure_builtin_layers(store)
        await store.close()

    asyncio.run(load())
    return dsn


@pytest.fixture(scope="module")
def guo(shared_data: Path, layered: str, copy_of: Callable[[str], str]) -> Outcome:
    header, *rows = gzip.decompress((shared_data / GUO).read_bytes()).splitlines()
    some = [row for row in rows if row.split(b",")[7].startswith(SOME_CRANES)]
    body = b"\n".join([header, *some, b""])
    return lived(copy_of(layered), (body, "UTC"), (body, "UTC+8"), species="demoiselle_crane")


@pytest.fixture(scope="module")
def storks(shared_data: Path, new_database: Callable[[], str]) -> Outcome:
    header, *rows = gzip.decompress((shared_data / STORKS).read_bytes()).splitlines()
    some = [row for row in rows if row.split(b",")[3].startswith(FIVE_STORKS)]
    return lived(new_database(), (b"\n".join([header, *some, b""]), "UTC"))


@pytest.fixture(scope="module")
def bitterns(shared_data: Path, new_database: Callable[[], str]) -> Outcome:
    return lived(new_database(), ((shared_data / BITTERNS).read_bytes(), "UTC"))


def test_kazakh_cranes_with_their_reference_data(shared_data, layered, copy_of) -> None:
    reference = (shared_data / f"{KAZAKH}-reference-data.csv").read_bytes()
    events = (shared_data / f"{KAZAKH}.csv").read_bytes()
    dsn = copy_of(layered)
    outcome = lived(dsn, (reference, "UTC"), (events, "UTC"), species="demoiselle_crane")
    sound(outcome)
    told(outcome)
    agrees(outcome)
    drawn(outcome)
    assert len(outcome.migrations) >= 4
    assert outcome.receipts[0]["units"] == outcome.receipts[0]["stored"] == 7
    assert outcome.receipt["units"] == 6752
    assert outcome.receipt["warnings"] == []
    assert len(outcome.birds) == 7
    assert {bird["species_key"] for bird in outcome.birds} == {"demoiselle_crane"}
    assert sum(bird["stopovers"] for bird in outcome.birds) > 10
    assert (
        sum(bird["fixes"] for bird in outcome.birds) + outcome.receipt["undeployed"]
        == (outcome.receipt["stored"])
    )


def test_local_time_sold_as_utc_is_noticed_and_mended_by_a_second_push(guo: Outcome) -> None:
    wrong, right = guo.receipts
    assert [warning["code"] for warning in wrong["warnings"]] == ["time-zone-suspect"]
    assert "+8" in wrong["warnings"][0]["detail"]
    assert right["warnings"] == []
    assert right["ref"] == wrong["ref"]
    assert right["number"] == 2


def test_cranes_of_north_east_asia(guo: Outcome) -> None:
    sound(guo)
    assert guo.receipt["units"] == 19_857
    assert len(guo.birds) == 12
    assert {bird["species_key"] for bird in guo.birds} == {"demoiselle_crane"}
    assert guo.flags.get("spike", 0) <= 36
    assert guo.flags.get("speed", 0) <= 3
    assert all(bird["stopovers"] >= 1 for bird in guo.birds)
    told(guo)
    agrees(guo)
    drawn(guo)
    assert [row["class"] for row in guo.by["class"].rows[:2]] == ["grasslands", "croplands"]
    assert any(row["share_low"] is not None for row in guo.by["area"].rows)


def test_land_cover_of_north_east_asian_cranes_straight_from_the_raster(shared_data) -> None:
    """Acceptance: by fixes, 64 % of them on grassland and 28 % on cropland."""
    table = pl.read_csv(gzip.decompress((shared_data / GUO).read_bytes()))
    raster = decode_geotiff((shared_data / COVER).read_bytes())
    nodata = -1 if raster.meta.nodata is None else raster.meta.nodata
    index = RasterClasses(raster.classes.astype(np.int16), raster.meta.transform, nodata=nodata)
    found = index.classes_at(*(table[f"location.{c}"].to_numpy() for c in ("long", "lat")))
    shares = np.bincount(found, minlength=len(IGBP)) / found.shape[0]
    assert shares[IGBP.index("grasslands")] == pytest.approx(0.64, abs=0.005)
    assert shares[IGBP.index("croplands")] == pytest.approx(0.28, abs=0.005)


def test_white_naped_cranes_of_poyang(shared_data, layered, copy_of) -> None:
    """Two birds that are seen in winter alone: a ledger of their lake, and no migration."""
    rows = gzip.decompress((shared_data / POYANG).read_bytes()).decode().splitlines()[1:]
    body = ["timestamp,location-long,location-lat,individual-local-identifier,"
            "individual-taxon-canonical-name,sensor-type"]  # fmt: skip
    for row in rows[::4]:  # two winters, every four hours: all of them take a minute
        name, time, lon, lat = row.split(",")[:4]
        when = datetime.strptime(time, "%Y/%m/%d %H:%M").replace(tzinfo=UTC)
        if when.year > 2021:
            continue
        body.append(f"{when:%Y-%m-%d %H:%M:%S}.000,{lon},{lat},{name},Grus vipio,gps")
    dsn, pushed = copy_of(layered), "\n".join(body).encode()
    outcome = lived(dsn, (pushed, "UTC+8"), species="white_naped_crane")
    sound(outcome)
    told(outcome)
    agrees(outcome)
    assert len(outcome.birds) == 2
    areas = {row["area"]: row["share"] for row in outcome.by["area"].rows}
    assert areas["China"] == pytest.approx(1)
    for row in outcome.by["area"].rows:
        assert row["capture_areas"] == ["China"]
        assert row["share_low"] is None  # two birds say nothing of a population


def test_storks_every_five_minutes(storks: Outcome) -> None:
    sound(storks)
    assert storks.receipt["units"] == 25_587
    assert storks.receipt["warnings"] == []
    assert len(storks.birds) == 5
    assert sum(storks.flags.get(code, 0) for code in ("spike", "speed")) <= 8, storks.flags


def test_bitterns_on_redeployed_tags(bitterns: Outcome) -> None:
    sound(bitterns)
    assert bitterns.receipt["units"] == 1950
    assert len(bitterns.birds) == 26
    wore = {bird["name"]: bird["tags"] for bird in bitterns.birds if bird["tags"] != 1}
    assert wore == {"ab_2061": 2}  # a second tag, three years after the first
    assert sum(bird["fixes"] for bird in bitterns.birds) == bitterns.receipt["stored"]


_WORN = """
select t.local_identifier as tag, f.time, i.local_identifier as bird from fix f
join tag t on t.id = f.tag_id
left join deployment d on d.tag_id = f.tag_id and d.during @> f.time and d.replaced_at is null
left join individual i on i.id = d.individual_id where f.live
"""


async def stored(service: Service, body: bytes) -> dict:
    """Push and store, derive nothing; the counts of the receipt must sum."""
    kept = await service.push(body)
    await flow.decode_push(service.store, kept.decoding_id)
    receipt = await service.receipt(kept.ref)
    assert receipt["units"] == receipt["records"] + receipt["refused"]
    assert receipt["records"] == receipt["stored"] + receipt["duplicates"]
    return receipt


async def test_bitterns_by_their_deployments_alone(service: Service, shared_data: Path) -> None:
    """Ranges from the column of individuals, which is taken out: each fix is on its bird."""
    rows = list(csv.DictReader(io.StringIO((shared_data / BITTERNS).read_text())))
    bird_at: dict[tuple[str, datetime], str] = {}
    ranges: dict[tuple[str, str], list[datetime]] = {}
    for row in rows:
        tag, bird = row["tag-local-identifier"], row.pop("individual-local-identifier")
        time = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)
        assert bird_at.setdefault((tag, time), bird) == bird
        ranges.setdefault((tag, bird), []).append(time)
    worn = [
        f"{tag},{bird},{min(times):%Y-%m-%d %H:%M:%S},{max(times) + SECOND:%Y-%m-%d %H:%M:%S}"
        for (tag, bird), times in ranges.items()
    ]
    header = "tag-id,animal-id,deploy-on-date,deploy-off-date"
    assert (await stored(service, "\n".join([header, *worn]).encode()))["stored"] == len(worn)
    held = io.StringIO()
    writer = csv.DictWriter(held, rows[0].keys())
    writer.writeheader()
    writer.writerows(rows)
    receipt = await stored(service, held.getvalue().encode())
    assert (receipt["units"], receipt["refused"], receipt["undeployed"]) == (1950, 0, 0)
    found = await service.rows(_WORN)
    assert len(found) == receipt["stored"]
    assert {(row["tag"], row["time"]): row["bird"] for row in found} == bird_at
    assert (len({tag for tag, _ in bird_at}), len({*bird_at.values()})) == (10, 26)


async def test_a_data_package_of_two_years(service: Service, shared_data: Path) -> None:
    def real(name: str) -> bytes:
        return (shared_data / OYSTERCATCHERS.format(name)).read_bytes()

    assert (await stored(service, real("reference-data.csv")))["stored"] == 7
    years = [await stored(service, real(f"gps-{year}.csv.gz")) for year in (2018, 2019)]
    assert sum(each["units"] for each in years) == 20_156
    assert [each["refused"] for each in years] == [0, 0]
    assert sum(each["stored"] for each in years) == await service.count("fix")
