"""Sources: secrets are shown once, two are valid while a sender changes over."""

from __future__ import annotations

from base64 import b64decode
from hashlib import sha256

import pytest

from app.store.engine import execute


def kept(network, ref):
    async def read(conn):
        rows = await execute(conn, "select secrets from source where ref = :ref", {"ref": ref})
        return [bytes(secret) for secret in rows[0]["secrets"]]

    return network.in_store(read)


def of(scheme, secret):
    """What the store keeps of a secret as the sender got it."""
    if scheme in {"token", "basic"}:
        return sha256(secret.encode()).digest()
    if scheme == "github":
        return secret.encode()
    return b64decode(secret.removeprefix("whsec_"))


@pytest.mark.parametrize("scheme", ["token", "basic", "standard-webhooks", "github"])
def test_secrets_rotate_with_two_valid(network, scheme):
    study = network.study(network.amur, f"rotating {scheme}")
    made = network.make("sources", network.amur, study=study, name="gate", scheme=scheme)
    assert made["push"] == f"/push/{made['id']}"
    secrets = [made["secret"]]
    path = f"/api/v1/sources/{made['id']}"
    for _ in range(2):
        answer = network.client.post(f"{path}/rotate", headers=network.amur)
        assert answer.headers["cache-control"] == "no-store"
        secrets.insert(0, answer.json()["secret"])
    assert len(set(secrets)) == 3
    assert kept(network, made["id"]) == [of(scheme, secret) for secret in secrets[:2]]
    shown = network.client.get(path, headers=network.amur)
    assert shown.json()["secrets_valid"] == 2
    assert not any(secret in shown.text for secret in secrets)
    ended = network.client.patch(path, json={"only_newest_secret": True}, headers=network.amur)
    assert ended.json()["secrets_valid"] == 1
    assert kept(network, made["id"]) == [of(scheme, secrets[0])]


def test_a_source_is_disabled_and_enabled(network):
    study = network.study(network.amur, "gated")
    made = network.make("sources", network.amur, study=study, name="gate", scheme="token")
    path = f"/api/v1/sources/{made['id']}"
    off = network.client.patch(path, json={"disabled": True}, headers=network.amur).json()
    again = network.client.patch(path, json={"disabled": True}, headers=network.amur).json()
    assert off["disabled_at"] == again["disabled_at"] is not None
    untouched = network.client.patch(path, json={}, headers=network.amur).json()
    assert untouched["disabled_at"] == off["disabled_at"]
    on = network.client.patch(path, json={"disabled": False}, headers=network.amur).json()
    assert on["disabled_at"] is None


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"format": "no-such"}, "format-unknown"),
        ({"tz": "Mars/Olympus"}, "zone-unknown"),
        ({"scheme": "digest"}, "invalid-value"),
        ({"encoding": "ebcdic"}, "encoding-unknown"),
        ({"datum": "nad27"}, "datum-unknown"),
        ({"date_order": "ymd"}, "date-order-unknown"),
        ({"ack_status": 204}, "invalid-value"),
    ],
)
def test_a_source_that_could_not_work_is_refused(network, body, code):
    study = network.study(network.amur, f"refused {code} {body}"[:100])
    answer = network.client.post(
        "/api/v1/sources",
        json={"study": study, "name": "gate", "scheme": "token", **body},
        headers=network.amur,
    )
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def test_a_name_is_taken_once(network):
    study = network.study(network.amur, "one gate")
    network.make("sources", network.amur, study=study, name="gate", scheme="token")
    answer = network.client.post(
        "/api/v1/sources",
        json={"study": study, "name": "gate", "scheme": "token"},
        headers=network.amur,
    )
    assert answer.status_code == 409
