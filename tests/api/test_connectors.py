"""Connectors over the API: made, edited, paused, run, deleted; the password never comes back."""

from __future__ import annotations

from typing import Any

import pytest

from app.store.engine import execute

PASSWORD = "sesame-4471"


def state(network: Any, ref: str) -> list[dict[str, Any]]:
    async def read(conn: Any) -> list[dict[str, Any]]:
        return await execute(conn, "select * from connector where ref = :ref", {"ref": ref})

    return list(network.in_store(read))


def make(network: Any, name: str, **more: Any) -> dict[str, Any]:
    study = network.study(network.amur, f"study of {name}")
    body = {"study": study, "name": name, "provider": "movebank", "settings": {"study_id": 7},
            "username": "me", "password": PASSWORD} | more  # fmt: skip
    return dict(network.make("connectors", network.amur, **body))


def test_a_connector_has_the_defaults_of_its_provider_and_hides_its_password(network):
    made = make(network, "plain")
    assert made["settings"]["sensor_type_ids"] == [653, 82798]
    assert (made["format"], made["interval_s"], made["failures"]) == ("movebank-csv", 3600, 0)
    path = f"/api/v1/connectors/{made['id']}"
    for answer in (
        network.client.get(path, headers=network.amur),
        network.client.get("/api/v1/connectors", headers=network.amur),
        network.client.patch(path, json={"password": "other-99"}, headers=network.amur),
    ):
        assert answer.status_code == 200, answer.text
        assert PASSWORD not in answer.text
        assert "other-99" not in answer.text
    assert state(network, made["id"])[0]["password"] == "other-99"


def test_other_settings_begin_from_their_start_and_the_same_ones_go_on(network):
    made = make(network, "moved on")
    path = f"/api/v1/connectors/{made['id']}"

    async def passed(conn):
        await execute(
            conn, "update connector set cursor = '{\"updated_until\": \"x\"}', failures = 3"
            " where ref = :ref", {"ref": made["id"]},
        )  # fmt: skip

    network.in_store(passed)
    same = network.client.patch(path, json={"settings": {"study_id": 7}}, headers=network.amur)
    assert (same.json()["cursor"], same.json()["failures"]) == ({"updated_until": "x"}, 0)
    other = network.client.patch(path, json={"settings": {"study_id": 8}}, headers=network.amur)
    assert other.json()["cursor"] == {}
    assert state(network, made["id"])[0]["version"] == 2


def test_it_is_paused_taken_up_run_and_deleted(network):
    made = make(network, "paused")
    path = f"/api/v1/connectors/{made['id']}"
    paused = network.client.patch(path, json={"paused": True}, headers=network.amur)
    assert paused.json()["paused_at"] is not None
    refused = network.client.post(f"{path}/run", headers=network.amur)
    assert (refused.status_code, refused.json()["code"]) == (409, "connector-paused")
    network.client.patch(path, json={"paused": False}, headers=network.amur)
    assert network.client.post(f"{path}/run", headers=network.amur).status_code == 202
    assert network.client.delete(path, headers=network.amur).status_code == 204
    assert network.client.get(path, headers=network.amur).status_code == 404
    assert state(network, made["id"]) == []


def test_nobody_else_sees_or_touches_it(network):
    made = make(network, "ours")
    path = f"/api/v1/connectors/{made['id']}"
    ask = network.client
    assert ask.get(path, headers=network.naktong).status_code == 404
    assert ask.patch(path, json={"paused": True}, headers=network.naktong).status_code == 404
    assert ask.delete(path, headers=network.naktong).status_code == 404
    assert ask.post(f"{path}/run", headers=network.naktong).status_code == 404
    listed = ask.get("/api/v1/connectors", headers=network.naktong)
    assert made["id"] not in listed.text


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"settings": {}}, "settings-invalid"),
        ({"settings": {"study_id": 7, "host": "10.0.0.1"}}, "settings-invalid"),
        ({"password": None}, "credentials-missing"),
        ({"format": "nonsense"}, "format-unknown"),
        ({"provider": "ftp"}, "invalid-value"),
        ({"interval_s": 5}, "invalid-value"),
        ({"provider": "folder", "settings": {"pattern": "../*"}}, "settings-invalid"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_reason(network, more, code):
    study = network.study(network.amur, f"refused {more}")
    body = {"study": study, "name": "wrong", "provider": "movebank", "settings": {"study_id": 7},
            "username": "me", "password": PASSWORD} | more  # fmt: skip
    answer = network.client.post("/api/v1/connectors", json=body, headers=network.amur)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert PASSWORD not in answer.text


def test_a_name_is_taken_once(network):
    made = make(network, "twice")
    body = {"study": made["study"], "name": "twice", "provider": "folder"}
    answer = network.client.post("/api/v1/connectors", json=body, headers=network.amur)
    assert (answer.status_code, answer.json()["code"]) == (409, "name-taken")
