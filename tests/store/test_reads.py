"""What holds for every paged read: joined pages are all rows, and readers see what is theirs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.store import fixes, legs, seasons, stopovers, tracks
from app.store.audience import Audience
from app.store.engine import Store
from app.store.sight import Box, Filters
from tests.store.flock import START, UNRELEASED, Flock

PAGES = {"stopovers": stopovers.page, "legs": legs.page, "seasons": seasons.page}
FEEDS = {"stopovers": stopovers.feed, "tracks": tracks.feed, "positions": fixes.positions_feed}
KEYS = {
    "stopovers": ("arrival_time_latest", "id"),
    "legs": ("departure_time", "id"),
    "seasons": ("start_time", "individual_id", "season"),
}
OWNER = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,), open=(2,))
STRANGER = Audience("public", open=(2,))
NOBODY = Audience("public")


@pytest.fixture(scope="module")
def flock(new_database) -> Flock:
    """Give a private study 1 and an opened study 2, of three birds each, all at the same times."""
    flock = Flock(new_database())
    for number, visibility in ((1, "private"), (2, "open")):
        institute, _ = flock.institute(f"institute {number}")
        study = flock.study(institute, f"study {number}", visibility)
        for name in "ABC":
            bird = flock.bird(study, name)
            for day in (0, 10):
                flock.stopover(study, bird, day)
                flock.leg(study, bird, day + 3)
                flock.track_part(study, bird, "MULTILINESTRING((127 38,128 39))", day)
            flock.season(study, bird)
            flock.latest_fix(study, bird, (127.123, 38.234))
            flock.public_fix(study, bird, 0, (127.1, 38.2))
            flock.public_fix(study, bird, 1, (127.2, 38.2))
    flock.stopover(2, 4, 20, release_at=UNRELEASED)
    flock.stopover(2, 4, 30, public_lon=None, public_lat=None)
    return flock


@pytest.fixture
async def conn(flock):
    store = Store(flock.dsn, pool_size=1)
    async with store.read() as conn:
        yield conn
    await store.close()


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("fetch", [1, 2, 5])
async def test_joined_pages_hold_every_row_once_in_order(conn, name, fetch):
    whole = await PAGES[name](conn, OWNER, Filters(), fetch=1000)
    joined, after = [], None
    while page := await PAGES[name](conn, OWNER, Filters(), fetch=fetch, after=after):
        joined += page
        after = tuple(page[-1][key] for key in KEYS[name])
    assert joined == whole
    assert len(whole) >= 6


@pytest.mark.parametrize("name", FEEDS)
async def test_joined_feeds_hold_every_feature_once(conn, name):
    whole = await FEEDS[name](conn, OWNER, Filters(), fetch=1000)
    joined, after = [], None
    while page := await FEEDS[name](conn, OWNER, Filters(), fetch=2, after=after):
        joined += page
        after = page[-1].key
    assert joined == whole
    assert len(whole) >= 6


@pytest.mark.parametrize("read", [*PAGES.values(), *FEEDS.values()])
async def test_a_reader_of_both_reads_the_union_of_what_each_grant_gives(conn, read):
    own = Audience("institute", 1, 1, frozenset({"read"}), exact=(1,))
    parts = [await read(conn, who, Filters(), fetch=1000) for who in (own, STRANGER)]
    both = await read(conn, OWNER, Filters(), fetch=1000)
    assert all(parts)
    assert sorted(map(repr, both)) == sorted(map(repr, [*parts[0], *parts[1]]))
    assert await read(conn, NOBODY, Filters(), fetch=1000) == []


async def test_strangers_read_cells_and_days_of_released_places_alone(conn):
    rows = await stopovers.page(conn, STRANGER, Filters(), fetch=1000)
    assert len(rows) == 6  # the one that waits and the one withheld are left out
    for row in rows:
        assert (row["lon"], row["lat"]) == (127.1, 38.2)
        assert row["arrival_time_latest"].time() == START.min.time()


async def test_a_box_is_answered_by_the_shown_place_not_the_true_one(conn):
    around_truth = Filters(box=Box(127.12, 38.23, 127.13, 38.24))
    assert await stopovers.page(conn, STRANGER, around_truth, fetch=10) == []
    assert len(await stopovers.page(conn, OWNER, around_truth, fetch=10)) == 6


async def test_released_positions_of_a_bird_page_by_time(conn):
    first = await fixes.public(conn, STRANGER, 4, Filters(), fetch=1)
    rest = await fixes.public(conn, STRANGER, 4, Filters(), fetch=9, after=(first[0]["time"],))
    hour = timedelta(hours=1)
    assert [row["time"] for row in (*first, *rest)] == [START, START + hour]
    assert await fixes.public(conn, STRANGER, 1, Filters(), fetch=9) == []
