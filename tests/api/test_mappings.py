"""Column mappings over HTTP: saved with versions, tried out, named by sources and pushes."""

from __future__ import annotations

from base64 import b64encode
from uuid import uuid4

import pytest

DOCUMENT = {
    "kind": "table",
    "terms": {
        "timestamp": "时间", "location-long": "经度", "location-lat": "纬度", "tag-id": "编号",
        "ground-speed": "速度",
    },
    "units": {"ground-speed": "km/h"},
    "tz": "UTC+8",
}  # fmt: skip
SAMPLE = "编号,时间,经度,纬度,速度\nHQ7,2024/3/1 8:00,116.3,29.1,36\nHQ7,?,116.3,29.1,36\n"


@pytest.fixture(scope="module")
def study(network) -> str:
    return network.study(network.amur, "Unknown makers")


@pytest.fixture(scope="module")
def mapping(network, study) -> dict:
    return network.make("mappings", network.amur, study=study, name="HQ", document=DOCUMENT)


def push(network, study, text: str, **query):
    return network.client.post(
        f"/api/v1/studies/{study}/pushes", content=text.encode(), params=query,
        headers=network.amur,
    )  # fmt: skip


def test_a_mapping_is_kept_in_one_form_and_read_back(network, study, mapping):
    assert mapping["document"]["terms"]["tag-local-identifier"] == "编号"
    assert (mapping["version"], mapping["made_by"]) == (1, "Amur")
    where = f"/api/v1/mappings/{mapping['id']}"
    assert network.client.get(where, headers=network.amur).json() == mapping
    again = {"study": study, "name": "HQ", "document": DOCUMENT}
    same = network.client.post("/api/v1/mappings", json=again, headers=network.amur)
    assert same.json() == mapping
    other = again | {"document": DOCUMENT | {"tz": "UTC+9"}}
    clash = network.client.post("/api/v1/mappings", json=other, headers=network.amur)
    assert (clash.status_code, clash.json()["code"]) == (409, "name-taken")
    listed = network.client.get("/api/v1/mappings", params={"study": study}, headers=network.amur)
    assert mapping in listed.json()["items"]


def test_a_new_version_stands_beside_the_old_ones(network, study):
    made = network.make("mappings", network.amur, study=study, name="V", document=DOCUMENT)
    where = f"/api/v1/mappings/{made['id']}/versions"
    same = network.client.post(where, json={"document": DOCUMENT}, headers=network.amur)
    assert (same.status_code, same.json()["version"]) == (200, 1)
    new = DOCUMENT | {"tz": "Asia/Tokyo"}
    second = network.client.post(where, json={"document": new}, headers=network.amur)
    assert (second.status_code, second.json()["version"]) == (201, 2)
    old = network.client.get(second.headers["location"].replace("=2", "=1"), headers=network.amur)
    assert old.json() == made
    listed = network.client.get(where, params={"limit": 1}, headers=network.amur).json()
    assert listed["items"] == [second.json()]
    after = network.client.get(listed["next"], headers=network.amur).json()
    assert after == {"items": [made], "next": None}


def test_a_sample_is_tried_out_and_nothing_stored(network, study):
    path = f"/api/v1/studies/{study}/mappings/try"
    text = {"document": DOCUMENT | {"encoding": "gb18030"},
            "sample_base64": b64encode(SAMPLE.encode("gb18030")).decode()}  # fmt: skip
    lists = ("/api/v1/mappings", f"/api/v1/studies/{study}/pushes")
    before = [network.client.get(each, headers=network.amur).json() for each in lists]
    tried = network.client.post(path, json=text, headers=network.amur)
    assert tried.status_code == 200, tried.text
    found = tried.json()
    assert (found["receipt"]["format"], found["receipt"]["tz"]) == ("columns", "UTC+8")
    assert (found["receipt"]["units"], found["receipt"]["refused"]) == (2, 1)
    assert found["first"] == [
        {"unit": 1, "time": "2024-03-01T00:00:00Z", "tag": "HQ7", "sensor": "gps", "lon": 116.3,
         "lat": 29.1, "ground_speed_m_s": 10.0}
    ]  # fmt: skip
    assert [(r["unit"], r["code"]) for r in found["refusals"]] == [(2, "time-unreadable")]
    assert [network.client.get(each, headers=network.amur).json() for each in lists] == before


def test_a_trial_of_a_saved_mapping_that_does_not_fit_says_so(network, study, mapping):
    path = f"/api/v1/studies/{study}/mappings/try"
    tried = network.client.post(
        path, json={"mapping": mapping["id"], "sample": "a,b\n1,2\n"}, headers=network.amur
    )
    assert tried.json()["receipt"]["problem"]["code"] == "columns-missing"
    assert tried.json()["first"] == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"sample": "x"}, "invalid-value"),
        ({"document": DOCUMENT}, "invalid-value"),
        ({"document": DOCUMENT, "sample_base64": "?"}, "invalid-value"),
        ({"document": DOCUMENT, "sample": "x" * (512 << 10) + "x"}, "push-too-large"),
        ({"document": {"kind": "table", "terms": {}}, "sample": "x"}, "mapping-invalid"),
    ],
)
def test_a_trial_that_cannot_be(network, study, body, code):
    path = f"/api/v1/studies/{study}/mappings/try"
    answer = network.client.post(path, json=body, headers=network.amur)
    assert answer.json()["code"] == code


def test_a_mapping_that_is_none_is_refused_by_its_key(network, study):
    wrong = {"study": study, "name": "W", "document": DOCUMENT | {"units": {"heading": "km"}}}
    answer = network.client.post("/api/v1/mappings", json=wrong, headers=network.amur)
    assert (answer.status_code, answer.json()["code"]) == (422, "mapping-invalid")
    assert "units.heading" in answer.json()["detail"]
    assert "deg" in answer.json()["remedy"]


def test_a_push_names_a_mapping_of_its_study(network, study, mapping):
    sent = push(network, study, SAMPLE, mapping=mapping["id"]).json()
    assert (sent["mapping"], sent["mapping_version"]) == (mapping["id"], 1)
    assert (sent["format"], sent["tz"]) == ("columns", "UTC+8")
    again = push(network, study, SAMPLE, mapping=mapping["id"]).json()
    assert again["replay_of"] == sent["push_id"]
    bare = push(network, study, SAMPLE).json()  # what is left open stays as it was
    assert bare["replay_of"] == sent["push_id"]
    as_format = push(network, study, SAMPLE, format="movebank-csv").json()
    assert (as_format["push_id"], as_format["decoding"]) == (sent["push_id"], 2)
    both = push(network, study, SAMPLE, format="movebank-csv", mapping=mapping["id"])
    assert (both.status_code, both.json()["code"]) == (422, "format-and-mapping")
    other = network.study(network.amur, "Other")
    assert push(network, other, SAMPLE, mapping=mapping["id"]).status_code == 404


@pytest.mark.parametrize("large", [False, True])
def test_pushes_of_a_source_are_read_with_the_newest_version(network, study, large):
    made = network.make("mappings", network.amur, study=study, name=f"S{large}", document=DOCUMENT)
    source = network.make("sources", network.amur, study=study, name=f"S{large}", scheme="token",
                          mapping=made["id"])  # fmt: skip
    assert source["mapping"] == made["id"]
    key = {"Authorization": f"Bearer {source['secret']}"}
    body = SAMPLE + f"HQ8,2024/3/1 9:00,{116 + large},29.1,36\n" * (10_000 if large else 1)
    for version in (1, 2):
        sent = network.client.post(source["push"], content=body.encode(), headers=key).json()
        assert (sent["mapping"], sent["mapping_version"]) == (made["id"], version), sent
        assert sent["decoding"] == version
        network.client.post(
            f"/api/v1/mappings/{made['id']}/versions",
            json={"document": DOCUMENT | {"tz": "UTC+9"}}, headers=network.amur,
        )  # fmt: skip


def test_others_learn_nothing(network, study, mapping):
    missing = network.client.get(f"/api/v1/mappings/{uuid4()}", headers=network.naktong)
    for path in ("", "/versions"):
        foreign = network.client.get(
            f"/api/v1/mappings/{mapping['id']}{path}", headers=network.naktong
        )
        assert (foreign.status_code, foreign.content) == (404, missing.content)
    assert network.client.get("/api/v1/mappings", headers=network.naktong).json()["items"] == []
    body = {"study": study, "name": "X", "document": DOCUMENT}
    for key, status in ((network.naktong, 404), ({}, 401)):
        answer = network.client.post("/api/v1/mappings", json=body, headers=key)
        assert answer.status_code == status
    half = network.make("keys", network.amur, scopes=["read", "push"], label="half")["key"]
    answer = network.client.post(
        "/api/v1/mappings", json=body, headers={"Authorization": f"Bearer {half}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
