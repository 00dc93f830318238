"""Hostile bodies and addresses: a 4xx that says what to mend, never a 5xx, never an echo."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

JSON = {"Content-Type": "application/json"}
BODIES = [
    b"",
    b"nonsense",
    b"\xff\xfe{",
    b"[]",
    b"null",
    b'"text"',
    b"{",
    b'{"name": NaN}',
    b'{"name": "x", "public_grid_deg": NaN}',
    b'{"name": "x", "public_grid_deg": Infinity}',
    b'{"name": "x", "public_grid_deg": 1e999}',
    b'{"name": "x", "public_grid_deg": "0.1"}',
    b'{"name": "x", "release_delay_s": true}',
    b'{"name": "x", "release_delay_s": 9223372036854775808}',
    b'{"name": "x", "release_delay_s": ' + b"9" * 5000 + b"}",
    b'{"name": "x", "release_delay_s": -1}',
    b'{"name": "\\ud800"}',
    b'{"name": "a\\u0000b"}',
    b'{"name": "a\\nb"}',
    b'{"name": "   "}',
    b'{"name": "' + b"x" * 400 + b'"}',
    b'{"name": 7}',
    b'{"name": "x", "name": "y"}',
    b'{"name": "x", "unknown": 1}',
    b'{"name": "x", "\\ud800": 1}',
    b'{"name": "x", "institute": "no-uuid"}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
def test_a_bad_body_is_a_told_4xx(network, body):
    answer = network.client.post("/api/v1/studies", content=body, headers={**network.amur, **JSON})
    assert answer.status_code in {400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["remedy"]
    assert all(set(error) == {"where", "what"} for error in problem.get("errors", []))


def test_a_value_is_never_echoed(network):
    body = {"name": {"secret": "canary-7731"}, "release_delay_s": "canary-7731"}
    answer = network.client.post("/api/v1/studies", json=body, headers=network.amur)
    assert answer.status_code == 422
    assert {error["where"] for error in answer.json()["errors"]} == {
        "body.name",
        "body.release_delay_s",
    }
    assert "canary" not in answer.text


@pytest.mark.parametrize(
    "instant",
    [
        "2020-01-01T00:00:00",
        "2020-01-01",
        "infinity",
        "now",
        1577836800,
        1e400,
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-23:00",
        "2020-02-30T00:00:00Z",
        "24:00",
        True,
    ],
)
def test_a_time_without_zone_or_sense_is_refused(network, instant):
    body = {"label": "x", "scopes": ["read"], "expires_at": instant}
    if instant == 1e400:
        body = b'{"label": "x", "scopes": ["read"], "expires_at": 1e400}'
        answer = network.client.post("/api/v1/keys", content=body, headers={**network.amur, **JSON})
    else:
        answer = network.client.post("/api/v1/keys", json=body, headers=network.amur)
    assert answer.status_code in {400, 422}


@pytest.mark.parametrize(
    "address",
    [
        "/api/v1/studies?limit=0",
        "/api/v1/studies?limit=1001",
        "/api/v1/studies?limit=NaN",
        "/api/v1/studies?cursor=%00",
        "/api/v1/studies?cursor=%ff%fe",
        "/api/v1/studies?cursor=AAAA",
        "/api/v1/studies?cursor=" + "A" * 2000,
        "/api/v1/individuals?species=%00",
        "/api/v1/individuals?species=Dodo",
        "/api/v1/individuals?study=7",
        "/api/v1/studies/7",
        "/api/v1/studies/%00",
    ],
)
def test_a_bad_address_is_a_told_4xx(network, address):
    answer = network.client.get(address)
    assert answer.status_code in {400, 404, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("text/plain", 415), ("application/x-www-form-urlencoded", 415), ("", 415)],
)
def test_a_body_of_another_kind_is_415(network, kind, status):
    answer = network.client.post(
        "/api/v1/studies",
        content=b'{"name": "x"}',
        headers={**network.amur, "Content-Type": kind},
    )
    assert answer.status_code == status


def test_unknown_addresses_and_methods_are_problems(network):
    for answer, status in (
        (network.client.get("/api/v1/nothing"), 404),
        (network.client.put("/api/v1/studies"), 405),
    ):
        assert answer.status_code == status
        assert answer.json()["status"] == status


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
def test_any_bytes_are_answered_below_500(network, body):
    answer = network.client.post("/api/v1/tags", content=body, headers={**network.amur, **JSON})
    assert 400 <= answer.status_code < 500
