"""What the details say of times: UTC, the clock of the place, and no more than is known."""

import datetime as dt
import random
from itertools import pairwise
from zoneinfo import ZoneInfo

from .conftest import Stub, Visit
from .test_map import OUTAGE

ZONES = [
    "Asia/Seoul", "Asia/Pyongyang", "Asia/Shanghai", "Asia/Ulaanbaatar", "Asia/Vladivostok",
    "Asia/Kolkata", "Europe/Madrid", "America/St_Johns", "Etc/GMT-9", "Etc/GMT",
]  # fmt: skip


def choose(visit: Visit, feed: str, number: int) -> str:
    """Open the details of one feature; give their text once the time zone is there."""
    visit.page.evaluate(
        "([feed, index]) => flyways.choose(flyways.whole({ feed, index }))", [feed, number]
    )
    visit.page.wait_for_function(
        "() => document.querySelector('#details').innerText.includes('Time zone')"
    )
    return visit.page.inner_text("#details")


def test_local_times_are_those_of_the_zones_history(visit: Visit) -> None:
    """Korea's north kept +08:30 from 2015 to 2018, Mongolia had summer time in 2016, Russia moved
    in 2011, 2014 and 2016: all against Python's own reading of the IANA database."""
    chance = random.Random(8)
    start, end = (int(dt.datetime(year, 1, 1, tzinfo=dt.UTC).timestamp()) for year in (2001, 2025))
    cases = [(chance.randrange(start, end), zone) for zone in ZONES for _ in range(40)]
    page = visit.open("#layers=sites").page
    written = page.evaluate(
        "async (cases) => { const { localTime } = await import('/viewer/format.js');"
        " return cases.map(([s, zone]) => localTime(new Date(s * 1000).toISOString(), zone)); }",
        cases,
    )
    for (seconds, zone), text in zip(cases, written, strict=True):
        time = dt.datetime.fromtimestamp(seconds, ZoneInfo(zone))
        offset = time.strftime("%z")
        assert text == f"{time:%Y-%m-%d %H:%M} UTC{offset[:3]}:{offset[3:]}", (seconds, zone)


def test_a_stay_and_a_track_tell_the_clock_of_their_places(visit: Visit, stub: Stub) -> None:
    visit.open("#layers=stopovers,tracks")
    stay = choose(visit, "stopovers", 1)  # Cheorwon
    assert "2025-02-24 00:00 \u2013 06:00 UTC\n" in stay
    assert "2025-02-24 09:00 \u2013 15:00 UTC+09:00\n" in stay
    assert "Time zone\nAsia/Seoul\n" in stay
    choose(visit, "stopovers", 1)
    assert [path for path, _ in stub.asked].count("/api/v1/time-zones") == 1
    way = choose(visit, "tracks", 1)  # Cheorwon to Panjin
    assert "First fix\n2025-03-12 00:00 UTC\n2025-03-12 09:00 UTC+09:00\n" in way
    assert "Last fix\n2025-03-14 00:00 UTC\n2025-03-14 08:00 UTC+08:00\n" in way
    assert "Time zone\nAsia/Seoul \u2013 Asia/Shanghai\n" in way
    assert visit.complaints == []


def part_of_flyway(visit: Visit, part: str) -> list[str]:
    """Click on the middle of a part of the flyways; give the lines of its details."""
    lon, lat = {"route": (118.475, 45.49), "unobserved": (122.685, 41.49)}[
        part
    ]  # middle on the map
    visit.page.evaluate(
        "([lon, lat]) => flyways.choosePoint(flyways.map.project([lon, lat]))", [lon, lat]
    )
    return visit.page.inner_text("#details").split("\n")


def test_a_bird_without_a_profile_has_the_name_that_its_institute_gives(
    visit: Visit, stub: Stub
) -> None:
    for features in stub.feeds.values():
        for feature in features:
            if feature["properties"].get("individual") == "SH-11":
                feature["properties"]["species"] = "default"
                del feature["properties"]["species_name"]
    stub.feeds["positions"][-1]["properties"]["species_name"] = "Antigone canadensis"
    visit.open("#layers=stopovers,positions,tracks")
    for feed in ("stopovers", "positions", "tracks"):
        last = len(stub.feeds[feed]) - 1
        assert "Species\nAntigone canadensis\n" in choose(visit, feed, last)
    assert "Species\nWhite-naped Crane (Grus vipio)\n" in choose(visit, "stopovers", 0)


def test_a_mean_route_and_silences_tell_what_they_are(visit: Visit, stub: Stub) -> None:
    stub.feeds["flyways"] = [
        each for each in stub.feeds["flyways"]
        if each["properties"]["part"] in {"route", "unobserved"}
    ]  # fmt: skip
    page = visit.open("#map=4.00/41.0000/122.0000&layers=flyways").page
    assert page.inner_text("#key-flyways").split("\n") == [
        "mean of whole migrations", "not observed: shortest way over silences of more than 7 days",
    ]  # fmt: skip
    route = part_of_flyway(visit, "route")
    assert "Mean route" in route
    assert dict(pairwise(route)).items() >= {
        "Birds": "4", "Whole migrations": "9", "Length": "2654.3 km",
        "Half of the birds passed within": "812 m \u2013 14.6 km",
        "95 % of the birds passed within": "12.0 \u2013 90.3 km",
    }.items()  # fmt: skip
    silence = part_of_flyway(visit, "unobserved")
    assert "Not observed" in silence
    assert dict(pairwise(silence))["Silences"] == "2"
    assert not {"Share", "Length", "Passages"} & {*route[3:4], *silence}
    assert visit.complaints == []


def test_what_is_known_by_day_is_told_by_day(visit: Visit, stub: Stub) -> None:
    """The public reads another's stays by UTC day: a clock time would be made up."""
    stub.feeds["stopovers"][1]["properties"]["precision"] = "0.1 degree grid"
    stay = choose(visit.open("#layers=stopovers"), "stopovers", 1)
    assert "Arrival\n2025-02-24 UTC\n" in stay
    assert "UTC+" not in stay
    assert ":00" not in stay


def test_without_an_answer_the_times_stay_in_utc(visit: Visit, stub: Stub) -> None:
    stub.problems["time-zones"] = OUTAGE
    visit.open("#layers=stopovers")
    stay = choose(visit, "stopovers", 1)
    assert "2025-02-24 00:00" in stay
    assert "Time zone\nnot known; times stay in UTC" in stay
    stub.problems.clear()
    assert "Time zone\nAsia/Seoul" in choose(visit, "stopovers", 1)
