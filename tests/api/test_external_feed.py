"""What a live feed posts to Movebank, posted to us: kept as sent, answered as Movebank does."""

from __future__ import annotations

import json
from base64 import b64encode

import pytest

from tests.api.test_pushes import process

PATH = "/movebank/service/external-feed"
ROW = {
    "recorded_at": "2023-08-08T12:04:32Z", "tag_id": "awt.1320894.cc53", "lon": "28.223",
    "lat": "45.659", "sensor_type": "GPS", "tag_manufacturer_name": "AWT",
}  # fmt: skip


@pytest.fixture(scope="module")
def study(network) -> str:
    return network.study(network.amur, "Feeds")


@pytest.fixture(scope="module")
def feed(network, study):
    return network.make(
        "sources", network.amur, study=study, name="gundi/earthranger", scheme="basic"
    )


def post(network, source, data, *, secret=None, auth=True, **fields):
    pair = f"user:{secret or source['secret']}".encode()
    headers = {"Authorization": "Basic " + b64encode(pair).decode()} if auth else {}
    words = {"operation": "add-data", "feed": source["name"], "tag": ROW["tag_id"], **fields}
    return network.client.post(
        PATH, data={k: v for k, v in words.items() if v is not None}, headers=headers,
        files={"data": ("fixes.json", data, "application/json")} if data is not None else None,
    )  # fmt: skip


def newest(network, study):
    path = f"/api/v1/studies/{study}/pushes?limit=1"
    ref = network.client.get(path, headers=network.amur).json()["items"][0]["push_id"]
    own = {"headers": network.amur}
    return (
        network.client.get(f"/api/v1/pushes/{ref}", **own).json(),
        network.client.get(f"/api/v1/pushes/{ref}/body", **own).content,
    )


@pytest.mark.parametrize("by", ["name", "id"])
def test_fixes_of_a_feed_are_kept_as_sent(network, study, feed, by):
    data = json.dumps([ROW, {**ROW, "recorded_at": f"2023-08-08T13:04:3{by == 'id':d}Z"}]).encode()
    answer = post(network, feed, data, feed=feed[by])
    assert (answer.status_code, answer.content) == (200, b"")
    process(network)
    receipt, sent = newest(network, study)
    assert sent == data
    assert (receipt["format"], receipt["units"], receipt["refused"]) == ("movebank-json", 2, 0)


def test_the_tag_of_the_form_names_fixes_that_name_none(network, study, feed):
    rows = [{k: v for k, v in ROW.items() if k != "tag_id"} | {"lon": f"28.{n}"} for n in range(3)]
    data = json.dumps(rows).encode()
    assert post(network, feed, data, tag='T"9').status_code == 200
    process(network)
    receipt, sent = newest(network, study)
    assert data in sent
    assert (receipt["units"], receipt["stored"]) == (3, 3)
    tags = network.client.get(f"/api/v1/tags?study={study}", headers=network.amur).json()["items"]
    assert 'T"9' in {tag["local_identifier"] for tag in tags}


def test_a_broken_file_is_kept_and_fails(network, study, feed):
    data = json.dumps([ROW]).encode()[:-20]
    assert post(network, feed, data, tag=None).status_code == 200
    process(network)
    receipt, sent = newest(network, study)
    assert (receipt["state"], sent) == ("failed", data)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"operation": "add-user-privileges"}, "operation-unknown"),
        ({"operation": None}, "form-incomplete"),
        ({"feed": None}, "form-incomplete"),
        ({"data": None}, "form-incomplete"),
    ],
)
def test_a_form_that_is_none_of_a_feed_is_told(network, feed, change, code):
    answer = post(network, feed, **{"data": b"[]", **change})
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_strangers_learn_nothing(network, study, feed):
    own = network.make("sources", network.amur, study=study, name="own feed", scheme="basic")
    by_token = network.make("sources", network.amur, study=study, name="tokens", scheme="token")
    answers = [
        post(network, feed, b"[]", secret="flws_wrong"),
        post(network, feed, b"[]", auth=False),
        post(network, feed, b"[]", secret=own["secret"]),
        post(network, feed, b"[]", secret=own["secret"], feed="nobody's"),
        post(network, by_token, b"[]"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert answers[0].headers["www-authenticate"].startswith("Basic")
