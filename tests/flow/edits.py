"""Edits of every kind that the owner of a study can make, drawn at random, one by one."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta

from app.errors import BadInput, Conflict
from app.movement.simulate import flock_csv, reference_csv
from app.pipeline import run as flow
from app.pipeline.decode import attempt
from app.pipeline.replay import Wanted, replay
from app.pipeline.verify import verify
from app.seeds import profile_of
from app.store import (
    layers,
    lifeless,
    lifeless_verdicts,
    observations,
    parameters,
    reference,
    studies,
    verdicts,
    withdrawals,
    work,
    worn,
)
from app.store.engine import execute
from ingest.layers.geojson_polygons import decode_polygons
from tests.flow.conftest import Service, flock
from tests.flow.test_deliveries import split

BIRDS = flock(seed=9, birds=2, days=45, interval_s=14_400.0, gross_error_share=0.03)
EVENTS, REFERENCE = flock_csv(BIRDS), reference_csv(BIRDS)
HEADER, *LINES = EVENTS.decode().splitlines()
TAXON = BIRDS.birds[0].scientific_name
START = datetime(2024, 7, 1, tzinfo=UTC)


def csv(lines: list[str]) -> bytes:
    return "\n".join([HEADER, *lines]).encode() + b"\n"


def dropped(rng: random.Random) -> bytes:
    """Fixes of a tag that lies still, after a few days on its bird."""
    fixes = []
    for number in range(rng.randrange(40, 130)):
        away = 0.03 * rng.random() if number < 20 else 1e-4 * rng.random()
        fixes.append({
            "tag": "DROPPED", "individual": "Dropped", "sensor": "gps",
            "time": (START + timedelta(hours=5 * number)).isoformat(),
            "lon": 121 + away, "lat": 41 + away,
        })  # fmt: skip
    return json.dumps({"fixes": fixes}).encode()


def revisions(rng: random.Random) -> bytes:
    """Fixes under ids of their provider, some of them far off, each in one of three revisions."""
    bird = rng.choice(BIRDS.birds)
    fixes = []
    for _ in range(rng.randrange(1, 12)):
        number = rng.randrange(20)
        revision = rng.randrange(3)
        fixes.append({
            "id": str(number), "revision": revision, "tag": bird.tag_identifier,
            "individual": bird.local_identifier, "sensor": "gps",
            "time": (START + timedelta(hours=50 * number + 5 * revision)).isoformat(),
            "lon": 120 + revision + rng.randrange(2), "lat": 40 + number / 4,
        })  # fmt: skip
    return json.dumps({"fixes": fixes}).encode()


async def push(service: Service, rng: random.Random) -> None:
    piece = split(EVENTS, 6, seed=rng.randrange(9))[0]
    await service.push(piece, tz=rng.choice(["UTC", "UTC+8"]))


async def revise(service: Service, rng: random.Random) -> None:
    await service.push(revisions(rng))


async def drop(service: Service, rng: random.Random) -> None:
    await service.push(dropped(rng))


async def refer(service: Service, rng: random.Random) -> None:
    del rng
    await service.push(REFERENCE)


async def read_again(service: Service, rng: random.Random) -> None:
    """Read a kept push in another zone."""
    kept = await service.rows("select ref from push order by id")
    if kept:
        wanted = Wanted(tz=rng.choice(["UTC", "UTC+8", "UTC-3"]))
        await replay(service.store, service.audience, rng.choice(kept)["ref"], wanted, apply=True)


async def wear(service: Service, rng: random.Random) -> None:
    """Amend, split, withdraw or add a deployment."""
    when = START + timedelta(hours=rng.randrange(24 * 45))
    async with service.store.write() as conn:
        known = await worn.page(conn, service.audience, limit=50)
        birds = await execute(conn, "select ref from individual order by local_identifier")
        tags = await execute(conn, "select ref from tag order by local_identifier")
        if not known:
            if tags and birds:
                await worn.add(
                    conn, service.audience, tag=rng.choice(tags)["ref"],
                    individual=rng.choice(birds)["ref"], deploy_on=when,
                    deploy_off=when + timedelta(days=20), local_identifier=None, terms={},
                )  # fmt: skip
            return
        row = rng.choice(known)
        low, high = row["deploy_on"], row["deploy_off"]
        inside = (low is None or when > low) and (high is None or when < high)
        action = rng.choice(["edit", "split", "withdraw"])
        if action == "withdraw":
            await worn.withdraw(conn, service.audience, row["ref"])
        elif action == "split" and inside:
            bird = rng.choice(birds)["ref"]
            await worn.split(conn, service.audience, row["ref"], at=when, individual=bird)
        elif inside:
            await worn.edit(conn, service.audience, row["ref"], {"deploy_off": when})


async def decide(service: Service, rng: random.Random) -> None:
    """Hide or show a fix by hand, or take that back."""
    async with service.store.write() as conn:
        rows = await execute(
            conn,
            "select f.time, f.sensor, f.variant, t.ref from fix f join tag t on t.id = f.tag_id"
            " where f.live order by t.local_identifier, f.time, f.sensor, f.variant",
        )
        if not rows:
            return
        fix = rng.choice(rows)
        name = verdicts.FixName(
            time=fix["time"], tag=fix["ref"], sensor=fix["sensor"], variant=fix["variant"]
        )
        row = await verdicts.decide(
            conn, service.audience, name, verdict=rng.choice(["hide", "show"]), reason="seen"
        )
        if rng.random() < 0.3:
            await verdicts.undo(conn, service.audience, row["id"])


async def judge(service: Service, rng: random.Random) -> None:
    """Confirm or dismiss a suspicion that a tag lies still, or take a verdict back."""
    async with service.store.write() as conn:
        said = await lifeless_verdicts.page(conn, service.audience, limit=50)
        said = [row for row in said if row["undone_at"] is None]
        found = await lifeless.page(conn, service.audience, limit=50)
        if said and rng.random() < 0.5:
            await lifeless_verdicts.undo(conn, service.audience, rng.choice(said)["ref"])
        elif found:
            suspicion = rng.choice(found)
            verdict = rng.choice(["confirm", "dismiss", "dismiss"])
            await lifeless_verdicts.decide(
                conn, service.audience, suspicion["ref"],
                lifeless_verdicts.Decision(verdict, "Kim"),
            )  # fmt: skip


async def set_study(service: Service, rng: random.Random) -> None:
    changes = rng.choice([
        {"visibility": "open"}, {"visibility": "private"}, {"public_grid_deg": 0.25},
        {"release_delay_s": 86_400}, {"taxon": TAXON}, {"taxon": None},
    ])  # fmt: skip
    study = await service.rows("select ref from study")
    async with service.store.write() as conn:
        await studies.edit(conn, service.audience, study[0]["ref"], changes)


async def name_species(service: Service, rng: random.Random) -> None:
    """Say of which species a bird is, as `PATCH /api/v1/individuals/{individual}` does."""
    birds = await service.rows("select ref from individual order by local_identifier")
    if not birds:
        return
    taxon = rng.choice(["Grus vipio", "Platalea minor", "Grus monacha"])
    async with service.store.write() as conn:
        await reference.edit_individual(
            conn, service.audience, rng.choice(birds)["ref"], taxon=taxon,
            species_key=profile_of(taxon).key, terms={},
        )  # fmt: skip


async def observe(service: Service, rng: random.Random) -> None:
    """Correct a stopover or a season, or take a correction back."""
    stays = await service.rows(
        "select s.ref, arrival_time_latest as a from stopover s join individual i"
        " on i.id = s.individual_id order by i.local_identifier, a"
    )
    seasons = await service.rows(
        "select i.ref, s.season, s.start_time as a from season s join individual i"
        " on i.id = s.individual_id order by i.local_identifier, a"
    )
    said = await service.rows("select ref from observation where undone_at is null order by id")
    earlier = timedelta(hours=rng.randrange(1, 99))
    async with service.store.write() as conn:
        if said and rng.random() < 0.4:
            await observations.take_back(conn, service.audience, rng.choice(said)["ref"])
        elif seasons and rng.random() < 0.3:
            season = rng.choice(seasons)
            await observations.correct(
                conn, service.audience, "season",
                {"individual": season["ref"], "season": season["season"]},
                observations.Correction({"start_time": season["a"] - earlier}, "Kim"),
            )  # fmt: skip
        elif stays:
            stay = rng.choice(stays)
            values = {"arrival_time": stay["a"] - earlier,
                      "kind": rng.choice(["staging", "breeding"])}  # fmt: skip
            await observations.correct(
                conn, service.audience, "stopover", {"stopover": stay["ref"]},
                observations.Correction(values, "Kim"),
            )  # fmt: skip


async def tune(service: Service, rng: random.Random) -> None:
    """Set the parameters of a species for the study, or take them back."""
    values = {"speed_max_m_s": rng.choice([8.0, 20.0])}
    species = rng.choice(["white_naped_crane", "black_faced_spoonbill"])
    async with service.store.write() as conn:
        await parameters.put(conn, service.audience, service.study_id, species,
                             said=values, note="")  # fmt: skip
        if rng.random() < 0.5:
            await parameters.take_back(conn, service.audience, service.study_id, species)


async def withdraw(service: Service, rng: random.Random) -> None:
    """Withdraw a bird from every product, or let one come back."""
    birds = await service.rows("select ref from individual order by local_identifier")
    gone = await service.rows(
        "select i.ref from withdrawal w join individual i on i.id = w.individual_id"
        " where w.undone_at is null order by w.id"
    )
    async with service.store.write() as conn:
        if gone and rng.random() < 0.7:
            await withdrawals.take_back(conn, service.audience, rng.choice(gone)["ref"])
        elif birds:
            await withdrawals.withdraw(conn, service.audience, rng.choice(birds)["ref"], "asked")


def _areas(rng: random.Random) -> bytes:
    features = []
    for number in range(rng.randrange(1, 4)):
        west, south = rng.uniform(112, 128), rng.uniform(26, 48)
        east, north = west + rng.uniform(1, 8), south + rng.uniform(1, 8)
        ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
        since = rng.choice(["1990-01-01", "2024-07-20"])
        features.append({
            "type": "Feature", "properties": {"class": f"c{number}", "since": since},
            "geometry": {"type": "Polygon", "coordinates": [ring]},
        })  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}).encode()


async def cover(service: Service, rng: random.Random) -> None:
    """Upload a layer (classes, protected areas, or the service's boundary set), or retire one."""
    async with service.store.write() as conn:
        known = await layers.current_layers(conn, service.study_id)
        if known and rng.random() < 0.3:
            await layers.retire(conn, rng.choice(known).id)
            return
        kind = rng.choice(["polygons", "protection", "boundary"])
        decoded = decode_polygons(_areas(rng), class_property="class", date_property="since")
        owner = None if kind == "boundary" else service.study_id
        await layers.add_polygon_layer(conn, owner, kind, "made up", decoded, kind=kind)


async def die_half_way(service: Service, _rng: random.Random) -> None:
    """Store what is pushed, derive the stopovers of every dirty bird, and no more."""
    async with service.store.read() as conn:
        todo = await work.waiting(conn, limit=1000)
    for study in todo.studies:
        await attempt(flow.decode_small(service.store, study))
    async with service.store.read() as conn:
        todo = await work.waiting(conn, limit=1000)
    for bird in todo.individuals:
        assert await flow.begin_individual(service.store, bird) is not None


EDITS = (push, push, push, revise, revise, refer, wear, wear, wear, decide, set_study, observe,
         observe, tune, withdraw, withdraw, cover, drop, judge, judge, name_species,
         read_again, die_half_way)  # fmt: skip


async def stale(service: Service, *, areas: bool = False) -> dict[str, tuple[str, ...]]:
    """Derive what waits; return what differs from a rebuild, by bird or catalogue."""
    await service.drain(areas=areas)
    return {v.name: v.differs async for v in verify(service.store) if v.differs}


async def edit(service: Service, rng: random.Random) -> str:
    """Make one edit; return its name, with the code of the problem if it contradicted what is."""
    chosen = rng.choice(EDITS)
    try:
        await chosen(service, rng)
    except (Conflict, BadInput) as refused:
        return f"{chosen.__name__} ({refused.code})"
    return chosen.__name__
