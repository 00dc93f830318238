"""Keys: handed on, rotated and revoked; what one may not know is not told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.store.engine import execute
from tests.api.served import as_key


def make(network, owner, **more):
    return network.make("keys", owner, **{"label": "one", "scopes": ["read"], **more})


def reads(network, key) -> int:
    return network.client.get("/api/v1/studies", headers=as_key(key["key"])).status_code


def test_a_key_is_rotated_without_a_moment_without_one(network):
    study = network.study(network.naktong, "rotated")
    old = make(network, network.naktong)
    new = make(network, network.naktong)
    for key in (old, new):
        assert study in network.client.get("/api/v1/studies", headers=as_key(key["key"])).text
    answer = network.client.delete(f"/api/v1/keys/{old['id']}", headers=network.naktong)
    first = answer.json()["revoked_at"]
    assert (reads(network, old), reads(network, new)) == (401, 200)
    again = network.client.delete(f"/api/v1/keys/{old['id']}", headers=network.naktong)
    assert again.json()["revoked_at"] == first


def test_a_revoked_key_is_listed_with_its_end_and_never_its_secret(network):
    key = make(network, network.naktong, label="lost laptop")
    network.client.delete(f"/api/v1/keys/{key['id']}", headers=network.naktong)
    listed = network.client.get("/api/v1/keys?limit=1", headers=network.naktong).json()
    (shown,) = listed["items"]
    assert (shown["label"], shown["id"]) == ("lost laptop", key["id"])
    assert shown["revoked_at"] is not None and "key" not in shown

    async def stored(conn):
        return await execute(conn, "select to_jsonb(k)::text as row from api_key k")

    assert key["key"] not in str(network.in_store(stored))


def test_a_key_ends_by_itself(network):
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = make(network, network.amur, expires_at=soon)
    assert reads(network, key) == 200

    async def late(conn):
        await execute(
            conn, "update api_key set expires_at = now() where ref = :ref", {"ref": key["id"]}
        )

    network.in_store(late)
    assert reads(network, key) == 401


@pytest.mark.parametrize(
    ("scopes", "sets"),
    [(["read"], {"read"}), (["push", "push", "read"], {"push", "read"}),
     (["manage", "read", "push"], {"manage", "read", "push"})],
)  # fmt: skip
def test_scopes_are_a_set(network, scopes, sets):
    key = make(network, network.amur, scopes=scopes)
    assert sorted(key["scopes"]) == sorted(sets)


@pytest.mark.parametrize("scopes", [[], ["all"], ["read"] * 4, "read", [None], ["READ"]])
def test_unknown_scopes_are_refused(network, scopes):
    answer = network.client.post(
        "/api/v1/keys", json={"label": "x", "scopes": scopes}, headers=network.amur
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid-value")


def test_the_last_use_of_a_key_is_told(network):
    key = make(network, network.amur)
    assert key["last_used_at"] is None
    assert reads(network, key) == 200
    listed = network.client.get("/api/v1/keys?limit=1", headers=network.amur).json()["items"]
    assert listed[0]["id"] == key["id"] and listed[0]["last_used_at"] is not None


def test_a_manager_revokes_its_own_key_and_is_out(network):
    key = make(network, network.amur, scopes=["manage"])
    path = f"/api/v1/keys/{key['id']}"
    assert network.client.delete(path, headers=as_key(key["key"])).status_code == 200
    assert network.client.delete(path, headers=as_key(key["key"])).status_code == 401


def test_a_key_of_one_institute_lists_no_other_s(network):
    ours = {make(network, network.amur)["id"] for _ in range(3)}
    theirs = {make(network, network.naktong)["id"] for _ in range(3)}

    def listed(who):
        found, path = set(), "/api/v1/keys?limit=2"
        while path:
            page = network.client.get(path, headers=who).json()
            ids = {item["id"] for item in page["items"]}
            assert not ids & found
            found |= ids
            path = page["next"]
        return found

    assert ours <= listed(network.amur) and not theirs & listed(network.amur)
    assert ours | theirs <= listed(network.operator)
