"""Small pushes on their short way: answered as on the common one, and left to it when unusual."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from itertools import count
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api import letterbox
from app.api.letterbox import Letterbox
from app.api.receipts import shape
from app.observe import REGISTRY
from app.pipeline.gather import SMALL_BYTES
from app.store import letters
from app.store.inbox import Reading
from app.store.letters import Kept, Way
from tests.api.conftest import serving

NUMBERS = count()
OWN = {"date", "location", "x-request-id"}
ROUTE = "/push/{source}"


@pytest.fixture(scope="module")
def source(network):
    study = network.study(network.amur, "Letters")
    return network.make("sources", network.amur, study=study, scheme="token", name="letters")


def push(source, **headers):
    """Give what `client.post` takes to push what nobody pushed before."""
    content = json.dumps([
        {"tag": f"L{next(NUMBERS)}", "time": "2024-04-01T05:00:00Z", "lon": 127.5, "lat": 34.8}
    ])  # fmt: skip
    return {
        "url": source["push"],
        "content": content.encode(),
        "headers": {"Authorization": f"Bearer {source['secret']}"} | headers,
    }


@pytest.fixture
def shut(monkeypatch):
    """Have every push go the common way."""

    def shut() -> None:
        monkeypatch.setattr(Letterbox, "opens_for", lambda _self, _scope: None)

    return shut


def own_apart(answer):
    """Give status, headers and body without what differs from push to push."""
    receipt = answer.json()
    for name in ("push_id", "digest", "received_at", "links"):
        assert receipt.pop(name)
    headers = {name: value for name, value in answer.headers.items() if name not in OWN}
    return answer.status_code, headers, list(receipt.items())


def test_both_ways_answer_alike(network, source, shut):
    short = network.client.post(**push(source))
    shut()
    assert own_apart(short) == own_apart(network.client.post(**push(source)))


def test_the_receipt_is_the_one_of_later(network, source):
    receipt = network.client.post(**push(source)).json()
    again = network.client.get(receipt["links"]["self"], headers=network.amur)
    assert again.json() == receipt


@pytest.mark.parametrize(
    "spoil",
    [
        lambda sent: sent["headers"].update(Authorization="Bearer wrong"),
        lambda sent: sent.update(url=f"/push/{uuid4()}"),
        lambda sent: sent["headers"].update({"Idempotency-Key": "k" * 256}),
    ],
)
def test_both_ways_refuse_alike(network, source, shut, spoil):
    sent = push(source)
    spoil(sent)
    short = network.client.post(**sent)
    shut()
    common = network.client.post(**sent)
    assert short.status_code >= 400
    assert (short.status_code, short.json()) == (common.status_code, common.json())
    told = [
        {name: value for name, value in each.headers.items() if name not in OWN}
        for each in (short, common)
    ]
    assert told[0] == told[1]


def test_the_same_push_again_gets_a_receipt_that_says_so(network, source):
    sent = push(source)
    first, again = (network.client.post(**sent).json() for _ in range(2))
    assert again["replay_of"] == first["push_id"]
    assert again["push_id"] != first["push_id"]


def test_a_request_may_name_itself(network, source):
    named = network.client.post(**push(source, **{"X-Request-ID": "tower-7.a"}))
    assert named.headers["x-request-id"] == "tower-7.a"
    odd = network.client.post(**push(source, **{"X-Request-ID": "tower 7"}))
    assert len(odd.headers["x-request-id"]) == 32


def counted(status: int) -> float:
    labels = {"method": "POST", "route": ROUTE, "status": str(status)}
    return REGISTRY.get_sample_value("flyways_request_seconds_count", labels) or 0.0


def test_each_is_measured_once(network, source):
    before = [counted(status) for status in (202, 401)]
    network.client.post(**push(source))
    network.client.post(**push(source, Authorization="Bearer wrong"))
    assert [counted(status) for status in (202, 401)] == [n + 1 for n in before]


def test_an_error_of_ours_is_told_without_what_it_holds(network, source, monkeypatch):
    async def broken(*_):
        raise RuntimeError("bird at 43.12, 131.9")

    sent = push(source)
    monkeypatch.setattr(letterbox.Door, "gather", broken)
    answer = network.client.post(**sent)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "131.9" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_limits_of_an_address_and_of_a_body_hold(network, source):
    with serving(network.dsn, rate_limit="2/minute", body_max_bytes=600) as client:
        large = push(source)
        large["content"] += b" " * 600
        assert client.post(**large).status_code == 413
        assert client.post(**push(source)).status_code == 202
        refused = client.post(**push(source))
    assert (refused.status_code, refused.json()["code"]) == (429, "rate-limited")
    assert 1 <= int(refused.headers["retry-after"]) <= 61


SOMEBODY = UUID(int=7)


def scope(path=f"/push/{SOMEBODY}", method="POST", query=b"", **headers):
    headers = {"content-length": "9", "host": "flyways"} | headers
    return {
        "type": "http", "method": method, "path": path, "query_string": query,
        "headers": [(name.replace("_", "-").encode(), v.encode()) for name, v in headers.items()],
    }  # fmt: skip


class Limits:
    limit_bytes = 8 << 20


@pytest.mark.parametrize(
    "unusual",
    [
        {"type": "lifespan"},
        {"type": "websocket"},
        scope(method="GET"),
        scope(method="HEAD"),
        scope(query=b"tag=7304g"),
        scope(query=b"token=flws_1"),
        scope(path="/push/7"),
        scope(path=f"/push/{SOMEBODY}/"),
        scope(path=f"/api/v1/push/{SOMEBODY}"),
        scope(content_length="0"),
        scope(content_length="-1"),
        scope(content_length="\u0663".encode().decode("latin-1")),
        scope(content_length=str(SMALL_BYTES + 1)),
        scope(content_length="9" * 5_000),
        scope(transfer_encoding="chunked"),
        scope(content_encoding="gzip"),
        scope(upgrade="h2c"),
        scope(origin="https://elsewhere.example"),
    ],
)
def test_what_is_unusual_goes_the_common_way(unusual):
    assert Letterbox(Limits(), None).opens_for(unusual) is None


def test_a_header_that_comes_twice_goes_the_common_way():
    twice = scope(webhook_id="a")
    twice["headers"].append((b"webhook-id", b"b"))
    assert Letterbox(Limits(), None).opens_for(twice) is None


def test_an_everyday_push_does_not():
    source, headers = Letterbox(Limits(), None).opens_for(scope(authorization="Bearer x"))
    assert source == SOMEBODY
    assert headers["authorization"] == "Bearer x"


def test_who_hangs_up_within_the_body_is_not_answered():
    pieces = iter([
        {"type": "http.request", "body": b"[{", "more_body": True}, {"type": "http.disconnect"}
    ])  # fmt: skip
    sent = []

    async def receive():
        return next(pieces)

    async def send(message):
        sent.append(message)

    before = counted(499)
    asked = scope()
    taken = Letterbox(Limits(), None).take(SOMEBODY, {}, asked, receive, send)
    asyncio.run(taken)
    assert sent == []
    assert counted(499) == before + 1


WORDS = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    reading=st.builds(
        Reading, WORDS, st.sampled_from(["UTC", "Asia/Seoul"]), encoding=WORDS, date_order=WORDS,
        mapping_version=st.integers(0, 9), tag=WORDS,
    ),
    refs=st.tuples(st.uuids(), st.none() | st.uuids()),
    kept=st.builds(
        Kept, st.uuids(), st.binary(min_size=32, max_size=32),
        st.datetimes(timezones=st.just(UTC), min_value=datetime(2000, 1, 1)),  # noqa: DTZ001 - aware
    ),
)  # fmt: skip
def test_a_receipt_that_is_filled_in_is_the_shaped_one(reading, refs, kept):
    way = Way({"study": refs[0], "mapping": refs[1]}, reading)
    filled = letterbox._form(way) % letterbox._own(kept)
    assert json.loads(filled) == json.loads(shape(letters.receipt(way, kept)).model_dump_json())
