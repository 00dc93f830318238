"""A tag that rows name for one bird, another and the first again: what its senders come to see."""

from __future__ import annotations

import asyncio
from itertools import permutations

import pytest

from app.pipeline import run as flow
from app.store.engine import Store

HEADER = "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier"
DAYS = {1: "Ada", 2: "Bea", 3: "Ada"}
NAMELESS = {"kind": "table", "terms": {
    "timestamp": "timestamp", "location-long": "location-long", "location-lat": "location-lat",
    "tag-local-identifier": "tag-local-identifier",
}}  # fmt: skip


def rows(*days: int, names: dict[int, str] | None = None) -> list[str]:
    """Give six rows a day, four hours apart; the third of a day names no bird."""
    return [
        f"2024-03-{day:02d} {4 * n:02d}:00:00,127.{day}{n},34.8,T1,"
        + ("" if n == 2 else (names or DAYS)[day])
        for day in days
        for n in range(6)
    ]


class Sender:
    """A study of its own, pushes to it, and what is told of them."""

    def __init__(self, network, name: str) -> None:
        self._network = network
        self.study = network.study(network.amur, name)

    def get(self, path: str, **query):
        answer = self._network.client.get(path, params=query, headers=self._network.amur)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, **sent):
        answer = self._network.client.post(path, headers=self._network.amur, **sent)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def push(self, lines: list[str]) -> str:
        """Send rows, do what the worker would do, and return where the receipt is."""
        body = "\n".join([HEADER, *lines, ""]).encode()
        made = self.post(f"/api/v1/studies/{self.study}/pushes", content=body)
        self.process()
        return made["links"]["self"]

    def process(self) -> None:
        async def run() -> None:
            store = Store(self._network.dsn, pool_size=2)
            try:
                assert await flow.drain(store, areas=False) == []
            finally:
                await store.close()

        asyncio.run(run())

    def bird(self, name: str) -> str:
        items = self.get("/api/v1/individuals", study=self.study)["items"]
        return next(each["id"] for each in items if each["local_identifier"] == name)

    def tracks(self) -> dict[str, list[str]]:
        """Give day and hour of each fix of the track of each bird."""
        return {
            name: [
                time[8:13]
                for part in self.get(f"/api/v1/individuals/{self.bird(name)}/track")["features"]
                for time in part["properties"]["times"]
            ]
            for name in ("Ada", "Bea")
        }

    def warnings(self, where: str) -> list[dict[str, str]]:
        return self.get(where)["warnings"]


HOURS = ("00", "04", "08", "12", "16", "20")
EACH = {
    "Ada": [f"{day}T{hour}" for day in ("01", "03") for hour in HOURS],
    "Bea": [f"02T{hour}" for hour in HOURS],
}


def test_each_bird_has_its_own_rows_and_the_receipt_says_so(network):
    sender = Sender(network, "One push")
    where = sender.push(rows(1, 2, 3))
    assert sender.tracks() == EACH
    (told,) = sender.warnings(where)
    assert told["code"] == "tag-on-several-birds"
    assert (
        "Ada until 2024-03-02T00:00:00Z, Bea until 2024-03-03T00:00:00Z, Ada from then on."
        " It comes back to an earlier bird." in told["detail"]
    )
    assert "POST /api/v1/deployments" in told["detail"]
    (listed,) = sender.get(f"/api/v1/studies/{sender.study}/suspects")["items"]
    assert (listed["code"], listed["detail"]) == (told["code"], told["detail"])
    report = sender.get("/api/v1/reports/morning", study=sender.study, since="2024-01-01T00:00Z")
    assert [each["n_suspect_pushes"] for each in report["arrivals"]] == [1]
    # The remedy: what is stated takes the place of what names imply, and nothing is in doubt.
    tag = sender.get("/api/v1/tags", study=sender.study)["items"][0]["id"]
    sender.post("/api/v1/deployments", json={"tag": tag, "individual": sender.bird("Bea")})
    sender.process()
    assert sender.warnings(where) == []
    assert sender.tracks() == {"Ada": [], "Bea": sorted(EACH["Ada"] + EACH["Bea"])}


@pytest.mark.parametrize("order", list(permutations((1, 2, 3))), ids=str)
def test_pieces_in_any_order_are_the_whole(network, order):
    sender = Sender(network, f"In pieces {order}")
    where = {day: sender.push(rows(day)) for day in order}
    assert sender.tracks() == EACH
    told = {day: [w["code"] for w in sender.warnings(at)] for day, at in where.items()}
    assert told == {1: [], 2: ["tag-on-several-birds"], 3: ["tag-on-several-birds"]}


def test_rows_that_interleave_are_told_apart_one_by_one(network):
    sender = Sender(network, "Interleaved")
    lines = rows(1, 2, 3)
    shuffled = [line for start in (4, 1, 3, 0, 2) for line in lines[start::5]]
    for start in range(3):
        sender.push(shuffled[start::3])
    assert sender.tracks() == EACH


def test_what_is_withdrawn_in_the_middle_joins_the_runs(network):
    sender = Sender(network, "Withdrawn")
    first, middle, last = (sender.push(rows(day)) for day in (1, 2, 3))
    mapping = network.make(
        "mappings", network.amur, study=sender.study, name="Nameless", document=NAMELESS
    )
    again = {"mapping": mapping["id"], "dry_run": False}
    sender.post(f"{middle}/decodings", json=again)
    sender.process()
    assert sender.tracks() == {"Ada": sorted(EACH["Ada"] + EACH["Bea"]), "Bea": []}
    assert [w for at in (first, middle, last) for w in sender.warnings(at)] == []


def test_a_column_of_tags_that_tells_nothing_apart_is_no_tag(network):
    sender = Sender(network, "One model")
    where = sender.push([
        f"2024-03-0{1 + n // 20} {n % 20:02d}:00:00,127.1,34.{n:03d},T1,{('Ada', 'Bea')[n % 2]}"
        for n in range(120)
    ])  # fmt: skip
    assert sender.tracks() == {"Ada": [], "Bea": []}
    receipt = sender.get(where)
    assert [each["code"] for each in receipt["warnings"]] == ["tag-back-and-forth"]
    assert receipt["of_stored"]["undeployed"] == receipt["stored"] == 120
