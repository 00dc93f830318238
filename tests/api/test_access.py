"""Who may do what; foreign and missing things answer with the same bytes."""

from __future__ import annotations

from uuid import uuid4

import pytest

from app.store import partners
from app.store.engine import execute

NOUNS = ("studies", "individuals", "tags", "deployments", "sources")


@pytest.fixture(scope="module")
def own(network):
    """One of each noun, all of them Amur's and private."""
    study = network.study(network.amur, "private cranes")
    made = {"studies": study}
    made["individuals"] = network.make(
        "individuals", network.amur, study=study, local_identifier="K12",
        terms={"animal-ring-id": "SECRET-RING"},
    )["id"]  # fmt: skip
    made["tags"] = network.make("tags", network.amur, study=study, local_identifier="6118")["id"]
    made["deployments"] = network.make(
        "deployments", network.amur, tag=made["tags"], individual=made["individuals"]
    )["id"]
    made["sources"] = network.make(
        "sources", network.amur, study=study, name="gate", scheme="token"
    )["id"]
    return made


@pytest.mark.parametrize("noun", NOUNS)
@pytest.mark.parametrize("who", ["nobody", "naktong"])
def test_foreign_and_missing_are_the_same_bytes(network, own, noun, who):
    headers = {} if who == "nobody" else network.naktong
    foreign = network.client.get(f"/api/v1/{noun}/{own[noun]}", headers=headers)
    missing = network.client.get(f"/api/v1/{noun}/{uuid4()}", headers=headers)
    assert foreign.status_code == missing.status_code == 404
    assert foreign.content == missing.content
    different = {"x-request-id", "date"}
    assert {k: v for k, v in foreign.headers.items() if k not in different} == {
        k: v for k, v in missing.headers.items() if k not in different
    }


@pytest.mark.parametrize("noun", NOUNS)
def test_lists_of_others_hold_nothing_private(network, own, noun):
    for headers in ({}, network.naktong):
        answer = network.client.get(f"/api/v1/{noun}", headers=headers)
        assert answer.status_code == 200
        assert own[noun] not in answer.text
        assert "SECRET-RING" not in answer.text
    assert own[noun] in network.client.get(f"/api/v1/{noun}", headers=network.amur).text
    assert own[noun] in network.client.get(f"/api/v1/{noun}", headers=network.operator).text


@pytest.mark.parametrize(
    ("noun", "body"),
    [
        ("studies", {"name": "mine now"}),
        ("individuals", {"taxon": "Grus grus"}),
        ("tags", {"terms": {}}),
        ("deployments", {"deploy_off": "2020-01-01T00:00:00Z"}),
        ("sources", {"disabled": True}),
    ],
)
def test_foreign_edits_are_404_like_missing_ones(network, own, noun, body):
    answers = [
        network.client.patch(f"/api/v1/{noun}/{ref}", json=body, headers=network.naktong)
        for ref in (own[noun], uuid4())
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_an_open_study_shows_birds_without_their_terms_and_no_tags(network):
    study = network.study(network.amur, "open cranes")
    bird = network.make(
        "individuals", network.amur, study=study, local_identifier="O1",
        terms={"animal-ring-id": "RING-9"},
    )  # fmt: skip
    network.make("tags", network.amur, study=study, local_identifier="T1")
    path = f"/api/v1/studies/{study}"
    assert (
        network.client.patch(path, json={"visibility": "open"}, headers=network.amur).json()[
            "visibility"
        ]
        == "open"
    )
    seen = network.client.get(f"/api/v1/individuals/{bird['id']}")
    assert seen.status_code == 200
    assert seen.json()["terms"] == {}
    assert network.client.get(f"/api/v1/tags?study={study}").json()["items"] == []
    assert (
        network.client.patch(path, json={"licence": "x"}, headers=network.naktong).status_code
        == 404
    )
    network.client.patch(path, json={"visibility": "private"}, headers=network.amur)
    assert network.client.get(path).status_code == 404


def test_opening_marks_every_bird_and_catalogue_and_bumps_the_version(network):
    study = network.study(network.amur, "to be opened")
    network.make("individuals", network.amur, study=study, local_identifier="A")

    async def state(conn):
        found = await execute(
            conn,
            "select version, (select count(*) from dirty where study_id = study.id) as dirty,"
            " (select coalesce(sum(revision), 0) from product_dirty where scope = 'public')"
            " as public"
            " from study where ref = :ref",
            {"ref": study},
        )
        return found[0]

    before = network.in_store(state)
    network.client.patch(
        f"/api/v1/studies/{study}", json={"visibility": "open"}, headers=network.amur
    )
    after = network.in_store(state)
    assert after["version"] > before["version"]
    assert (before["dirty"], after["dirty"]) == (0, 1)
    assert after["public"] > before["public"]


def test_writes_need_a_key_with_the_scope(network):
    reader = network.make("keys", network.amur, label="reader", scopes=["read"])["key"]
    headers = {"Authorization": f"Bearer {reader}"}
    body = {"name": "never made"}
    assert network.client.post("/api/v1/studies", json=body).status_code == 401
    answer = network.client.post("/api/v1/studies", json=body, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["code"] == "scope-missing"


def test_a_key_that_only_pushes_reads_nothing(network):
    pusher = network.make("keys", network.amur, label="device", scopes=["push"])["key"]
    answer = network.client.get("/api/v1/studies", headers={"Authorization": f"Bearer {pusher}"})
    assert answer.status_code == 403


def test_a_revoked_key_ends_at_once(network):
    made = network.make("keys", network.amur, label="lost", scopes=["read"])
    headers = {"Authorization": f"Bearer {made['key']}"}
    assert network.client.get("/api/v1/studies", headers=headers).status_code == 200
    path = f"/api/v1/keys/{made['id']}"
    assert network.client.delete(path, headers=network.naktong).status_code == 404
    assert network.client.delete(path, headers=network.amur).json()["revoked_at"] is not None
    assert network.client.get("/api/v1/studies", headers=headers).status_code == 401


def test_an_expired_key_is_unknown(network):
    made = network.make(
        "keys", network.amur, label="old", scopes=["read"], expires_at="2001-01-01T00:00:00Z"
    )
    answer = network.client.get(
        "/api/v1/studies", headers={"Authorization": f"Bearer {made['key']}"}
    )
    assert (answer.status_code, answer.json()["code"]) == (401, "key-unknown")
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_keys_are_shown_once_and_hand_on_no_scope_they_lack(network):
    manager = network.make("keys", network.amur, label="manager", scopes=["manage"])
    headers = {"Authorization": f"Bearer {manager['key']}"}
    assert manager["key"].startswith(manager["prefix"])
    body = {"label": "more", "scopes": ["push"]}
    assert network.client.post("/api/v1/keys", json=body, headers=headers).status_code == 403
    listed = network.client.get("/api/v1/keys", headers=network.amur)
    assert manager["id"] in listed.text
    assert manager["key"] not in listed.text
    assert manager["id"] not in network.client.get("/api/v1/keys", headers=network.naktong).text


@pytest.mark.parametrize("header", ["Bearer", "Bearer ", "Basic eDp5", "Bearer flw_nope", "é"])
def test_every_other_authorization_is_the_same_401(network, header):
    answer = network.client.get("/api/v1/studies", headers={"Authorization": header.encode()})
    assert answer.status_code == 401
    assert answer.json()["code"] == "key-unknown"


def test_institutes_are_added_by_the_operator_alone(network):
    body = {"name": "Ussuri", "country": "RU"}
    assert (
        network.client.post("/api/v1/institutes", json=body, headers=network.amur).status_code
        == 403
    )
    made = network.make("institutes", network.operator, **body)
    assert (
        network.client.post("/api/v1/institutes", json=body, headers=network.operator).status_code
        == 409
    )
    path = f"/api/v1/institutes/{made['id']}"
    assert network.client.get(path, headers=network.operator).json()["name"] == "Ussuri"
    assert network.client.get(path, headers=network.amur).status_code == 404


def test_nobody_makes_a_study_or_key_for_another_institute(network):
    foreign = network.institutes["Naktong"]
    for path, body in (
        ("studies", {"name": "theirs"}),
        ("keys", {"label": "theirs", "scopes": ["read"]}),
    ):
        answer = network.client.post(
            f"/api/v1/{path}", json={**body, "institute": foreign}, headers=network.amur
        )
        assert answer.status_code == 404
        answer = network.client.post(
            f"/api/v1/{path}", json={**body, "institute": foreign}, headers=network.operator
        )
        assert answer.status_code == 201
    answer = network.client.post("/api/v1/studies", json={"name": "?"}, headers=network.operator)
    assert (answer.status_code, answer.json()["code"]) == (422, "institute-needed")


@pytest.fixture
def browser(network):
    """A signed-in browser of Amur; its cookies are gone afterwards."""

    async def ticket(conn):
        key, _ = await partners.key_audience(conn, network.amur["Authorization"].split()[1])
        return await partners.create_ticket(conn, key.key_id)

    yield network.client, network.in_store(ticket)
    network.client.cookies.clear()


def test_a_ticket_works_once_and_its_session_only_reads(network, browser):
    client, ticket = browser
    assert client.get("/api/v1/session").json() == {
        "signed_in": False, "institute": None, "audience": "public", "scopes": [],
    }  # fmt: skip
    answer = client.post("/api/v1/session", json={"ticket": ticket})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    session = client.get("/api/v1/session").json()
    assert session["signed_in"] is True
    assert session["institute"]["name"] == "Amur"
    assert session["scopes"] == ["read"]
    assert client.post("/api/v1/studies", json={"name": "csrf"}).status_code == 403
    assert client.delete("/api/v1/session").status_code == 204
    assert client.get("/api/v1/session").json()["signed_in"] is False
    again = client.post("/api/v1/session", json={"ticket": ticket})
    assert (again.status_code, again.json()["code"]) == (401, "ticket-refused")


def test_a_made_up_cookie_is_the_public(network):
    network.client.cookies.set("flyways_session", "made-up")
    try:
        assert network.client.get("/api/v1/session").json()["signed_in"] is False
        assert network.client.get("/api/v1/studies").status_code == 200
    finally:
        network.client.cookies.clear()
