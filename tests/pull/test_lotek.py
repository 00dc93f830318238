"""Lotek: 400 is no data, and a login ends the token before it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from tests.pull.conftest import NOW, PASSWORD, Bench
from tests.pull.stub import Asked, Reply, Service, serving

FIRST = datetime(2026, 5, 1, tzinfo=UTC)


class Lotek(Service):
    """Positions of devices, each with its upload."""

    def __init__(self) -> None:
        super().__init__()
        self.logins, self.lasts = 0, 1000
        self.uploads: list[tuple[datetime, int, datetime]] = []  # uploaded, device, time

    def answer(self, asked: Asked) -> Reply:
        if asked.path == "/user/login":
            form = parse_qs(asked.body.decode())
            if form["password"] != [PASSWORD] or form["grant_type"] != ["password"]:
                return Reply.of({"error": "invalid_grant"}, 400)
            self.logins += 1
            self.left = self.lasts
            return Reply.of({"access_token": f"token-{self.logins}"})
        self.left -= 1
        if asked.headers.get("authorization") != f"Bearer token-{self.logins}" or self.left < 0:
            return Reply.of({"Message": "Authorization has been denied"}, 401)
        if asked.path == "/devices":
            return Reply.of([{"nDeviceID": str(n)} for n in sorted({u[1] for u in self.uploads})])
        begin, end = (datetime.fromisoformat(asked.query[name]) for name in ("from", "to"))
        found = [
            {"DeviceID": device, "RecDateTime": f"{time:%Y-%m-%dT%H:%M:%S}",
             "UploadTimeStamp": f"{uploaded:%Y-%m-%dT%H:%M:%S}", "Latitude": 43.5,
             "Longitude": 0.0, "Altitude": 610.0, "PDOP": 1.2, "MainV": 3.7, "Temperature": 4.0}
            for uploaded, device, time in self.uploads
            if str(device) == asked.query["deviceId"] and begin <= uploaded <= end
        ]  # fmt: skip
        return Reply.of(found) if found else Reply.of({"Message": "no data"}, 400)


@pytest.fixture
def lotek() -> Iterator[Lotek]:
    with serving(Lotek()) as service:
        yield service


async def test_all_devices_come_and_400_says_that_one_has_nothing(
    bench: Bench, lotek: Lotek
) -> None:
    lotek.uploads = [(NOW - timedelta(days=2), 1, FIRST), (NOW + timedelta(days=1), 2, FIRST)]
    connector = await bench.connect("lotek", lotek.base)
    assert await bench.pull(connector) == 1
    assert await bench.code(connector) is None
    assert await bench.pull(connector, NOW + timedelta(days=2)) == 1
    assert await bench.fixes() == [("1", FIRST), ("2", FIRST)]


async def test_a_token_that_another_login_ends_is_replaced_in_the_middle(
    bench: Bench, lotek: Lotek
) -> None:
    lotek.uploads = [(NOW - timedelta(days=1), device, FIRST) for device in range(1, 6)]
    lotek.lasts = 2  # every third request finds its token ended
    connector = await bench.connect("lotek", lotek.base)
    assert await bench.pull(connector) == 5
    assert lotek.logins == 3
    assert len(await bench.fixes()) == 5


async def test_a_bad_login_is_400_and_no_missing_data(bench: Bench, lotek: Lotek) -> None:
    connector = await bench.connect("lotek", lotek.base, password="other")
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "credentials-refused"


async def test_a_token_that_never_holds_does_not_log_in_for_ever(
    bench: Bench, lotek: Lotek
) -> None:
    lotek.lasts = 0
    connector = await bench.connect("lotek", lotek.base)
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "credentials-refused"
    assert lotek.logins == 1


async def test_a_device_that_fails_keeps_no_other_from_its_turn(bench: Bench, lotek: Lotek) -> None:
    lotek.uploads = [(NOW - timedelta(days=1), device, FIRST) for device in (1, 2, 3)]
    lotek.faults = [None, None, "broken"]  # login, devices, device 1
    connector = await bench.connect("lotek", lotek.base)
    assert await bench.pull(connector) == 2
    state = await bench.state(connector)
    assert (state["problem"]["code"], state["cursor"].keys()) == ("provider-failed", {"2", "3"})
    assert await bench.pull(connector) == 1
    assert len(await bench.fixes()) == 3
