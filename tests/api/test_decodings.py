"""A kept push read in another way, over HTTP: for managers who may push."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest

from app.pipeline import run as flow
from app.store.engine import Store

BODY = b"""timestamp,location-long,location-lat,tag-local-identifier
2024-03-01 08:00:00,127.5,34.8,D1
"""


@pytest.fixture(scope="module")
def path(network) -> str:
    study = network.study(network.amur, "Read again")
    made = network.client.post(
        f"/api/v1/studies/{study}/pushes", content=BODY, headers=network.amur
    )
    process(network)
    return f"{made.headers['location']}/decodings"


def process(network) -> None:
    async def run() -> None:
        store = Store(network.dsn, pool_size=2)
        try:
            await flow.drain(store, areas=False)
        finally:
            await store.close()

    asyncio.run(run())


def test_it_is_tried_out_unless_said_otherwise_and_then_done(network, path):
    where = path.removesuffix("/decodings")
    before = network.client.get(where, headers=network.amur).json()
    tried = network.client.post(path, json={"tz": "UTC+8"}, headers=network.amur)
    assert tried.status_code == 202 and "location" not in tried.headers
    assert (tried.json()["tz"], tried.json()["time_first"]) == ("UTC+8", "2024-03-01T00:00:00Z")
    assert network.client.get(where, headers=network.amur).json() == before
    done = network.client.post(path, json={"tz": "UTC+8", "dry_run": False}, headers=network.amur)
    assert done.headers["location"] == where
    process(network)
    after = network.client.get(where, headers=network.amur).json()
    assert (after["decoding"], after["state"]) == (2, "processed")
    assert after["time_first"] == "2024-03-01T00:00:00Z"


def test_a_reading_that_fails_is_told_beside_the_one_in_force(network):
    study = network.study(network.amur, "Unread")
    made = network.client.post(
        f"/api/v1/studies/{study}/pushes", content=BODY, headers=network.amur
    ).json()
    process(network)
    where = made["links"]["self"]
    before = network.client.get(where, headers=network.amur).json()
    wanted = {"format": "xlsx", "dry_run": False}
    asked = network.client.post(f"{where}/decodings", json=wanted, headers=network.amur).json()
    assert (asked["decoding"], asked["state"]) == (2, "received")
    process(network)
    after = network.client.get(where, headers=network.amur).json()
    failed = after.pop("failed_reading")
    assert after | {"failed_reading": None} == before
    assert (before["state"], before["stored"]) == ("processed", 1)
    assert (failed["decoding"], failed["format"], failed["tz"]) == (2, "xlsx", "UTC")
    assert failed["problem"]["remedy"]


def test_who_may_not(network, path):
    for scopes in (["read", "push"], ["read", "manage"]):
        key = network.make("keys", network.amur, scopes=scopes, label="half")["key"]
        answer = network.client.post(path, json={}, headers={"Authorization": f"Bearer {key}"})
        assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    assert network.client.post(path, json={}).status_code == 401
    missing = network.client.post(
        f"/api/v1/pushes/{uuid4()}/decodings", json={}, headers=network.naktong
    )
    foreign = network.client.post(path, json={}, headers=network.naktong)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content


@pytest.mark.parametrize(
    ("body", "code"),
    [({"tz": "Mars/Olympus"}, "zone-unknown"), ({"format": "none"}, "format-unknown"),
     ({"zone": "UTC"}, "invalid-value")],
)  # fmt: skip
def test_what_cannot_be_read_so_is_refused(network, path, body, code):
    answer = network.client.post(path, json=body, headers=network.amur)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_unit_is_corrected_with_its_effect_shown_first(network):
    study = network.study(network.amur, "Corrected")
    lists = f"/api/v1/studies/{study}"
    sent = BODY + b"never,127.5,34.8,D1\nx\n"
    made = network.client.post(f"{lists}/pushes", content=sent, headers=network.amur).json()
    process(network)
    where = made["links"]["self"]
    listed = network.client.get(f"{lists}/refusals", params={"limit": 1}, headers=network.amur)
    first = listed.json()["items"][0]
    assert (first["push_id"], first["unit"], first["code"]) == (
        made["push_id"], 2, "time-unreadable",
    )  # fmt: skip
    after = network.client.get(listed.json()["next"], headers=network.amur).json()
    assert ([item["code"] for item in after["items"]], after["next"]) == (["ragged-row"], None)
    none = {"datetime": "../2020-01-01T00:00:00Z"}
    old = network.client.get(f"{lists}/refusals", params=none, headers=network.amur)
    assert old.json()["items"] == []
    text = "2024-03-01 09:00:00,127.6,34.8,D1"
    wanted = {"corrections": [{"unit": 2, "text": text}]}
    tried = network.client.post(f"{where}/decodings", json=wanted, headers=network.amur).json()
    assert (tried["effect"]["added"], tried["effect"]["refusals_gone"]) == (1, 1)
    assert tried["effect"]["fixes"][0]["after"] == {
        "time": "2024-03-01T09:00:00Z", "lon": 127.6, "lat": 34.8,
    }  # fmt: skip
    done = network.client.post(
        f"{where}/decodings", json=wanted | {"dry_run": False}, headers=network.amur
    )
    assert (done.status_code, done.json()["effect"]) == (202, None)
    process(network)
    history = network.client.get(f"{where}/corrections", headers=network.amur).json()["items"]
    assert [(c["unit"], c["text"], c["corrected_by"]) for c in history] == [(2, text, "Amur")]
    readings = network.client.get(f"{where}/decodings", headers=network.amur).json()["items"]
    assert [(r["number"], r["asked_by"], r["corrections"]) for r in readings] == [
        (2, "Amur", 1), (1, None, 0),
    ]  # fmt: skip
    left = network.client.get(f"{lists}/refusals", headers=network.amur).json()["items"]
    assert [item["unit"] for item in left] == [3]
    body = network.client.get(f"{where}/body", headers=network.amur)
    assert body.content == sent
    for path in (f"{lists}/refusals", f"{lists}/suspects", f"{where}/corrections",
                 f"{where}/decodings"):  # fmt: skip
        for key in (network.naktong, {}):
            assert network.client.get(path, headers=key).status_code == 404


def test_suspects_of_a_study(network):
    study = network.study(network.amur, "Suspect")
    body = BODY.replace(b"127.5,34.8", b"0,0").replace(b"D1", "\xe9".encode("latin-1"))
    made = network.client.post(
        f"/api/v1/studies/{study}/pushes", content=body, headers=network.amur
    ).json()
    process(network)
    path = f"/api/v1/studies/{study}/suspects"
    listed = network.client.get(path, params={"limit": 1}, headers=network.amur).json()
    after = network.client.get(listed["next"], headers=network.amur).json()
    found = [(i["push_id"], i["concerns"], i["code"]) for i in listed["items"] + after["items"]]
    assert found == [
        (made["push_id"], "push", "encoding-assumed"), (made["push_id"], "fixes", "null-island"),
    ]  # fmt: skip
    one = network.client.get(path, params={"code": "null-island"}, headers=network.amur).json()
    assert one["items"] == after["items"]


@pytest.mark.parametrize(
    "corrections",
    [[{"unit": 1, "text": "x"}], [{"unit": 2, "text": "x"}, {"unit": 2, "text": "y"}],
     [{"unit": 0, "text": "x"}], [{"unit": 2}]],
)  # fmt: skip
def test_what_is_no_correction_is_refused(network, path, corrections):
    answer = network.client.post(path, json={"corrections": corrections}, headers=network.amur)
    assert answer.status_code == 422
