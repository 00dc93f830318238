"""Limits, headers, metrics and crashes: what surrounds every request."""

from __future__ import annotations

import gzip

import pytest
from fastapi import APIRouter
from starlette.testclient import TestClient

from app.api.routers import ROUTERS
from app.config import Settings
from app.errors import SetupError, Unavailable
from app.main import SMALL_BODY_BYTES, create_app
from tests.api.conftest import serving


def test_a_body_over_its_limit_is_413_before_it_is_read(network):
    answer = network.client.post(
        "/api/v1/studies",
        content=b"x",
        headers={**network.amur, "Content-Length": str(SMALL_BODY_BYTES + 1)},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_streamed_body_is_counted(network):
    def pieces():
        for _ in range(20):
            yield b" " * (SMALL_BODY_BYTES // 16)

    answer = network.client.post(
        "/api/v1/studies",
        content=pieces(),
        headers={**network.amur, "Content-Type": "application/json"},
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")


def test_a_length_that_is_no_number_is_400(network):
    answer = network.client.post("/api/v1/studies", content=b"x", headers={"Content-Length": "-5"})
    assert answer.status_code == 400


def test_security_headers_stand_on_answers_and_errors(network):
    for path in ("/api/v1/studies", "/api/v1/nothing", "/health/live"):
        headers = network.client.get(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-request-id"]


@pytest.mark.parametrize(("sent", "kept"), [("abc-1", True), ("a b", False), ("x" * 65, False)])
def test_a_sensible_request_id_is_kept(network, sent, kept):
    answer = network.client.get("/health/live", headers={"X-Request-ID": sent})
    assert (answer.headers["x-request-id"] == sent) is kept


def test_other_sites_may_read_but_send_no_cookie(network):
    answer = network.client.get("/api/v1/studies", headers={"Origin": "https://elsewhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    exposed = answer.headers["access-control-expose-headers"]
    assert all(name in exposed for name in ("ETag", "Link", "Retry-After"))


def test_long_answers_are_packed(network):
    for n in range(8):
        network.study(network.amur, f"long list {n}")
    with network.client.stream(
        "GET", "/api/v1/studies", headers={**network.amur, "Accept-Encoding": "gzip"}
    ) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert b"long list" in gzip.decompress(packed)


def test_the_rate_limit_answers_429_with_its_wait(network):
    with serving(network.dsn, rate_limit="3/hour") as client:
        answers = [client.get("/api/v1/species") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 3601
        assert answers[-1].json()["code"] == "rate-limited"
        assert client.get("/health/live").status_code == 200


@pytest.fixture
def breaking(network, monkeypatch):
    """The service with two routes that fail."""
    router = APIRouter()

    @router.get("/crash")
    async def crash():
        raise RuntimeError("canary-9912")

    @router.get("/lost")
    async def lost():
        raise Unavailable

    monkeypatch.setattr("app.main.ROUTERS", (*ROUTERS, router))
    with serving(network.dsn) as client:
        yield client


def test_a_crash_is_a_500_without_detail(breaking, caplog):
    answer = breaking.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert "canary" not in answer.text
    assert answer.headers["x-request-id"]


def test_a_lost_database_is_503_with_retry_after(breaking):
    answer = breaking.get("/lost")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_database_that_is_gone_is_503_everywhere():
    settings = Settings(
        _env_file=None, database_url="postgresql://nobody@127.0.0.1:1/none", rate_limit="off"
    )
    client = TestClient(create_app(settings))  # no lifespan: it went away after the start
    for path in ("/health/ready", "/api/v1/studies"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert client.get("/health/live").status_code == 200


def test_the_service_refuses_a_database_that_may_lose_writes(network):
    settings = Settings(_env_file=None, database_url=network.dsn)
    with pytest.raises(SetupError, match="fsync"), TestClient(create_app(settings)):
        pass


def test_the_service_needs_a_database():
    with pytest.raises(SetupError, match="FLYWAYS_DATABASE_URL"):
        create_app(Settings(_env_file=None, database_url=None))


def test_ready_tells_an_old_schema(network, monkeypatch):
    assert network.client.get("/health/ready").json() == {"status": "ok"}
    monkeypatch.setattr("app.store.health.newest_revision", lambda: "9999")
    answer = network.client.get("/health/ready")
    assert answer.status_code == 503
    assert "9999" in answer.json()["detail"]


def test_metrics_are_for_operators_and_name_no_ids(network):
    network.client.get("/api/v1/studies/3f0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11")
    text = network.client.get("/metrics").text
    assert 'route="/api/v1/studies/{study}"' in text
    assert "3f0e6d1c" not in text
    assert "flyways_queue_age_seconds" in text
    with serving(network.dsn, caller="203.0.113.9") as far:
        assert far.get("/metrics").status_code == 401
        assert far.get("/metrics", headers=network.amur).status_code == 401
        assert far.get("/metrics", headers=network.operator).status_code == 200


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-IP", "Via", "Forwarded"])
def test_a_proxy_on_this_machine_is_not_this_machine(network, name):
    told = {name: "203.0.113.9"}
    assert network.client.get("/metrics", headers=told).status_code == 401
    assert network.client.get("/metrics", headers=told | network.operator).status_code == 200


def test_made_up_methods_make_no_series(network):
    network.client.request("BREW", "/api/v1/studies")
    assert "BREW" not in network.client.get("/metrics").text
