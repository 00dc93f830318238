"""Sessions of browsers: they read, they end, and nobody else's cookie becomes one."""

from __future__ import annotations

import pytest

from app.api.auth import COOKIE
from app.store import partners
from app.store.engine import execute
from tests.api.conftest import serving

PATH = "/api/v1/session"


@pytest.fixture
def made(network):
    """A key of Amur's own, by name."""
    return network.make("keys", network.amur, label="desk", scopes=["read", "push", "manage"])


@pytest.fixture
def sign_in(network, made):
    """Sign in with a ticket of the key; each browser is a client without cookies."""

    def go(key=made, **headers):
        async def ticket(conn):
            audience, _ = await partners.key_audience(conn, key["key"])
            return await partners.create_ticket(conn, audience.key_id)

        network.client.cookies.clear()
        answer = network.client.post(
            PATH, json={"ticket": network.in_store(ticket)}, headers=headers
        )
        network.client.cookies.clear()
        return answer

    yield go
    network.client.cookies.clear()


def token_of(answer) -> str:
    return answer.headers["set-cookie"].partition(f"{COOKIE}=")[2].partition(";")[0]


def session(network, token):
    return network.client.get(PATH, headers={"Cookie": f"{COOKIE}={token}"}).json()


def test_a_cookie_can_not_be_read_or_sent_by_another_site(network, sign_in):
    parts = [part.strip().lower() for part in sign_in().headers["set-cookie"].split(";")]
    assert {"httponly", "samesite=lax", "path=/", f"max-age={partners.SESSION_S}"} <= set(parts)
    assert not any(part.startswith("domain") for part in parts)
    assert "secure" not in parts  # loopback is plain HTTP
    with serving(network.dsn) as client:
        client.base_url = "https://flyways.example"
        ended = client.delete(PATH)
        assert ended.status_code == 204
        assert 'flyways_session=""' in ended.headers["set-cookie"]


def test_a_cookie_over_https_stays_there(network, made):
    async def ticket(conn):
        audience, _ = await partners.key_audience(conn, made["key"])
        return await partners.create_ticket(conn, audience.key_id)

    value = network.in_store(ticket)
    with serving(network.dsn) as client:
        client.base_url = "https://flyways.example"
        answer = client.post(PATH, json={"ticket": value})
    assert "; secure" in answer.headers["set-cookie"].lower()
    assert answer.headers["cache-control"] == "no-store"


def test_a_token_that_was_planted_is_not_taken_over(network, sign_in):
    planted = "planted-by-someone-else"
    answer = sign_in(Cookie=f"{COOKIE}={planted}")
    assert token_of(answer) not in {planted, ""}
    assert session(network, planted)["signed_in"] is False
    assert session(network, token_of(answer))["signed_in"] is True


def test_each_sign_in_is_a_session_of_its_own(network, sign_in):
    one, two = token_of(sign_in()), token_of(sign_in())
    assert one != two
    ended = network.client.delete(PATH, headers={"Cookie": f"{COOKIE}={one}"})
    assert ended.status_code == 204
    assert session(network, one)["signed_in"] is False
    assert session(network, two)["signed_in"] is True


def test_only_hashes_of_tokens_are_kept(network, sign_in):
    token = token_of(sign_in())

    async def rows(conn):
        return await execute(conn, "select to_jsonb(s)::text as row from sign_in s")

    assert token not in str(network.in_store(rows))


def test_a_session_ends_in_time_and_with_its_key(network, sign_in, made):
    async def age(conn):
        await execute(conn, "update sign_in set expires_at = now() - interval '1 second'")

    token = token_of(sign_in())
    network.in_store(age)
    assert session(network, token)["signed_in"] is False
    other = token_of(sign_in())
    assert session(network, other)["signed_in"] is True
    revoked = network.client.delete(f"/api/v1/keys/{made['id']}", headers=network.amur)
    assert revoked.status_code == 200
    assert session(network, other)["signed_in"] is False


def test_an_ended_cookie_reads_as_the_public_and_hides_nothing_public(network):
    study = network.study(network.amur, "read by cookie")
    for token in ("ended", "", "%00", "x" * 3000):
        headers = {"Cookie": f"{COOKIE}={token}"}
        answer = network.client.get("/api/v1/studies", headers=headers)
        assert answer.status_code == 200
        assert study not in answer.text


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/studies", {"name": "csrf"}),
        ("POST", "/api/v1/keys", {"label": "csrf", "scopes": ["read"]}),
        ("POST", "/api/v1/institutes", {"name": "csrf"}),
        ("DELETE", "/api/v1/fixes/verdicts/1", None),
    ],
)
def test_a_cookie_changes_nothing(network, sign_in, method, path, body):
    cookie = {"Cookie": f"{COOKIE}={token_of(sign_in())}", "Origin": "https://evil.example"}
    answer = network.client.request(method, path, json=body, headers=cookie)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope-missing")
    # A form needs no preflight, so it must not be a body of ours at all.
    if body:
        form = network.client.post(path, data=body, headers=cookie)
        assert form.status_code in {403, 415}


def test_a_key_that_may_not_read_makes_no_browser_that_does(network, sign_in):
    key = network.make("keys", network.amur, label="device", scopes=["push"])
    token = token_of(sign_in(key))
    assert session(network, token)["scopes"] == []
    answer = network.client.get("/api/v1/studies", headers={"Cookie": f"{COOKIE}={token}"})
    assert answer.status_code == 403


def test_a_key_goes_before_a_cookie(network, sign_in):
    cookie = {"Cookie": f"{COOKIE}={token_of(sign_in())}"}
    found = network.client.get(PATH, headers={**cookie, **network.naktong}).json()
    assert found["institute"]["name"] == "Naktong"
    refused = network.client.get(PATH, headers={**cookie, "Authorization": "Bearer no"})
    assert refused.status_code == 401
