"""Uploads, webhooks, receipts and refusals as a sender meets them."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from base64 import b64decode
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from app.pipeline import run as flow
from app.store.engine import Store

HEADER = (
    "timestamp,location-long,location-lat,tag-local-identifier,individual-local-identifier,"
    "individual-taxon-canonical-name"
)


def rows(n: int, *, tag: str = "T1", day: int = 1, lon: float = 127.5) -> bytes:
    lines = [
        f"2024-03-{day:02d} {i:02d}:00:00.000,{lon + i / 1000:.4f},34.8,{tag},Bird {tag},Grus vipio"
        for i in range(n)
    ]
    return "\n".join([HEADER, *lines]).encode() + b"\n"


def process(network) -> None:
    """Do what the worker would do."""

    async def run() -> None:
        store = Store(network.dsn, pool_size=2)
        try:
            await flow.drain(store, areas=False)
        finally:
            await store.close()

    asyncio.run(run())


@pytest.fixture(scope="module")
def study(network) -> str:
    return network.study(network.amur, "Pushes")


@pytest.fixture(scope="module")
def upload(network, study):
    def send(body: bytes, key=None, **params):
        headers = dict(network.amur if key is None else key)
        headers |= params.pop("headers", {})
        return network.client.post(
            f"/api/v1/studies/{study}/pushes", content=body, params=params, headers=headers
        )

    return send


def test_a_receipt_grows_until_it_is_processed(network, upload):
    answer = upload(rows(5))
    assert answer.status_code == 202
    receipt = answer.json()
    assert receipt["state"] == "received"
    assert answer.headers["location"] == f"/api/v1/pushes/{receipt['push_id']}"
    assert answer.headers["retry-after"] == "1"
    process(network)
    grown = network.client.get(answer.headers["location"], headers=network.amur)
    assert "retry-after" not in grown.headers
    receipt = grown.json()
    assert receipt["state"] == "processed"
    assert (receipt["units"], receipt["records"], receipt["stored"]) == (5, 5, 5)
    assert receipt["time_first"] == "2024-03-01T00:00:00Z"
    assert receipt["format"] == "movebank-csv"
    sent = network.client.get(answer.headers["location"] + "/body", headers=network.amur)
    assert sent.content == rows(5)


def test_refused_units_are_listed_with_the_way_to_mend_them(network, upload):
    body = rows(3, tag="T2") + b"2024-03-01 09:00:00.000,127.5,95,T2,Bird T2,Grus vipio\n"
    body += b"2024-03-01 10:00:00.000,NaN,34,T2,Bird T2,Grus vipio\n"
    where = upload(body).headers["location"]
    process(network)
    receipt = network.client.get(where, headers=network.amur).json()
    assert (receipt["units"], receipt["refused"], receipt["stored"]) == (5, 2, 3)
    page = network.client.get(where + "/refusals?limit=1", headers=network.amur).json()
    assert [r["code"] for r in page["items"]] == ["latitude-out-of-range"]
    assert page["items"][0]["unit"] == 4 and page["items"][0]["remedy"]
    rest = network.client.get(page["next"], headers=network.amur).json()
    assert [r["unit"] for r in rest["items"]] == [5] and rest["next"] is None


def test_a_replay_says_of_what(network, upload):
    body = rows(4, tag="T3")
    first = upload(body).json()
    again = upload(body)
    assert again.status_code == 202
    assert again.json()["replay_of"] == first["push_id"]
    assert again.json()["digest"] == first["digest"]


def test_the_same_key_with_another_body_is_a_conflict(network, upload):
    headers = {"Idempotency-Key": "delivery-1"}
    first = upload(rows(2, tag="T4"), headers=headers)
    assert upload(rows(2, tag="T4"), headers=headers).json()["push_id"] == first.json()["push_id"]
    other = upload(rows(3, tag="T4"), headers=headers)
    assert other.status_code == 409
    assert other.json()["code"] == "idempotency-key-reused"


def test_a_key_with_known_bytes_in_another_zone_gets_one_receipt(network, upload):
    body = rows(2, tag="T4b")
    first = upload(body).json()
    asked = {"headers": {"Idempotency-Key": "delivery-2"}, "tz": "UTC+8"}
    anew = upload(body, **asked).json()
    assert (anew["push_id"], anew["decoding"], anew["replay_of"]) == (first["push_id"], 2, None)
    assert upload(body, **asked).json() == anew


def test_a_dry_run_stores_nothing_and_tells_all(network, upload):
    body = rows(6, tag="T5") + b"not,a,row\n"
    answer = upload(body, dry_run=True)
    receipt = answer.json()
    assert answer.status_code == 202 and receipt["push_id"] is None
    assert (receipt["units"], receipt["stored"], receipt["refused"]) == (7, 6, 1)
    stored = upload(body).json()
    assert stored["replay_of"] is None


def test_gzip_and_multipart_are_taken_as_they_are(network, upload, study):
    assert upload(gzip.compress(rows(3, tag="T6"))).status_code == 202
    form = network.client.post(
        f"/api/v1/studies/{study}/pushes",
        files={"file": ("cranes.csv", rows(3, tag="T7"), "text/csv")},
        headers=network.amur,
    )
    assert form.status_code == 202
    process(network)
    receipt = network.client.get(form.headers["location"], headers=network.amur).json()
    assert receipt["stored"] == 3


def test_a_form_is_one_however_its_type_is_spelt(network, upload):
    form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="a.csv"\r\n\r\n'
    body = form + rows(2, tag="T7b") + b"\r\n--b--\r\n"
    headers = {"Content-Type": "Multipart/Form-Data; boundary=b"}
    assert upload(body, dry_run=True, headers=headers).json()["stored"] == 2


MICROWAVE = b"DateTime\tLatitude_N\tLongitude_E\n2024-03-01 06:00:00\t34.8\t127.5\n"


def test_the_name_of_a_form_s_file_or_a_parameter_tells_the_tag(network, upload, study):
    names = ("00007401g.txt", "C:\\\\mail\\\\7402g.txt")
    sent = [
        network.client.post(
            f"/api/v1/studies/{study}/pushes", files={"file": (name, MICROWAVE)},
            headers=network.amur,
        )
        for name in names
    ]  # fmt: skip
    sent += [upload(MICROWAVE, tag="7403"), upload(MICROWAVE), upload(MICROWAVE, tag="7403")]
    process(network)
    found = [
        network.client.get(each.headers["location"], headers=network.amur).json() for each in sent
    ]
    told = [(each["tag"], each["stored"], each["replay_of"] is None) for each in found]
    once = [("7401", 1, True), ("7402", 1, True), ("7403", 1, True)]
    assert told == [*once, (None, 0, True), ("7403", 1, False)]
    assert found[3]["problem"]["code"] == "tag-not-named"
    mended = network.client.post(
        f"{sent[3].headers['location']}/decodings", json={"tag": "7404"}, headers=network.amur
    ).json()
    assert (mended["tag"], mended["stored"], mended["effect"]["added"]) == ("7404", 1, 1)
    for tag in (" ", "a\x07"):
        assert upload(MICROWAVE, tag=tag).json()["code"] == "tag-unusable"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"\x00\xff\xfe\x80binary", "format-unknown"),
        (b"animal,when,where\n1,2,3\n", "format-unknown"),
        (b'{"fixes": [{"tag": "1", "time": "2024-', "json-truncated"),
        (b"PK\x03\x04 not a zip", None),
        (b"\x1f\x8b\x08 not gzip", None),
    ],
)
def test_what_cannot_be_read_fails_with_a_reason_and_stays(network, upload, body, code):
    answer = upload(body)
    assert answer.status_code == 202
    process(network)
    receipt = network.client.get(answer.headers["location"], headers=network.amur).json()
    assert receipt["state"] == "failed"
    assert code is None or receipt["problem"]["code"] == code
    assert receipt["problem"]["remedy"]
    kept = network.client.get(answer.headers["location"] + "/body", headers=network.amur)
    assert kept.content == body
    good = upload(rows(2, tag="T8", day=2, lon=100 + len(body)))
    process(network)
    after = network.client.get(good.headers["location"], headers=network.amur).json()
    assert after["state"] == "processed"


def test_a_failed_push_can_be_read_again_in_another_way(network, upload):
    body = b'[{"tag": "J1", "time": "2024-03-01T00:00:00Z", "lon": 127.5, "lat": 34.8}]'
    wrong = upload(body, format="argos-diag")
    process(network)
    where = wrong.headers["location"]
    assert network.client.get(where, headers=network.amur).json()["state"] == "failed"
    upload(body, format="flyways-json")
    process(network)
    receipt = network.client.get(where, headers=network.amur).json()
    assert (receipt["state"], receipt["stored"], receipt["decoding"]) == ("processed", 1, 2)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"format": "no-such"}, 422, "format-unknown"),
        ({"tz": "Mars/Olympus"}, 422, "zone-unknown"),
        ({"dry_run": "perhaps"}, 422, "invalid-value"),
    ],
)
def test_unusable_parameters_are_refused_before_anything_is_stored(upload, params, status, code):
    answer = upload(rows(1), **params)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_an_empty_body_is_refused(upload):
    answer = upload(b"")
    assert (answer.status_code, answer.json()["code"]) == (422, "body-empty")


def test_a_foreign_study_and_none_are_the_same(network, study):
    foreign = network.client.post(
        f"/api/v1/studies/{study}/pushes", content=rows(1), headers=network.naktong
    )
    missing = network.client.post(
        "/api/v1/studies/00000000-0000-4000-8000-000000000000/pushes",
        content=rows(1), headers=network.naktong,
    )  # fmt: skip
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content


def test_nobody_else_sees_a_receipt(network, upload):
    where = upload(rows(2, tag="T9")).headers["location"]
    for path in (where, where + "/refusals", where + "/body"):
        assert network.client.get(path, headers=network.naktong).status_code == 404
        assert network.client.get(path).status_code == 404


def make_source(network, study: str, scheme: str, name: str, **more) -> dict:
    return network.make("sources", network.amur, study=study, name=name, scheme=scheme, **more)


def fix(i: int) -> dict:
    return {"tag": "W1", "individual": "Webhook bird", "taxon": "Grus monacha",
            "time": f"2024-04-01T{i:02d}:00:00Z", "lon": 127.5, "lat": 34.8 + i / 1000}  # fmt: skip


def test_a_source_with_a_token(network, study):
    source = make_source(network, study, "token", "by token", ack_status=200)
    path, body = f"/push/{source['id']}", json.dumps([fix(1)]).encode()
    good = network.client.post(
        path, content=body, headers={"Authorization": f"Bearer {source['secret']}"}
    )
    assert good.status_code == 200 and good.json()["state"] == "received"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"X-Webhook-Token": b"\xe9"}):
        bad = network.client.post(path, content=body, headers=headers)
        assert (bad.status_code, bad.json()["code"]) == (401, "token-mismatch")
    path, deadline = f"/api/v1/sources/{source['id']}", time.monotonic() + 20
    # Counted in few writes, so the last ones show a moment later.
    while time.monotonic() < deadline:
        shown = network.client.get(path, headers=network.amur).json()
        if shown["refused_signatures"] == 3:
            break
        time.sleep(0.05)
    assert shown["refused_signatures"] == 3


def test_a_source_with_standard_webhooks(network, study):
    source = make_source(network, study, "standard-webhooks", "signed")
    path, body = f"/push/{source['id']}", json.dumps({"fixes": [fix(2)]})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(source["secret"]).sign("msg_1", now, body),
    }
    first = network.client.post(path, content=body, headers=headers)
    assert first.status_code == 202
    again = network.client.post(path, content=body, headers=headers)
    assert again.json()["push_id"] == first.json()["push_id"]
    forged = network.client.post(path, content=body + " ", headers=headers)
    assert (forged.status_code, forged.json()["code"]) == (401, "signature-mismatch")
    old = headers | {"webhook-timestamp": str(int(time.time()) - 3600)}
    assert network.client.post(path, content=body, headers=old).json()["code"] == "signature-time"
    assert len(b64decode(source["secret"].removeprefix("whsec_"))) >= 24


def test_a_disabled_source_is_gone(network, study):
    source = make_source(network, study, "token", "to be closed")
    network.client.patch(
        f"/api/v1/sources/{source['id']}", json={"disabled": True}, headers=network.amur
    )
    answer = network.client.post(
        f"/push/{source['id']}", content=b"[]",
        headers={"Authorization": f"Bearer {source['secret']}"},
    )  # fmt: skip
    assert answer.status_code == 404


@pytest.mark.parametrize("form", [True, False])
@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(("tag", "told"), [("7305", True), ("07304", False), (None, False)])
def test_a_file_whose_name_says_another_tag_than_is_told(
    network, upload, study, form, dry_run, tag, told
):
    sent: dict[str, object] = {"files": {"file": ("00007304g.txt", MICROWAVE)}}
    if not form:
        name = {"Content-Disposition": "attachment; filename*=UTF-8''00007304g.txt"}
        sent = {"content": MICROWAVE + b"\n", "headers": name}
    sent["headers"] = network.amur | dict(sent.get("headers", {}))
    query = {"dry_run": dry_run} | ({"tag": tag} if tag else {})
    answer = network.client.post(f"/api/v1/studies/{study}/pushes", params=query, **sent).json()
    if not dry_run:
        process(network)
        answer = network.client.get(answer["links"]["self"], headers=network.amur).json()
    assert answer["tag"] == (tag or "7304")
    warned = [each["detail"] for each in answer["warnings"] if each["code"] == "tag-not-used"]
    assert len(warned) == told
    assert all("'7304'" in detail and "'7305'" in detail for detail in warned)
