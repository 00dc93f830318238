"""What an operator does at the database: found once, made once, and open to nobody by accident."""

from __future__ import annotations

import sys
from uuid import uuid4

import pytest

from app import operate
from app.config import Settings
from app.errors import NotFound
from app.pipeline import builtin
from app.store import partners
from app.store.audience import SCOPES
from app.store.engine import execute


@pytest.fixture(scope="module")
def dsn(new_database) -> str:
    return new_database()


@pytest.fixture
async def store(dsn):
    async with operate.opened(dsn) as store:
        yield store


async def rows(store, sql):
    async with store.read() as conn:
        return [tuple(row.values()) for row in await execute(conn, sql)]


def test_an_own_database_is_used_as_it_is_named() -> None:
    dsn = "postgresql://me@db/flyways"
    with operate.database(Settings(database_url=dsn)) as given:
        assert given == dsn


async def test_what_is_there_is_not_loaded_for_again(dsn, monkeypatch) -> None:
    """Each start of the service looks whether its database is of this version."""
    loaded = await operate.migrate(dsn)
    assert len(loaded) == len(builtin.BUILT_IN)
    for name in ("app.store.migrate", "ingest.layers.topojson", "ingest.layers.isolated"):
        monkeypatch.setitem(sys.modules, name, None)  # who loads it fails
    assert await operate.migrate(dsn) == []


async def test_a_partner_comes_with_one_key_that_may_everything(store) -> None:
    added = await operate.add_partner(store, "Crane Institute", "KR")
    found = await rows(
        store,
        "select k.scopes, k.label, i.country, i.ref::text from api_key k"
        " join institute i on i.id = k.institute_id where i.name = 'Crane Institute'",
    )
    assert found == [(list(SCOPES), "first key", "KR", added["institute"])]
    assert added["key"] not in str(await rows(store, "select * from api_key"))


async def test_a_study_begins_private_and_is_opened_and_closed(store) -> None:
    partner = await operate.add_partner(store, "Ussuri", None)
    study = await operate.add_study(store, "Storks", partner["institute"])
    assert study["visibility"] == "private"
    for public in (True, False, False):
        edited = await operate.open_study(store, study["ref"], public=public)
        assert edited["visibility"] == ("open" if public else "private")


async def test_a_key_without_institute_is_an_operators(store) -> None:
    made = await operate.create_key(store, None, ("read",), "map")
    listed = {row["id"]: row for row in await operate.list_keys(store)}
    assert made["key"] not in str(listed)
    (key,) = [row for row in listed.values() if row["label"] == "map"]
    assert list(key["scopes"]) == ["read"] and key["revoked_at"] is None
    assert (await operate.revoke_key(store, key["ref"]))["revoked_at"] is not None


@pytest.mark.parametrize(
    "act",
    [
        lambda store: operate.add_study(store, "S", uuid4()),
        lambda store: operate.open_study(store, uuid4(), public=True),
        lambda store: operate.create_key(store, uuid4(), ("read",), "x"),
        lambda store: operate.revoke_key(store, uuid4()),
    ],
)
async def test_what_is_not_there_is_told_and_nothing_is_made(store, act) -> None:
    counts = "select (select count(*) from api_key) as a, (select count(*) from study) as b"
    before = await rows(store, counts)
    with pytest.raises(NotFound):
        await act(store)
    assert await rows(store, counts) == before


async def test_each_sign_in_has_a_ticket_of_its_own_under_one_key(store) -> None:
    tickets = {await operate.sign_in_ticket(store) for _ in range(3)}
    assert len(tickets) == 3
    label = f"where label = '{operate.SIGN_IN_LABEL}'"
    assert len(await rows(store, f"select id from api_key {label}")) == 1
    async with store.write() as conn:
        await execute(conn, f"update api_key set revoked_at = now() {label}")
    assert await operate.sign_in_ticket(store)
    assert len(await rows(store, f"select id from api_key {label}")) == 2


async def test_own_birds_go_into_one_private_study(store) -> None:
    first, second = await operate.own_study(store), await operate.own_study(store)
    assert first == second
    assert await rows(store, "select visibility, simulated from study where name = 'My birds'") == [
        ("private", False)
    ]


async def test_an_operator_reads_every_study_in_full(store) -> None:
    audience = await operate.operator(store)
    assert (audience.kind, audience.open) == ("operator", ())
    assert set(audience.exact) == {id_ for (id_,) in await rows(store, "select id from study")}
    assert all(audience.may(scope) for scope in SCOPES)


async def test_a_service_is_empty_until_the_first_study(new_database) -> None:
    async with operate.opened(new_database()) as store:
        assert await operate.is_empty(store)
        async with store.write() as conn:
            await partners.create_institute(conn, "Amur")
        assert await operate.is_empty(store)
        await operate.own_study(store)
        assert not await operate.is_empty(store)
