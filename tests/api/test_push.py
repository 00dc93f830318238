"""Webhooks: who may push by which proof, how long its names may be, and what stays of each."""

from __future__ import annotations

import gzip
import hmac
import json
import random
import string
import time
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from standardwebhooks import Webhook

from app.pipeline.gather import SMALL_BYTES


@pytest.fixture(scope="module")
def study(network) -> str:
    return network.study(network.amur, "Webhooks")


@pytest.fixture
def source(network, study, request):
    names = (f"{request.node.name} {n}" for n in range(9))

    def make(scheme="token", **more):
        return network.make(
            "sources", network.amur, study=study, scheme=scheme, name=next(names), **more
        )

    return make


def body(n: int = 1, **more) -> bytes:
    return json.dumps([
        {"tag": "W", "time": f"2024-04-01T{hour:02d}:00:00Z", "lon": 127.5, "lat": 34.8, **more}
        for hour in range(n)
    ]).encode()  # fmt: skip


def send(network, source, content, *, secret=None, **headers):
    proof = {"Authorization": f"Bearer {secret or source['secret']}"} if source else {}
    return network.client.post(source["push"], content=content, headers={**proof, **headers})


def signed(secret: str, content: bytes, *, message="m1", at=None) -> dict[str, str]:
    at = at or datetime.now(UTC)
    return {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, content.decode()),
    }


def pushes(network, study) -> list[dict]:
    return network.client.get(
        f"/api/v1/studies/{study}/pushes?limit=1000", headers=network.amur
    ).json()["items"]


def test_two_secrets_are_good_while_a_sender_changes_over(network, source):
    for scheme in ("token", "standard-webhooks"):
        gate = source(scheme)

        def post(secret, n, gate=gate, scheme=scheme):
            content = body(n, note=scheme)
            if scheme == "token":
                return send(network, gate, content, secret=secret).status_code
            return network.client.post(
                gate["push"], content=content, headers=signed(secret, content, message=f"m{n}")
            ).status_code

        path = f"/api/v1/sources/{gate['id']}"
        new = network.client.post(f"{path}/rotate", headers=network.amur).json()["secret"]
        assert (post(gate["secret"], 1), post(new, 2)) == (202, 202)
        network.client.patch(path, json={"only_newest_secret": True}, headers=network.amur)
        assert (post(gate["secret"], 3), post(new, 4)) == (401, 202)


def test_a_secret_opens_one_gate_alone(network, source, study):
    gate, other = source("token"), source("standard-webhooks")
    assert send(network, gate, body(), secret=other["secret"]).status_code == 401
    assert send(network, other, body(), secret=gate["secret"]).status_code == 401
    # Nor does an institute's key: it is no secret of the source.
    assert (
        network.client.post(gate["push"], content=body(), headers=network.amur).status_code == 401
    )
    before = len(pushes(network, study))
    assert send(network, gate, body()).status_code == 202
    assert len(pushes(network, study)) == before + 1


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_is_good_for_five_minutes(network, source, minutes):
    gate, content = source("standard-webhooks"), body()
    headers = signed(gate["secret"], content, at=datetime.now(UTC) + timedelta(minutes=minutes))
    answer = network.client.post(gate["push"], content=content, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "signature-time")


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
@pytest.mark.parametrize("value", [None, "", "x", "\xe9", "9" * 40, "v1,", "v1,====", "v2,AAAA"])
def test_a_broken_proof_is_401(network, source, name, value):
    gate, content = source("standard-webhooks"), body()
    headers = signed(gate["secret"], content)
    headers.pop(name)
    if value is not None:
        headers[name] = value.encode("latin-1")
    answer = network.client.post(gate["push"], content=content, headers=headers)
    assert answer.status_code == 401, answer.text
    assert answer.json()["remedy"]


def test_a_delivery_has_its_effect_once_whatever_path_it_takes(network, source, study):
    """Small bodies are kept together, large and chunked ones alone: one key is one delivery."""
    gate, content = source("token"), body(3)
    key = {"Idempotency-Key": "delivery-7"}
    first = send(network, gate, content, **key)
    before = len(pushes(network, study))
    chunked = send(network, gate, iter([content[:20], content[20:]]), **key)
    assert chunked.status_code == first.status_code == 202
    assert chunked.json()["push_id"] == first.json()["push_id"]
    assert len(pushes(network, study)) == before
    other = send(network, gate, body(4), **key)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")
    # The name of a delivery is its source's own: another source may use it too.
    assert send(network, source("token", tz="UTC+9"), body(4), **key).status_code == 202


def test_a_large_push_is_kept_whole(network, source):
    gate = source("token")
    content = b"[" + b" " * (SMALL_BYTES + 1) + body()[1:]
    answer = send(network, gate, content)
    assert answer.status_code == 202
    kept = network.client.get(answer.headers["location"] + "/body", headers=network.amur)
    assert kept.content == content


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("length", [255, 256, 3_000, 9_000])
def test_the_name_of_a_delivery_has_an_end(network, source, length, chunked):
    gate, content = source("token"), body()
    name = "".join(random.Random(length).choices(string.ascii_letters, k=length))
    sent = iter([content]) if chunked else content
    answer = send(network, gate, sent, **{"Idempotency-Key": name})
    assert answer.status_code == (202 if length <= 255 else 422), answer.text
    if length > 255:
        assert answer.json()["code"] == "idempotency-key-too-long"


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (gzip.compress(body(2), mtime=0), None),
        (gzip.compress(body(2), mtime=0)[:-9], "gzip"),
        (gzip.compress(body(2), mtime=0)[:-9], None),
        (zlib.compress(body(2)), None),
        (b"\xef\xbb\xbf" + body(2), None),
        (json.dumps([{"tag": "鶴\u202e\U0001f9a9", "time": "2024-04-01T00:00:00Z",
                      "lon": 1, "lat": 2}], ensure_ascii=False).encode(), None),
        (body(2).decode().encode("utf-16"), None),
    ],
)  # fmt: skip
def test_any_bytes_are_kept_as_they_were_sent(network, source, packed, told):
    headers = {"Content-Encoding": told} if told else {}
    answer = send(network, source("token"), packed, **headers)
    assert answer.status_code == 202
    kept = network.client.get(answer.headers["location"] + "/body", headers=network.amur)
    assert kept.content == packed
    assert kept.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("how", "code"),
    [
        ({}, None),
        ({"Origin": "https://example.org", "Accept-Encoding": "gzip"}, None),
        ({"Authorization": "Bearer flws_of_nobody"}, "token-mismatch"),
        ({"Idempotency-Key": "k" * 256}, "idempotency-key-too-long"),
        ({"X-Request-ID": "asked-by-me"}, None),
    ],
)
def test_a_push_in_pieces_is_answered_as_one_whole(network, source, how, code):
    """Small ones of a told length go past the routes; pieces take the common way."""
    gate = source("token")
    whole = send(network, gate, body(), **how)
    apart = send(network, gate, iter([body(2)]), **how)
    assert whole.status_code == apart.status_code
    assert whole.headers.keys() == apart.headers.keys()
    told, again = whole.json(), apart.json()
    assert told.keys() == again.keys()
    if code is None:
        assert (told["state"], told["study"]) == (again["state"], again["study"])
        assert told["push_id"] != again["push_id"]
    else:
        assert told == again
        assert told["code"] == code
    nobody = {"push": f"/push/{uuid4()}", "secret": "flws_x"}
    gone = [send(network, nobody, content) for content in (body(), iter([body()]))]
    assert gone[0].status_code == 404
    assert gone[0].json() == gone[1].json()


def test_an_empty_push_is_refused(network, source):
    gate = source("token")
    for content in (b"", iter([b"", b""])):
        answer = send(network, gate, content)
        assert (answer.status_code, answer.json()["code"]) == (422, "body-empty")


def basic(secret: str, user: str = "any") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{secret}".encode()).decode()}


def hub(secret: str, content: bytes) -> dict[str, str]:
    return {
        "X-Hub-Signature-256": "sha256=" + hmac.digest(secret.encode(), content, "sha256").hex()
    }


PROOFS = {
    "header": ("token", lambda gate, _: ({"X-Webhook-Token": gate["secret"]}, {})),
    "api-key": ("token", lambda gate, _: ({"X-Api-Key": gate["secret"]}, {})),
    "query": ("token", lambda gate, _: ({}, {"token": gate["secret"]})),
    "basic": ("basic", lambda gate, _: (basic(gate["secret"]), {})),
    "github": ("github", lambda gate, content: (hub(gate["secret"], content), {})),
}


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("way", PROOFS)
def test_each_way_to_prove_a_push_works_and_a_wrong_one_does_not(network, source, way, large):
    scheme, proof = PROOFS[way]
    gate = source(scheme)
    content = body() + b" " * (SMALL_BYTES if large else 0)
    for secret, status in ((gate["secret"], 202), ("flws_wrong", 401)):
        headers, params = proof({"secret": secret}, content)
        answer = network.client.post(gate["push"], content=content, headers=headers, params=params)
        assert answer.status_code == status, answer.text
    asked = answer.headers["www-authenticate"]
    assert asked.startswith("Basic" if scheme == "basic" else "Bearer")
    assert answer.json()["code"] == {"token": "token-mismatch", "basic": "password-mismatch"}.get(
        scheme, "signature-mismatch"
    )


def test_a_github_delivery_of_other_bytes_is_told_apart(network, source):
    gate = source("github")

    def post(content, delivery="72d3162e-cc78-11e3-81ab-4c9367dc0958"):
        headers = {**hub(gate["secret"], content), "X-GitHub-Delivery": delivery}
        return network.client.post(gate["push"], content=content, headers=headers)

    # Bytes of its own: what another source sent first, read otherwise, has its receipt there.
    one, two = body(1, note="github"), body(2, note="github")
    first, again, other = post(one), post(one), post(two)
    assert (first.status_code, again.status_code, other.status_code) == (202, 202, 409)
    assert again.json()["push_id"] == first.json()["push_id"]
    assert other.json()["code"] == "idempotency-key-reused"


def test_a_webhook_id_of_other_bytes_is_told_apart(network, source):
    gate = source("standard-webhooks")
    statuses = [
        network.client.post(
            gate["push"], content=content, headers=signed(gate["secret"], content)
        ).status_code
        for content in (body(1), body(1), body(2))
    ]
    assert statuses == [202, 202, 409]


def test_a_large_push_of_a_stranger_is_not_read(network, source):
    gate, read = source("token"), []

    def content():
        for n in range(64):
            read.append(n)
            yield b" " * SMALL_BYTES

    answer = send(network, gate, content(), secret="flws_wrong")
    assert answer.status_code == 401
    # The client of tests hands chunks over only as they are asked for.
    assert len(read) <= 2


def test_a_source_says_how_its_pushes_are_read(network, source):
    gate = source(tz="Asia/Shanghai", encoding="gb18030", datum="gcj02", date_order="dmy",
                  format="flyways-json")  # fmt: skip
    assert (gate["encoding"], gate["datum"], gate["date_order"]) == ("gb18030", "gcj02", "dmy")
    receipt = send(network, gate, body()).json()
    told = {name: receipt[name] for name in ("format", "tz", "encoding", "datum", "date_order")}
    assert told == {name: gate[name] for name in told}
    again = send(network, gate, body()).json()
    assert again["replay_of"] == receipt["push_id"]


def test_pushes_refused_again_and_again_raise_an_alert(network, source):
    gate = source("token")
    path = f"/api/v1/sources/{gate['id']}"

    def shown():
        return network.client.get(path, headers=network.amur).json()

    for _ in range(5):
        assert send(network, gate, body(), secret="flws_wrong").status_code == 401
    deadline = time.monotonic() + 20
    while (row := shown())["refused_signatures"] < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (row["refused_signatures"], row["refused_last_code"]) == (5, "token-mismatch")
    assert [each["code"] for each in row["warnings"]] == ["pushes-refused"]
    listed = network.client.get("/api/v1/sources?limit=1000", headers=network.amur).json()["items"]
    assert [each["id"] for each in listed if each["warnings"]] == [gate["id"]]
    figures = network.client.get("/metrics").text
    assert "flyways_sources_alarmed 1.0" in figures
    assert 'flyways_pushes_refused_total{code="token-mismatch"}' in figures
    # Its sender is let in all the same; a manager who has looked ends the alert.
    assert send(network, gate, body()).status_code == 202
    seen = network.client.patch(path, json={"refusals_seen": True}, headers=network.amur).json()
    assert (seen["warnings"], seen["refused_signatures"]) == ([], 5)


def test_the_address_may_tell_whose_a_table_is_that_names_nobody(network, source):
    gate = source()
    sent = (Path(__file__).parents[1] / "data/telemetry/7304g.txt").read_bytes()
    proof = {"Authorization": f"Bearer {gate['secret']}"}

    def post(tag: str):
        return network.client.post(f"{gate['push']}?tag={tag}", content=sent, headers=proof)

    first, other, again = post("7304"), post("7305"), post("7304")
    assert [each.json()["tag"] for each in (first, other, again)] == ["7304", "7305", "7304"]
    assert again.json()["replay_of"] == first.json()["push_id"] != other.json()["push_id"]
    refused = post("%20")
    assert (refused.status_code, refused.json()["code"]) == (422, "tag-unusable")
