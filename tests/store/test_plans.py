"""The hot queries find their rows by index: over many birds, none reads a large table whole."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from app.store import (
    corrections,
    fixes,
    fixpoints,
    legs,
    morning,
    readings,
    receipts,
    reference,
    seasons,
    sending,
    stopovers,
    tracks,
    windows,
    work,
)
from app.store.audience import Audience
from app.store.engine import Connection, Store, driver, execute
from app.store.sight import Box, Filters
from tests.store.flock import Flock, ref_of, statements

LARGE = (
    "fix", "public_fix", "track_part", "stopover", "leg", "fix_flag", "fix_verdict", "decoding",
    "reading", "naming", "naming_week", "refusal",
)  # fmt: skip
BIRDS = 200
OWNER = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,))
STRANGER = Audience("public", open=(2,))
SOME = Filters(box=Box(127.0, 38.0, 127.3, 38.3))
TAG, SOURCE = ref_of("tag"), ref_of("source")
FROM = datetime(2020, 3, 2, tzinfo=UTC)
LATE = datetime(2020, 1, 1, tzinfo=UTC)
DAY = Filters(time_from=FROM, time_to=FROM + timedelta(days=1))

ASKED = {"push": None, "code": None, "after": None, "limit": 50}

FILL = f"""
insert into institute (name) values ('Own'), ('Other');
insert into study (institute_id, name, visibility)
  select least(n, 2), 'study ' || n, case n when 2 then 'open' else 'private' end
  from generate_series(1, 20) n;
insert into individual (study_id, local_identifier)
  select 1 + n % 20, 'bird ' || n from generate_series(1, {BIRDS}) n;
insert into tag (study_id, local_identifier, ref)
  select study_id, 'tag of ' || local_identifier, case id when 20 then '{TAG}'::uuid
    else gen_random_uuid() end from individual order by id;
insert into source (study_id, name, scheme, secrets, ref)
  values (1, 'gate', 'token', '{{x}}', '{SOURCE}');
insert into deployment (study_id, tag_id, individual_id, during, declared)
  select i.study_id, t.id, i.id, '(,)', true
  from individual i join tag t on t.local_identifier = 'tag of ' || i.local_identifier;
insert into push (study_id, digest, size_bytes, source_id)
  select 1 + n % 20, int4send(n), 1, case n % 20 when 0 then 1 end
  from generate_series(1, 2000) n;
insert into decoding (study_id, push_id, number, tz, state)
  select study_id, id, 1, 'UTC', 'processed' from push;
update decoding set state = 'received' where id = 1000;
update decoding set tag_ids = '{{20}}', time_first = '2020-03-01Z', time_last = '2020-03-03Z'
  where study_id = 1;
insert into naming
  select d.id, t.id, i.id, d.study_id, '2020-03-01Z', '2020-03-01Z' from decoding d
  join tag t using (study_id)
  join individual i on t.local_identifier = 'tag of ' || i.local_identifier;
insert into refusal (decoding_id, study_id, unit, excerpt, code, remedy)
  select d.id, d.study_id, n, 'x', case n % 2 when 0 then 'ragged-row' else 'time-unreadable' end,
    'Mend it.' from decoding d, generate_series(1, 10) n;
insert into reading (tag_id, time, sensor, variant, study_id, decoding_id)
  select t.id, '2020-03-01Z'::timestamptz + n * interval '1 h', 0, 1, t.study_id, 1
  from tag t, generate_series(1, 100) n;
insert into fix (tag_id, time, sensor, variant, study_id, decoding_id, visible, lon, lat, error_m)
  select d.tag_id, '2020-03-01Z'::timestamptz + n * interval '1 h', 0, 1, d.study_id, 1, true,
    120 + n % 100 / 10.0, 30 + d.tag_id / 10.0, 10
  from deployment d, generate_series(1, 100) n;
insert into fix_flag (tag_id, time, sensor, variant, code, study_id, origin)
  select tag_id, time, sensor, variant, 'speed', study_id, 'track' from fix where tag_id % 4 = 0;
insert into fix_verdict (study_id, tag_id, time, sensor, variant, verdict, reason, decided_by)
  select study_id, tag_id, time, sensor, variant, 'hide', '', '' from fix where tag_id % 4 = 0;
insert into latest_fix (individual_id, study_id, species_key, time, lon, lat)
  select id, study_id, species_key, '2020-03-01Z', 100 + id / 5.0, 9 from individual;
insert into recent (individual_id, study_id, doing, path_time, path_m)
  select id, study_id, 'moving', '{{2020-03-01Z}}', '{{0}}' from individual;
insert into public_fix (individual_id, time, study_id, species_key, lon, lat, release_at)
  select d.individual_id, f.time, f.study_id, 'default', f.lon, f.lat, '2021-01-01Z'
  from fix f join deployment d using (tag_id);
insert into track_part (individual_id, study_id, species_key, observed, time_first, time_last,
    n_fixes, line, overview)
  select i.id, i.study_id, 'default', true, '2015-01-01Z'::timestamptz + n * interval '1 month',
    '2015-01-01Z'::timestamptz + (n + 1) * interval '1 month', 9, drawn, drawn
  from individual i, generate_series(1, 60) n, lateral (select
    st_multi(st_makeline(st_setsrid(st_makepoint(100 + i.id / 5.0, n), 4326),
      st_setsrid(st_makepoint(100.1 + i.id / 5.0, n + 0.1), 4326))) as drawn) as line;
insert into stopover (study_id, individual_id, species_key, arrival_time_earliest,
    arrival_time_latest, departure_time_earliest, departure_time_latest, arrival_open,
    departure_open, n_fixes, lon, lat, radius_m, observed_s, max_gap_s, duration_min_s,
    duration_max_s, centre, polygon, n_stays, kind, seen_or_inferred, method, parameters,
    public_lon, public_lat, release_at)
  select i.study_id, i.id, 'default', t, t, t + '3 d', t + '3 d', false, false, 9, x, y, 1, 1, 1,
    1, 1, p, p, 1, 'stopover', 'seen', 'radius', 'p', x, y, '2021-01-01Z'
  from individual i, generate_series(1, 30) n,
    lateral (select '2015-01-01Z'::timestamptz + n * interval '10 d' as t,
      100 + i.id / 5.0 as x, n as y) as at,
    lateral (select st_setsrid(st_makepoint(x, y), 4326) as p) as place;
insert into leg (study_id, individual_id, species_key, departure_time, arrival_time, from_lon,
    from_lat, to_lon, to_lat, length_m, displacement_m, straightness, speed_max_m_s, observed_s,
    unobserved_s, n_fixes, method, parameters, release_at)
  select study_id, individual_id, species_key, departure_time_latest,
    departure_time_latest + '1 d', lon, lat, lon + 1, lat + 1, 1, 1, 1, 1, 1, 1, 9, 'radius', 'p',
    release_at from stopover;
analyze;
"""


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    flock = Flock(new_database())
    with psycopg.connect(flock.dsn) as conn:
        conn.execute(FILL)
    return flock


@pytest.fixture
async def store(flock: Flock):
    store = Store(flock.dsn, pool_size=1)
    yield store
    await store.close()


Query = Callable[[Connection], Awaitable[Any]]


async def plans(store: Store, query: Query) -> str:
    """Run a read, and return the plans of the statements it sent with the values it sent."""
    async with store.read() as conn:
        raw = await driver(conn)
        async with statements(raw) as sent:
            await query(conn)
        assert sent
        told = [await raw.fetch(f"explain {one.query}", *one.args) for one in sent]
    return "\n".join(line for plan in told for (line,) in plan)


HOT: dict[str, tuple[Query, str]] = {
    "latest positions, own": (
        lambda c: fixes.positions_feed(c, OWNER, Filters(), fetch=100), ""),
    "latest positions, public": (
        lambda c: fixes.positions_feed(c, STRANGER, Filters(), fetch=100), "pk_public_fix"),
    "fixes of a bird, own": (
        lambda c: fixes.exact(c, OWNER, 20, DAY, fetch=100), "pk_fix"),
    "fixes of a bird, public": (
        lambda c: fixes.public(c, STRANGER, 1, DAY, fetch=100), "pk_public_fix"),
    "a bird drawn": (
        lambda c: fixes.drawn(c, OWNER, 20, Filters(), fetch=1000), "pk_fix"),
    "the visible fix before a time": (
        lambda c: windows.visible_near(c, 20, FROM, before=True), "pk_fix"),
    "tracks in a box": (
        lambda c: tracks.feed(c, OWNER, SOME, fetch=100), "ix_track_part"),
    "tracks in a box, public": (
        lambda c: tracks.feed(c, STRANGER, SOME, fetch=100), "ix_public_fix_study"),
    "stopovers in a box": (
        lambda c: stopovers.feed(c, OWNER, SOME, fetch=100), "ix_stopover"),
    "stopovers, public": (
        lambda c: stopovers.page(c, STRANGER, Filters(), fetch=100), "ix_stopover_study"),
    "legs": (lambda c: legs.page(c, OWNER, Filters(), fetch=100), "ix_leg_study"),
    "seasons": (lambda c: seasons.page(c, OWNER, Filters(), fetch=100), ""),
    "readings of a tag": (
        lambda c: readings.page(c, OWNER, TAG, (FROM, None), fetch=100), "pk_reading"),
    "how a tag sends": (lambda c: sending.of_tag(c, OWNER, TAG), "pk_fix"),
    "how a source sends": (lambda c: sending.of_source(c, OWNER, SOURCE), "ix_push_source_id"),
    "fixes that wait with tags": (
        lambda c: reference.tags(c, OWNER, limit=100, waiting=True), "pk_fix"),
    "pushes of a study": (
        lambda c: receipts.list_pushes(c, OWNER, study_id=1, before_id=None, limit=20), ""),
    "refusals of a study": (
        lambda c: corrections.refusals(c, OWNER, 1, Filters(), **ASKED), "ix_refusal_study_id"),
    "further refusals of a study": (
        lambda c: corrections.refusals(c, OWNER, 1, Filters(), **ASKED | {"after": (1000, 3)}),
        "_refusal"),
    "suspects of a study": (
        lambda c: corrections.suspects(c, OWNER, 1, Filters(), **ASKED), "pk_fix"),
    "how each bird is": (lambda c: morning.birds(c, OWNER, now=FROM), "pk_recent"),
    "what came since yesterday": (lambda c: morning.arrivals(c, OWNER, since=LATE), "pk_fix"),
    "what waits for a worker": (lambda c: work.waiting(c, limit=10), "ix_decoding_open"),
}  # fmt: skip


@pytest.mark.parametrize("name", HOT)
async def test_a_hot_read_goes_by_index(store: Store, name: str) -> None:
    query, index = HOT[name]
    plan = await plans(store, query)
    assert re.findall(rf"Seq Scan on (?:{'|'.join(LARGE)})\b", plan) == []
    assert index in plan


async def test_a_receipt_goes_by_index(flock: Flock, store: Store) -> None:
    ref = flock.run("select ref from push where id = 20")[0][0]
    plan = await plans(store, lambda c: receipts.receipt(c, OWNER, ref))
    assert "uq_push_ref" in plan
    assert re.findall(rf"Seq Scan on (?:push|{'|'.join(LARGE)})\b", plan) == []


async def test_a_whole_table_would_be_noticed(store: Store) -> None:
    """The guard itself: a query without an index is seen as what it is."""
    plan = await plans(store, lambda c: execute(c, "select count(error_m) from fix"))
    assert "Seq Scan on fix" in plan


@pytest.mark.parametrize("audience", [OWNER, STRANGER], ids=["owner", "stranger"])
async def test_the_newest_fixes_go_by_index(store: Store, flock: Flock, audience: Audience) -> None:
    study = (*audience.exact, *audience.open)[0]
    bird = flock.run("select ref from individual where study_id = %s limit 1", study)[0][0]
    asked = Filters(individual=bird)
    async with store.look() as conn:
        assert len(await fixpoints.newest(conn, audience, asked, fetch=50)) == 50
    plan = await plans(store, lambda c: fixpoints.newest(c, audience, asked, fetch=50))
    assert "Index Scan Backward" in plan
    assert not re.search(rf"Seq Scan on ({'|'.join(LARGE)})\b", plan)
