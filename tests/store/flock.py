"""Rows of derived tables, written by hand: what the stages would leave, in a few words."""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import numpy as np
import psycopg
from asyncpg.connection import LoggedQuery
from psycopg import sql

from app.movement.density import LEVELS, PUBLIC_LEVELS
from app.movement.mercator import cells_of
from app.pipeline.run import drain
from app.store import work
from app.store.engine import Connection, Store

START = datetime(2020, 3, 1, 12, 34, 56, tzinfo=UTC)
RELEASED = datetime(2021, 1, 1, tzinfo=UTC)
UNRELEASED = datetime(2099, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
SPECIES = "white_naped_crane"


@asynccontextmanager
async def statements(raw: asyncpg.Connection) -> AsyncIterator[list[LoggedQuery]]:
    """Give the statements sent within the block, without the driver's own, which asks for types."""
    sent: list[LoggedQuery] = []

    def note(query: LoggedQuery) -> None:
        if not re.search(r"typeinfo_tree|_(setting|config)\(.jit.", query.query):
            sent.append(query)

    with raw.query_logger(note):
        yield sent
        await asyncio.sleep(0)  # the driver tells of a statement when the loop comes round


def ref_of(*words: object) -> uuid.UUID:
    """Give the same id to the same thing in every run."""
    return uuid.uuid5(uuid.NAMESPACE_OID, repr(words))


_open: dict[str, psycopg.Connection] = {}


def _connection(dsn: str) -> psycopg.Connection:
    """Give the one open connection of this process: to open one takes longer than to use it."""
    found = _open.get(dsn)
    if found is None or found.closed:
        disconnect()
        found = _open[dsn] = psycopg.connect(dsn, autocommit=True)
    return found


@atexit.register
def disconnect() -> None:
    """Close it; a database that is cloned may have no other users."""
    while _open:
        _open.popitem()[1].close()


@dataclass
class Flock:
    """A database under test and the shortest ways to fill it."""

    dsn: str

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[Connection]:
        """Open a transaction that is rolled back: for the many examples of one property."""
        store = Store(self.dsn, pool_size=1)
        try:
            async with store.engine.connect() as conn:
                await conn.begin()
                yield conn
        finally:
            await store.close()

    def find_key_sites(self, *studies: int) -> None:
        """Find the key sites of all who read these studies."""

        async def find() -> None:
            store = Store(self.dsn, pool_size=2)
            async with store.write() as conn:
                for study in studies:
                    await work.mark_key_sites_due(conn, study)
            assert await drain(store) == []
            await store.close()

        asyncio.run(find())

    def insert(self, table: str, **values: Any) -> Any:
        """Add a row; return its id where it has one."""
        geometries = {"centre", "polygon", "line", "overview", "geom"}
        marks = [
            sql.SQL("st_geomfromtext({}, 4326)" if name in geometries else "{}").format(
                sql.Placeholder(name)
            )
            for name in values
        ]
        statement = sql.SQL("insert into {} ({}) values ({}) returning *").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, values)),
            sql.SQL(", ").join(marks),
        )
        cursor = _connection(self.dsn).cursor(row_factory=psycopg.rows.dict_row)
        return cursor.execute(statement, values).fetchone().get("id")

    def run(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        done = _connection(self.dsn).execute(statement, values)
        return done.fetchall() if done.description else []

    def explain(self, statement: str) -> str:
        """Return the plan, with the small tables of a test treated like large ones."""
        with psycopg.connect(self.dsn) as conn:
            conn.execute("set local enable_seqscan = off")
            return "\n".join(line for (line,) in conn.execute(f"explain {statement}"))

    def institute(self, name: str) -> tuple[int, str]:
        """Add an institute with a key; return its id and the key."""
        institute = self.insert("institute", name=name, ref=ref_of("institute", name))
        secret = f"flw_{name}"
        self.insert(
            "api_key",
            institute_id=institute,
            label=name,
            prefix=secret[:8],
            secret_sha256=hashlib.sha256(secret.encode()).digest(),
            scopes=["read", "push", "manage"],
        )
        return institute, secret

    def study(self, institute: int, name: str, visibility: str = "private", **more: Any) -> int:
        return self.insert(
            "study", institute_id=institute, name=name, visibility=visibility,
            ref=ref_of("study", name), **more,
        )  # fmt: skip

    def bird(self, study: int, name: str, species: str = SPECIES) -> int:
        return self.insert(
            "individual", study_id=study, local_identifier=name, species_key=species,
            taxon="Grus vipio", ref=ref_of("bird", study, name),
        )  # fmt: skip

    def stopover(self, study: int, bird: int, day: int = 0, **more: Any) -> int:
        lon, lat = more.get("lon", 127.123456), more.get("lat", 38.234567)
        arrival, departure = START + day * DAY, START + (day + 3) * DAY
        values = {
            "ref": ref_of("stopover", bird, day), "study_id": study, "individual_id": bird,
            "species_key": SPECIES, "arrival_time_earliest": arrival - DAY / 24,
            "arrival_time_latest": arrival, "departure_time_earliest": departure,
            "departure_time_latest": departure + DAY / 24, "arrival_open": False,
            "departure_open": False, "n_fixes": 77, "lon": lon, "lat": lat,
            "radius_m": 1234.5, "observed_s": 250_000.0, "max_gap_s": 3600.0,
            "duration_min_s": 259_200.0, "duration_max_s": 266_400.0,
            "centre": f"POINT({lon} {lat})",
            "polygon": f"POLYGON(({lon} {lat},{lon} {lat + 0.01},{lon + 0.01} {lat},{lon} {lat}))",
            "n_stays": 1, "kind": "stopover", "season": "2020-spring",
            "seen_or_inferred": "seen", "area": "KR", "method": "radius",
            "parameters": "p1", "public_lon": round(lon, 1), "public_lat": round(lat, 1),
            "release_at": RELEASED,
        }  # fmt: skip
        return self.insert("stopover", **(values | more))

    def public_fix(self, study: int, bird: int, hour: int, place: tuple[float, float],
                   release_at: datetime = RELEASED) -> None:  # fmt: skip
        self.insert(
            "public_fix", individual_id=bird, time=START + hour * timedelta(hours=1),
            study_id=study, species_key=SPECIES, lon=place[0], lat=place[1],
            release_at=release_at,
        )  # fmt: skip

    def latest_fix(self, study: int, bird: int, place: tuple[float, float]) -> None:
        self.insert(
            "latest_fix", individual_id=bird, study_id=study, species_key=SPECIES,
            time=START + 40 * DAY, lon=place[0], lat=place[1],
        )  # fmt: skip

    def track_part(self, study: int, bird: int, line: str, day: int = 0, **more: Any) -> None:
        values = {
            "individual_id": bird, "study_id": study, "species_key": SPECIES, "observed": True,
            "time_first": START + day * DAY, "time_last": START + (day + 5) * DAY, "n_fixes": 9,
            "line": line, "overview": line,
        }  # fmt: skip
        self.insert("track_part", **(values | more))

    def density(self, study: int, bird: int, place: tuple[float, float], hours: int,
                **more: Any) -> None:  # fmt: skip
        levels = PUBLIC_LEVELS if more.get("public") else LEVELS
        for level in levels:
            x, y = (int(each[0]) for each in cells_of(*np.array([place]).T, level))
            values = {
                "individual_id": bird, "study_id": study, "species_key": SPECIES, "public": False,
                "month": START.date().replace(day=1), "level": level, "x": x, "y": y,
                "hours": hours, "release_at": RELEASED,
            }  # fmt: skip
            self.insert("density_cell", **(values | more))
            if not more.get("public"):
                self.run(
                    "insert into density_total (individual_id, study_id, species_key, level, x, y,"
                    " hours) values (%s, %s, %s, %s, %s, %s, %s) on conflict"
                    " (individual_id, level, x, y) do update"
                    " set hours = density_total.hours + excluded.hours",
                    bird,
                    study,
                    SPECIES,
                    level,
                    x,
                    y,
                    hours,
                )

    def leg(self, study: int, bird: int, day: int = 3, **more: Any) -> None:
        values = {
            "ref": ref_of("leg", bird, day), "study_id": study, "individual_id": bird,
            "species_key": SPECIES, "departure_time": START + day * DAY,
            "arrival_time": START + (day + 1) * DAY, "from_lon": 127.123456,
            "from_lat": 38.234567, "to_lon": 115.1, "to_lat": 49.7, "season": "2020-spring",
            "length_m": 1_623_456.0, "displacement_m": 1_589_123.0, "straightness": 0.97,
            "speed_max_m_s": 21.0, "observed_s": 80_000.0, "unobserved_s": 6_400.0,
            "n_fixes": 50, "line": "MULTILINESTRING((127.123456 38.234567,115.1 49.7))",
            "method": "radius", "parameters": "p1", "release_at": RELEASED,
        }  # fmt: skip
        self.insert("leg", **(values | more))

    def season(self, study: int, bird: int, name: str = "2020-spring", **more: Any) -> None:
        values = {
            "individual_id": bird, "study_id": study, "season": name, "species_key": SPECIES,
            "start_time": START, "end_time": START + 60 * DAY, "confidence": 0.9,
            "release_at": RELEASED,
        }  # fmt: skip
        self.insert("season", **(values | more))

    def utilisation(
        self,
        study: int,
        bird: int,
        name: str = "2020-spring",
        level: int = 95,
        place: tuple[float, float] = (127.123456, 38.234567),
        **more: Any,
    ) -> None:
        lon, lat = place
        ring = f"{lon} {lat},{lon + 0.02} {lat},{lon + 0.02} {lat + 0.02},{lon} {lat}"
        values = {
            "individual_id": bird, "study_id": study, "species_key": SPECIES, "season": name,
            "method": "akde", "level": level, "start_time": START, "end_time": START + 60 * DAY,
            "area_km2": 4.0 * level, "area_low_km2": 3.0 * level, "area_high_km2": 5.0 * level,
            "n_fixes": 900, "n_effective": 22.5, "unobserved_s": 43_200.0,
            "version": "utilisation 1", "parameters": '{"model": "OUF"}',
            "geom": f"MULTIPOLYGON((({ring})))",
        }  # fmt: skip
        self.insert("utilisation", **(values | more))

    def season_use(
        self,
        study: int,
        bird: int,
        places: list[tuple[float, float]],
        name: str = "2020-wintering",
        **more: Any,
    ) -> None:
        """Let a bird have spent ten hours at each of some places."""
        x, y = cells_of(*np.array(places, dtype=np.float64).T, 15)
        cells = np.column_stack([x, y, np.full(len(places), 10)]).astype("<i4")
        values = {
            "individual_id": bird, "study_id": study, "species_key": SPECIES, "season": name,
            "public": False, "start_time": START, "end_time": START + 60 * DAY,
            "n_hours": 10 * len(places), "unobserved_s": 43_200.0, "cells": cells.tobytes(),
            "release_at": RELEASED,
        }  # fmt: skip
        self.insert("season_use", **(values | more))

    def site(self, scope: str, name: str, lon: float, lat: float, **more: Any) -> int:
        values = {
            "ref": ref_of("site", scope, name), "scope": scope, "simulated": False, "key": name,
            "name": name, "named": True, "lon": lon, "lat": lat, "radius_m": 20_000.0,
            "area": "KR", "n_individuals": 3, "n_stopovers": 4, "bird_days": 12.5,
            "species_keys": [SPECIES], "time_first": START, "time_last": START + 30 * DAY,
        }  # fmt: skip
        return self.insert("site", **(values | more))

    def connection(self, scope: str, ends: tuple[int, int], **more: Any) -> None:
        values = {
            "scope": scope, "simulated": False, "species_key": SPECIES, "season": "spring",
            "from_site_id": ends[0], "to_site_id": ends[1], "n_birds": 3, "n_passages": 5,
            "travel_days_median": 2.5, "distance_m": 1_500_000.0, "observed_share": 0.8,
        }  # fmt: skip
        self.insert("connection", **(values | more))

    def corridor(self, scope: str, level: int = 95, **more: Any) -> None:
        values = {
            "scope": scope, "simulated": False, "species_key": SPECIES, "season": "spring",
            "level": level, "n_birds": 3, "area_km2": 1234.5,
            "geom": "MULTIPOLYGON(((120 40,120 45,125 45,125 40,120 40)))",
        }  # fmt: skip
        self.insert("corridor", **(values | more))

    def flyway_line(self, scope: str, part: str = "route", **more: Any) -> None:
        """Add the mean route of a flyway, or its silences."""
        known = part == "route"
        values = {
            "scope": scope, "simulated": False, "species_key": SPECIES, "season": "spring",
            "part": part, "n_birds": 3, "n_passages": 5, "length_m": 1_500_000.0 if known else None,
            "width_50_m": [1_000.0, 2_500.5] if known else None,
            "width_95_m": [9_000.0, 9_500.0] if known else None,
            "geom": "MULTILINESTRING((127.1 38.2,115.1 49.7))",
        }  # fmt: skip
        self.insert("flyway_line", **(values | more))

    def tag(self, study: int, name: str, bird: int | None = None, during: str = "(,)") -> int:
        """Add a tag, and the deployment that says whom it is on."""
        tag = self.insert("tag", study_id=study, local_identifier=name, ref=ref_of("tag", name))
        if bird is not None:
            self.deployment(study, tag, bird, during)
        return tag

    def deployment(self, study: int, tag: int, bird: int, during: str, **more: Any) -> int:
        values = {
            "study_id": study, "tag_id": tag, "individual_id": bird, "during": during,
            "declared": True,
        }  # fmt: skip
        return self.insert("deployment", **(values | more))

    def fix(self, study: int, tag: int, hour: float, place: tuple[float, float] = (127.0, 38.0),
            **more: Any) -> None:  # fmt: skip
        values = {
            "tag_id": tag, "time": START + hour * timedelta(hours=1), "sensor": 0, "variant": 1,
            "study_id": study, "decoding_id": 1, "visible": True, "lon": place[0],
            "lat": place[1], "error_m": 10.0,
        }  # fmt: skip
        self.insert("fix", **(values | more))
