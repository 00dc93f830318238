"""Movebank: the licence handshake, spans by update, and every page that is no table."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app.pull import web
from tests.pull.conftest import NOW, PASSWORD, Bench
from tests.pull.stub import HTML, Asked, Reply, Service, serving

HEADER = (
    "individual_id,deployment_id,tag_id,study_id,sensor_type_id,individual_local_identifier,"
    "tag_local_identifier,individual_taxon_canonical_name,location_lat,location_long,timestamp,"
    "visible,event_id\n"
)
LICENCE = b"<html><body><h1>License Terms:</h1>Ask before use.</body></html>"
NOTHING = b"<html><p>No data available</p></html>"


class Movebank(Service):
    """Events of one study, each with the moment of its change."""

    def __init__(self, *, licence: bool = False) -> None:
        super().__init__()
        self.licence, self.sessions = licence, 0
        self.events: list[tuple[datetime, str, datetime]] = []  # changed, tag, time

    def answer(self, asked: Asked) -> Reply:
        assert asked.path == "/movebank/service/direct-read"
        signed = "Basic " + b64encode(f"me:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != signed:
            return Reply(b"<html>Sign in</html>", 403, HTML)
        query = asked.query
        assert (query["entity_type"], query["attributes"], query["study_id"]) == (
            "event", "all", "2911040")  # fmt: skip
        if self.licence:
            accepted = query.get("license-md5") == hashlib.md5(LICENCE).hexdigest()
            if not accepted or "JSESSIONID=1" not in asked.headers.get("cookie", ""):
                return Reply(LICENCE, 200, HTML | {
                    "accept-license": "true", "Set-Cookie": "JSESSIONID=1; Path=/"})  # fmt: skip
            self.licence = False
        begin, end = query["update_ts_start"], query["update_ts_end"]
        rows = [self.row(*each) for each in self.events if begin <= stamp(each[0]) <= end]
        if not rows:
            return Reply(NOTHING, 200, HTML)
        return Reply((HEADER + "".join(rows)).encode(), 200, {"Content-Type": "text/csv"})

    @staticmethod
    def row(_: datetime, tag: str, time: datetime) -> str:
        return (
            f'1,2,3,2911040,653,"bird {tag}","{tag}",Grus vipio,43.5,119.2,'
            f"{time:%Y-%m-%d %H:%M:%S}.000,true,9\n"
        )


def stamp(at: datetime) -> str:
    return at.strftime("%Y%m%d%H%M%S%f")[:-3]


@pytest.fixture
def movebank() -> Iterator[Movebank]:
    with serving(Movebank()) as service:
        yield service


SETTINGS = {"study_id": 2911040}
DAY = timedelta(days=1)
FIRST = datetime(2026, 5, 1, tzinfo=UTC)


async def test_the_licence_is_accepted_only_by_who_said_so(bench: Bench) -> None:
    with serving(Movebank(licence=True)) as service:
        service.events = [(NOW - 2 * DAY, "A", FIRST)]
        shy = await bench.connect("movebank", service.base, settings=SETTINGS)
        assert await bench.pull(shy) == 0
        assert await bench.code(shy) == "licence-not-accepted"
        assert await bench.bodies() == []
        willing = await bench.connect(
            "movebank", service.base, settings=SETTINGS | {"accept_licence": True}
        )
        assert await bench.pull(willing) == 1
    assert await bench.fixes() == [("A", FIRST)]
    assert (await bench.bodies())[0].startswith(HEADER.encode())


async def test_what_changed_since_is_fetched_and_equal_bytes_leave_no_trace(
    bench: Bench, movebank: Movebank
) -> None:
    movebank.events = [(NOW - 2 * DAY, "A", FIRST)]
    connector = await bench.connect("movebank", movebank.base, settings=SETTINGS)
    assert await bench.pull(connector) == 1
    assert await bench.pull(connector, NOW + timedelta(minutes=1)) == 0
    movebank.events.append((NOW + timedelta(minutes=1), "A", FIRST + DAY))
    assert await bench.pull(connector, NOW + DAY) == 1
    assert await bench.pull(connector, NOW + 2 * DAY) == 0
    assert await bench.fixes() == [("A", FIRST), ("A", FIRST + DAY)]
    state = await bench.state(connector)
    passed = datetime.fromisoformat(state["cursor"]["updated_until"])
    assert passed == NOW + 2 * DAY - timedelta(seconds=state["settle_s"])
    assert movebank.asked[-1].query["update_ts_start"] == stamp(
        NOW + DAY - timedelta(seconds=state["settle_s"] + state["overlap_s"])
    )


@pytest.mark.parametrize(
    ("fault", "code", "wait"),
    [
        ("busy", "provider-busy", 60),
        ("broken", "provider-failed", 300),
        ("page", "answer-no-data", 300),
        ("cut", "provider-unreachable", 300),
        ("moved", "provider-moved", 300),
        ("hangs up", "provider-unreachable", 300),
    ],
)
async def test_a_fault_moves_nothing_and_the_next_pull_brings_all(
    bench: Bench, movebank: Movebank, fault: str, code: str, wait: int
) -> None:
    movebank.events = [(NOW - DAY, "A", FIRST)]
    movebank.faults = [fault]
    connector = await bench.connect("movebank", movebank.base, settings=SETTINGS)
    assert await bench.pull(connector) == 0
    state = await bench.state(connector)
    assert (state["problem"]["code"], state["cursor"], state["failures"]) == (code, {}, 1)
    assert state["next_run_at"] == NOW + timedelta(seconds=wait)
    assert PASSWORD not in str(state["problem"])
    assert await bench.bodies() == []
    assert await bench.pull(connector) == 1
    assert (await bench.state(connector))["problem"] is None
    assert await bench.fixes() == [("A", FIRST)]


async def test_a_wrong_password_is_tried_daily_until_it_is_mended(
    bench: Bench, movebank: Movebank
) -> None:
    connector = await bench.connect(
        "movebank", movebank.base, settings=SETTINGS, password="wrong-5d2f"
    )
    assert await bench.pull(connector) == 0
    state = await bench.state(connector)
    assert state["problem"]["code"] == "credentials-refused"
    assert state["next_run_at"] == NOW + DAY
    assert "wrong-5d2f" not in str(state["problem"])


async def test_an_answer_that_is_too_large_is_asked_for_in_parts(
    bench: Bench, movebank: Movebank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ANSWER_MAX_BYTES", len(HEADER) + 3 * 90)
    times = [FIRST + n * timedelta(hours=1) for n in range(12)]
    movebank.events = [(time, "A", time) for time in times]
    connector = await bench.connect("movebank", movebank.base, settings=SETTINGS)
    pushes = await bench.pull(connector)
    assert pushes is not None
    assert pushes >= 4
    assert await bench.code(connector) is None
    assert await bench.fixes() == [("A", time) for time in times]


async def test_changes_of_one_instant_that_are_too_many_are_told(
    bench: Bench, movebank: Movebank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "ANSWER_MAX_BYTES", len(HEADER) + 50)
    movebank.events = [(NOW - DAY, "A", FIRST + n * DAY) for n in range(5)]
    connector = await bench.connect("movebank", movebank.base, settings=SETTINGS)
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "answer-too-large"


async def test_a_table_that_ends_within_a_line_is_not_taken(
    bench: Bench, movebank: Movebank, monkeypatch: pytest.MonkeyPatch
) -> None:
    movebank.events = [(NOW - DAY, "A", FIRST)]
    monkeypatch.setattr(Movebank, "row", staticmethod(lambda *_: '1,2,3,2911040,653,"bi'))
    connector = await bench.connect("movebank", movebank.base, settings=SETTINGS)
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "answer-cut-off"
