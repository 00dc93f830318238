"""EarthRanger's address: who may push to which source, and what strangers learn of it."""

from __future__ import annotations

import json

import pytest

from tests.api.test_pushes import process

ROW = {
    "manufacturer_id": "ST-1", "subject_name": "Ada", "recorded_at": "2024-03-01T00:00:00+09:00",
    "location": {"lon": 112.5, "lat": 48.2},
}  # fmt: skip


@pytest.fixture(scope="module")
def studies(network) -> list[str]:
    return [network.study(network.amur, f"Rangers {n}") for n in (1, 2)]


@pytest.fixture(scope="module")
def gate(network, studies):
    return network.make("sources", network.amur, study=studies[0], name="herders", scheme="token")


def post(network, provider, secret, rows, slash=""):
    return network.client.post(
        f"/api/v1.0/sensors/generic/{provider}/status{slash}",
        content=json.dumps(rows), headers={"Authorization": f"Bearer {secret}"},
    )  # fmt: skip


def test_a_token_pushes_by_name_and_by_id(network, gate):
    # A moment of its own: another test's push of the same fix, in any order, would make it a
    # duplicate.
    row = {**ROW, "recorded_at": "2024-03-02T00:00:00+09:00"}
    first = post(network, "herders", gate["secret"], [row])
    again = post(network, gate["id"], gate["secret"], [row], slash="/")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["replay_of"] == first.json()["push_id"]
    assert first.headers["location"] == f"/api/v1/pushes/{first.json()['push_id']}"
    process(network)
    receipt = network.client.get(first.headers["location"], headers=network.amur).json()
    assert (receipt["stored"], receipt["time_first"]) == (1, "2024-03-01T15:00:00Z")


def test_a_key_of_the_institute_pushes_to_any_of_its_sources(network, studies, gate):
    key = network.amur["Authorization"].removeprefix("Bearer ")
    signed = network.make(
        "sources", network.amur, study=studies[1], name="signed", scheme="standard-webhooks"
    )
    assert post(network, "signed", key, {**ROW, "note": 1}).json()["study"] == signed["study"]
    twin = network.make("sources", network.amur, study=studies[1], name="herders", scheme="token")
    several = post(network, "herders", key, {**ROW, "note": 2})
    assert (several.status_code, several.json()["code"]) == (409, "source-ambiguous")
    assert post(network, twin["id"], key, {**ROW, "note": 2}).json()["study"] == twin["study"]
    # A token belongs to one of them.
    assert post(network, "herders", gate["secret"], {**ROW, "note": 3}).status_code == 201


def test_strangers_learn_nothing(network, studies, gate):
    other = network.naktong["Authorization"].removeprefix("Bearer ")
    basic = network.make("sources", network.amur, study=studies[0], name="by hand", scheme="basic")
    answers = [
        post(network, "herders", "flws_wrong", [ROW]),
        post(network, gate["id"], "flws_wrong", [ROW]),
        post(network, "nobody", gate["secret"], [ROW]),
        post(network, "by hand", basic["secret"], [ROW]),
        post(network, "herders", "", [ROW]),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    # Who has a key, of another institute, is told that there is none, whether there is or not.
    foreign = [post(network, name, other, [ROW]) for name in (gate["id"], "herders", "nobody")]
    assert {answer.status_code for answer in foreign} == {404}
    assert len({answer.content for answer in foreign}) == 1


def test_a_disabled_source_takes_nothing(network, studies):
    shut = network.make("sources", network.amur, study=studies[0], name="shut", scheme="token")
    network.client.patch(
        f"/api/v1/sources/{shut['id']}", json={"disabled": True}, headers=network.amur
    )
    assert post(network, "shut", shut["secret"], [ROW]).status_code == 401
