"""Boxes and times of a request: read as RFC 3339 and RFC 7946 mean them, or refused with a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time, timedelta, timezone

import httpx2
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from app.api.filters import box_of, species_key
from app.api.intervals import interval_of
from app.api.schemas import INSTANT_MAX, INSTANT_MIN
from app.errors import BadInput
from app.seeds import profiles
from tests.api.served import as_key, served
from tests.store.flock import START, Flock

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
INSTANTS = st.datetimes(
    datetime(1970, 1, 2), datetime(2099, 12, 30), timezones=ZONES  # noqa: DTZ001 - hypothesis' own
)  # fmt: skip


@given(INSTANTS, st.booleans())
def test_an_instant_is_the_same_moment_in_every_zone(when, zulu):
    text = when.astimezone(UTC).isoformat().replace("+00:00", "Z") if zulu else when.isoformat()
    first, last = interval_of(text)
    assert first == last == when
    assert first.tzinfo is UTC


def test_letters_may_be_small_and_a_space_may_stand_between():
    wanted = datetime(2020, 3, 1, 5, tzinfo=UTC)
    for text in ("2020-03-01t05:00:00z", "2020-03-01 05:00:00Z", "2020-03-01T14:00:00.000+09:00"):
        assert interval_of(text) == (wanted, wanted)


@given(st.dates(date(1970, 1, 1), date(2099, 12, 31)))
def test_a_date_is_its_whole_utc_day(day):
    first, last = interval_of(day.isoformat())
    assert first == datetime.combine(day, time.min, UTC)
    assert last - first == timedelta(days=1) - timedelta(microseconds=1)
    assert interval_of(f"{day}/{day}") == (first, last)


@given(INSTANTS, INSTANTS)
def test_an_interval_runs_forward_or_is_refused(a, b):
    text = f"{a.isoformat()}/{b.isoformat()}"
    if a > b:
        with pytest.raises(BadInput) as told:
            interval_of(text)
        assert told.value.code == "datetime-invalid"
    else:
        assert interval_of(text) == (a, b)


@pytest.mark.parametrize("open_end", ["..", ""])
def test_an_end_may_be_open(open_end):
    when = datetime(2020, 3, 1, tzinfo=UTC)
    assert interval_of(f"{open_end}/2020-03-01T00:00:00Z") == (None, when)
    assert interval_of(f"2020-03-01T00:00:00Z/{open_end}") == (when, None)
    assert interval_of(f"{open_end}/{open_end}") == (None, None)
    assert interval_of(None) == (None, None)


@pytest.mark.parametrize(
    "text",
    [
        "", "..", "now", "2020", "2020-03", "20200301", "2020-W10-1", "2020-03-01T00:00:00",
        "2020-03-01T00:00:00/..", "2020-03-01T25:00:00Z", "2020-02-30", "2020-02-30T00:00:00Z",
        "2020-03-01/2020-03-02/2020-03-03", "1969-12-31T23:59:59Z", "2100-01-01T00:00:01Z",
        "9999-12-31T23:59:59-23:00", "0001-01-01T00:00:00+23:00", "2020-03-01T00:00:00 09:00",
        "1583020800", "2020-03-02/2020-03-01", "2020-03-01T00:00:00Z/P1D",
    ],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_an_example(text):
    with pytest.raises(BadInput) as told:
        interval_of(text)
    assert told.value.code == "datetime-invalid"
    assert "2020-03-01T00:00:00Z" in told.value.remedy


@given(st.text(max_size=40))
def test_any_text_is_an_interval_within_the_window_or_refused(text):
    try:
        first, last = interval_of(text)
    except BadInput:
        return
    assert all(t is None or INSTANT_MIN <= t <= INSTANT_MAX for t in (first, last))


LON, LAT = st.floats(-180, 180), st.floats(-90, 90)


@given(LON, LON, LAT, LAT, st.booleans())
def test_a_box_is_read_as_it_stands(west, east, a, b, heights):
    south, north = sorted((a, b))
    numbers = (west, south, -10, east, north, 10) if heights else (west, south, east, north)
    box = box_of(",".join(map(repr, numbers)))
    assert (box.west, box.south, box.east, box.north) == (west, south, east, north)


@pytest.mark.parametrize(
    "text",
    [
        "", "1,2,3", "1,2,3,4,5", "1,2,3,4,5,6,7", "a,b,c,d", "nan,0,1,1", "0,0,inf,1", "0,2,1,1",
        "-181,0,0,1", "0,0,181,1", "0,-91,1,0", "0,0,1,91", "1;2;3;4", "[1,2,3,4]", "1,,2,3",
    ],
)  # fmt: skip
def test_what_is_no_box_is_refused(text):
    with pytest.raises(BadInput) as told:
        box_of(text)
    assert told.value.code == "bbox-invalid"


def test_a_species_goes_by_every_name_it_has():
    for profile in profiles().values():
        for name in (profile.key, profile.scientific_name, *profile.synonyms):
            if name:
                assert species_key(name) == profile.key
    assert species_key(None) is None
    with pytest.raises(BadInput, match="not known") as told:
        species_key("Raphus cucullatus")
    assert "white_naped_crane" in told.value.remedy


AT = {"far east": 179.5, "far west": -179.5, "edge": 180.0, "Korea": 127.0, "Greenwich": 0.0}


@pytest.fixture(scope="module")
def flock(new_database: Callable[[], str]) -> Flock:
    """One stay of one bird at each of these longitudes."""
    flock = Flock(new_database())
    institute, _ = flock.institute("Amur")
    study = flock.study(institute, "Cranes")
    for day, (name, lon) in enumerate(AT.items()):
        flock.stopover(study, flock.bird(study, name), day * 10, lon=lon, lat=50.0)
    return flock


@pytest_asyncio.fixture
async def found(flock: Flock) -> AsyncIterator[Callable]:
    async with served(flock.dsn) as client:
        yield lambda **query: names(client, query)


async def names(client: httpx2.AsyncClient, query: dict[str, str]) -> set[str]:
    """Return the birds that the list finds, which must be those of the feed."""
    key = as_key("flw_Amur")
    listed = await client.get("/api/v1/stopovers", params=query, headers=key)
    drawn = await client.get("/feeds/stopovers.geojson", params=query, headers=key)
    assert listed.status_code == drawn.status_code == 200, listed.text
    birds = [item["individual"]["local_identifier"] for item in listed.json()["items"]]
    assert sorted(birds) == sorted(f["properties"]["individual"] for f in drawn.json()["features"])
    return set(birds)


@pytest.mark.parametrize(
    ("box", "birds"),
    [
        ("-180,-90,180,90", set(AT)),
        ("170,40,-170,60", {"far east", "far west", "edge"}),
        ("170,40,180,60", {"far east", "edge"}),
        ("179.6,40,-179.6,60", {"edge"}),
        ("-180,40,-170,60", {"far west"}),
        ("170,51,-170,60", set()),
        ("100,40,-170,60", {"Korea", "far east", "far west", "edge"}),
        ("0,50,0,50", {"Greenwich"}),
        ("-0.0,50,0,60", {"Greenwich"}),
        ("120,50,130,50", {"Korea"}),
        ("180,40,-180,60", {"edge"}),
        ("1,40,-1,60", set(AT) - {"Greenwich"}),
    ],
)
async def test_a_box_may_cross_the_antimeridian(found, box, birds) -> None:
    assert await found(bbox=box) == birds


@pytest.mark.parametrize(
    ("when", "birds"),
    [
        (START.isoformat(), {"far east"}),
        ((START + timedelta(hours=1)).astimezone(timezone(timedelta(hours=9))).isoformat(),
         {"far east"}),
        ("2020-03-11", {"far west"}),
        ("2020-03-11/2020-03-21", {"far west", "edge"}),
        ("../2020-03-05", {"far east"}),
        ("2020-04-10/..", {"Greenwich"}),
        ("2020-03-08", set()),
    ],
)  # fmt: skip
async def test_a_time_finds_the_stays_that_it_meets(found, when, birds) -> None:
    assert await found(datetime=when) == birds


async def test_a_misspelt_filter_is_told_by_lists_and_feeds_alike(found, flock):
    there = {"bbox": "-1,0,1,90"}
    assert await found(**there, _="17") == {"Greenwich"}
    asked = {"params": there | {"boxx": "1"}, "headers": as_key("flw_Amur")}
    async with served(flock.dsn) as client:
        for path in ("/api/v1/stopovers", "/feeds/stopovers.geojson"):
            answer = await client.get(path, **asked)
            assert (answer.status_code, answer.json()["code"]) == (422, "parameter-unknown")
