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
            await flow.drain(store)
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
