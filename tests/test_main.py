"""The web process: it asks for a database and for durability, and bounds what it takes in."""

from __future__ import annotations

import httpx2 as httpx
import pytest

from app.config import Settings
from app.errors import SetupError
from app.main import SMALL_BODY_BYTES, create_app

NOWHERE = "postgresql://nobody@127.0.0.1:1/none"


@pytest.fixture
async def client():
    app = create_app(
        Settings(database_url=NOWHERE, body_max_bytes=SMALL_BODY_BYTES * 4, rate_limit="off"),
        demand_durable=False,
    )
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        yield client
    await app.state.store.close()


def test_without_a_database_it_says_what_to_set() -> None:
    with pytest.raises(SetupError, match="FLYWAYS_DATABASE_URL"):
        create_app(Settings(database_url=None))


async def test_a_server_that_may_lose_an_answered_push_is_refused(server) -> None:
    """The server of these tests skips fsync, which a service must not."""
    app = create_app(Settings(database_url=server))
    with pytest.raises(SetupError, match="fsync = off"):
        async with app.router.lifespan_context(app):
            pytest.fail("it serves")


async def test_its_end_keeps_what_waits_and_closes_the_store(database) -> None:
    app = create_app(Settings(database_url=database), demand_durable=False)
    closed: list[str] = []
    real = app.state.gatherer.close

    async def close() -> None:
        closed.append("gatherer")
        assert not closed[1:]
        await real()

    app.state.gatherer.close = close
    async with app.router.lifespan_context(app):
        async with app.state.store.read():
            pass
        assert app.state.store.engine.pool.checkedin() == 1
    assert closed == ["gatherer"]
    assert app.state.store.engine.pool.checkedin() == 0


@pytest.mark.parametrize(
    ("method", "path", "limit"),
    [
        ("POST", "/api/v1/species", SMALL_BODY_BYTES),
        ("POST", "/api/v1/studies", SMALL_BODY_BYTES),
        ("POST", "/push/none", SMALL_BODY_BYTES * 4),
        ("POST", "/api/v1/studies/none/pushes", SMALL_BODY_BYTES * 4),
    ],
)
async def test_a_body_is_bounded_by_what_the_address_takes(client, method, path, limit) -> None:
    answer = await client.request(method, path, content=b"x" * (limit + 1))
    assert (answer.status_code, answer.json()["code"]) == (413, "too-large")
    fits = await client.request(method, path, content=b"x" * limit)
    assert fits.status_code != 413


async def test_any_page_of_the_web_may_read_and_see_the_headers_it_needs(client) -> None:
    asked = {"Origin": "https://map.example", "Access-Control-Request-Method": "PATCH",
             "Access-Control-Request-Headers": "Authorization, Last-Event-ID"}  # fmt: skip
    answer = await client.options("/api/v1/individuals", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in answer.headers
    plain = await client.get("/health/live", headers={"Origin": "https://map.example"})
    shown = plain.headers["access-control-expose-headers"]
    assert all(name in shown for name in ("ETag", "Link", "Retry-After", "X-Request-ID"))


async def test_a_lost_database_is_503_and_says_when_to_come_again(client) -> None:
    answer = await client.get("/api/v1/individuals")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) > 0
    assert (await client.get("/health/live")).status_code == 200
