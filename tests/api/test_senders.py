"""How pushes are read is changed later, at sources and connectors alike, and the effect is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.test_mappings import DOCUMENT, SAMPLE

NONE_SUCH = "0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11"
PLAIN = (
    b"timestamp,location-long,location-lat,tag-local-identifier\n"
    b"2024-03-01 08:00:00,116.3,29.1,T9\n"
)


@pytest.fixture(scope="module")
def study(network: Any) -> str:
    return str(network.study(network.amur, "Read otherwise"))


@pytest.fixture(scope="module")
def mapping(network: Any, study: str) -> str:
    made = network.make("mappings", network.amur, study=study, name="HQ", document=DOCUMENT)
    return str(made["id"])


def send(network: Any, source: dict[str, Any], body: bytes) -> dict[str, Any]:
    answer = network.client.post(
        source["push"], content=body, headers={"Authorization": f"Bearer {source['secret']}"}
    )
    assert answer.status_code == 202, answer.text
    return dict(answer.json())


def patch(network: Any, noun: str, made: dict[str, Any], **body: Any) -> Any:
    return network.client.patch(f"/api/v1/{noun}/{made['id']}", json=body, headers=network.amur)


def otherwise(network: Any, noun: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    answer = network.client.get(
        f"/api/v1/{noun}/{made['id']}/read-otherwise", params={"limit": 1}, headers=network.amur
    )
    assert answer.status_code == 200, answer.text
    found = answer.json()
    items = list(found["items"])
    while found["next"]:
        found = network.client.get(found["next"], headers=network.amur).json()
        items += found["items"]
    return items


def test_a_mapping_is_put_onto_a_source_and_the_pushes_before_it_are_told(
    network: Any, study: str, mapping: str
) -> None:
    made = network.make("sources", network.amur, study=study, name="gate", scheme="token",
                        format="movebank-csv", tz="Asia/Tokyo")  # fmt: skip
    before = [send(network, made, PLAIN), send(network, made, PLAIN + PLAIN.splitlines()[1])]
    edited = patch(network, "sources", made, mapping=mapping)
    assert edited.status_code == 200, edited.text
    told = edited.json()
    assert (told["mapping"], told["format"], told["n_read_otherwise"]) == (mapping, None, 2)
    listed = otherwise(network, "sources", made)
    assert [each["push_id"] for each in listed] == [each["push_id"] for each in before][::-1]
    assert (listed[0]["format"], listed[0]["tz"]) == ("movebank-csv", "Asia/Tokyo")
    after = send(network, made, SAMPLE.encode())
    assert (after["mapping"], after["mapping_version"], after["tz"]) == (mapping, 1, "UTC+8")
    assert len(otherwise(network, "sources", made)) == 2
    again = network.client.post(
        f"/api/v1/pushes/{before[0]['push_id']}/decodings", headers=network.amur,
        json={"mapping": mapping, "tz": "UTC+8", "dry_run": False},
    )  # fmt: skip
    assert again.status_code in {200, 202}, again.text
    assert [each["push_id"] for each in otherwise(network, "sources", made)] == [
        before[1]["push_id"]
    ]
    newer = DOCUMENT | {"tz": "Asia/Tokyo"}
    network.client.post(f"/api/v1/mappings/{mapping}/versions", json={"document": newer},
                        headers=network.amur)  # fmt: skip
    assert len(otherwise(network, "sources", made)) == 3
    off = patch(network, "sources", made, mapping=None, format="movebank-csv").json()
    assert (off["mapping"], off["format"], off["tz"]) == (None, "movebank-csv", "Asia/Tokyo")
    assert off["n_read_otherwise"] == 2


def test_what_is_repeated_does_not_undo_how_a_person_had_it_read(network: Any, study: str) -> None:
    made = network.make("sources", network.amur, study=study, name="repeats", scheme="token",
                        format="movebank-csv")  # fmt: skip
    body = PLAIN.replace(b"T9", b"T10")
    first = send(network, made, body)
    where = f"/api/v1/pushes/{first['push_id']}"
    asked = {"tz": "Asia/Seoul", "dry_run": False}
    network.client.post(f"{where}/decodings", headers=network.amur, json=asked)
    again = send(network, made, body)
    assert (again["replay_of"], again["tz"]) == (first["push_id"], "Asia/Seoul")
    told = otherwise(network, "sources", made)
    assert [(each["tz"], each["asked_by"]) for each in told] == [("Asia/Seoul", "Amur")]
    upload = network.client.post(
        f"/api/v1/studies/{study}/pushes", params={"tz": "Asia/Tokyo"}, content=body,
        headers=network.amur,
    )  # fmt: skip
    assert upload.json()["tz"] == "Asia/Tokyo"


def test_a_connector_reads_as_it_is_told(network: Any, study: str, mapping: str) -> None:
    made = network.make("connectors", network.amur, study=study, name="drop", provider="folder",
                        encoding="gb18030", datum="gcj02", tz="UTC+8")  # fmt: skip
    assert (made["encoding"], made["datum"], made["mapping"]) == ("gb18030", "gcj02", None)
    mapped = patch(network, "connectors", made, mapping=mapping, encoding=None, tz=None).json()
    assert (mapped["mapping"], mapped["encoding"], mapped["tz"]) == (mapping, None, "UTC+8")
    assert mapped["n_read_otherwise"] == 0
    assert otherwise(network, "connectors", made) == []
    form = patch(network, "connectors", made, format="ornitela-csv").json()
    assert (form["mapping"], form["format"], form["datum"]) == (None, "ornitela-csv", "gcj02")


@pytest.mark.parametrize("noun", ["sources", "connectors"])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"format": "no-such"}, "format-unknown"),
        ({"tz": "Mars/Olympus"}, "zone-unknown"),
        ({"encoding": "ebcdic"}, "encoding-unknown"),
        ({"datum": "nad27"}, "datum-unknown"),
        ({"format": "gpx", "mapping": NONE_SUCH}, "format-and-mapping"),
        ({"mapping": NONE_SUCH}, "not-found"),
    ],
)  # fmt: skip
def test_an_edit_that_could_not_work_is_refused(
    network: Any, study: str, noun: str, body: dict[str, str], code: str
) -> None:
    more = {"scheme": "token"} if noun == "sources" else {"provider": "folder"}
    made = network.make(noun, network.amur, study=study, name=f"{noun} {body}", **more)
    path = f"/api/v1/{noun}/{made['id']}"
    known = network.client.get(path, headers=network.amur).json()
    answer = patch(network, noun, made, **body)
    assert answer.json()["code"] == code, answer.text
    assert network.client.get(path, headers=network.amur).json() == known
    whose = network.client.get(f"{path}/read-otherwise", headers=network.naktong)
    assert whose.status_code == 404


def test_a_mapping_of_another_study_reads_nothing_here(
    network: Any, study: str, mapping: str
) -> None:
    other = network.study(network.amur, "Elsewhere")
    body = {"study": other, "name": "x", "provider": "folder", "mapping": mapping}
    assert network.client.post(
        "/api/v1/connectors", json=body, headers=network.amur
    ).status_code == 404  # fmt: skip
    both = body | {"study": study, "format": "gpx"}
    refused = network.client.post("/api/v1/connectors", json=both, headers=network.amur)
    assert (refused.status_code, refused.json()["code"]) == (422, "format-and-mapping")
