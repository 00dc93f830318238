"""Keys, tickets and sessions in the store."""

from __future__ import annotations

import pytest

from app.errors import Conflict
from app.store import partners, studies
from app.store.audience import Audience, load_audience
from app.store.engine import Store, execute


@pytest.fixture
async def store(database):
    store = Store(database, pool_size=3)
    yield store
    await store.close()


@pytest.fixture
async def key(store):
    async with store.write() as conn:
        institute = await partners.create_institute(conn, "Amur", "RU")
        return await partners.create_key(conn, institute["id"], ["read", "manage"])


async def test_a_key_is_256_random_bits_and_only_its_hash_is_kept(store, key):
    assert len(key["key"]) == len("flw_") + 43
    async with store.read() as conn:
        rows = await execute(conn, "select api_key.*::text as kept from api_key")
        found, _ = await partners.key_audience(conn, key["key"])
    assert key["key"].removeprefix("flw_")[12:] not in rows[0]["kept"]
    assert found is not None
    assert found.scopes == {"read", "manage"}


async def test_strange_secrets_are_merely_unknown(store, key):
    async with store.read() as conn:
        for secret in ("", "x" * 10_000, "\udc80", "é", key["key"] + " ", key["key"][:-1]):
            assert await partners.key_audience(conn, secret) == (None, False)


async def test_use_is_noted_once_a_minute(store, key):
    async with store.write() as conn:
        found, use_is_stale = await partners.key_audience(conn, key["key"])
        assert use_is_stale
        await partners.touch_key(conn, found.key_id)
        assert await partners.key_audience(conn, key["key"]) == (found, False)
        await execute(conn, "update api_key set last_used_at = now() - interval '2 min'")
        assert await partners.key_audience(conn, key["key"]) == (found, True)


async def test_two_requests_note_the_use_without_waiting(store, key):
    async with store.write() as first, store.write() as second:
        found, _ = await partners.key_audience(first, key["key"])
        await partners.touch_key(first, found.key_id)
        await execute(second, "set local statement_timeout = 1000")
        await partners.touch_key(second, found.key_id)


async def test_a_ticket_works_once_and_the_session_ends_with_its_key(store, key):
    async with store.write() as conn:
        ticket = await partners.create_ticket(conn, key["id"])
        token = await partners.redeem_ticket(conn, ticket)
        assert await partners.redeem_ticket(conn, ticket) is None
        assert await partners.redeem_ticket(conn, token) is None
        audience = await partners.session_audience(conn, token)
        assert (audience.kind, audience.scopes) == ("institute", frozenset({"read"}))
        owner = await load_audience(
            conn, institute_id=audience.institute_id, key_id=key["id"], scopes=frozenset({"manage"})
        )
        await partners.revoke_key(conn, owner, key["ref"])
        assert (await partners.session_audience(conn, token)).kind == "public"


async def test_an_old_ticket_is_refused_and_swept(store, key):
    async with store.write() as conn:
        ticket = await partners.create_ticket(conn, key["id"], lifetime_s=0)
        assert await partners.redeem_ticket(conn, ticket) is None
        assert await execute(conn, "select 1 from sign_in") == []


async def test_the_cursor_secret_stays_and_is_the_databases_own(store, key):
    async with store.write() as conn:
        before = await partners.cursor_secret(conn)
        await partners.create_key(conn, None, ["read"])
        assert await partners.cursor_secret(conn) == before
        await execute(conn, "delete from api_key")
        assert await partners.cursor_secret(conn) is None


async def test_opening_a_study_counts_and_its_name_is_taken_once(store):
    async with store.write() as conn:
        institute = (await partners.create_institute(conn, "Amur"))["id"]
        study = await studies.create(conn, institute, {"name": "cranes"})
        version = "select version from study where name = 'cranes'"
        before = await execute(conn, version)
        owner = Audience("institute", institute, exact=(study["id"],))
        await studies.edit(conn, owner, study["ref"], {"visibility": "open"})
        after = await execute(conn, version)
        assert after[0]["version"] > before[0]["version"]
        with pytest.raises(Conflict):
            await studies.create(conn, institute, {"name": "cranes"})
