"""The client of EarthRanger posts to us unchanged."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from erclient import AsyncERClient, ERClient
from erclient.er_errors import ERClientBadCredentials

from app.pipeline import run as flow
from app.store import inbox, partners, sources
from app.store.audience import Audience
from app.store.engine import Store, execute
from tests.clients.conftest import serving


@dataclass
class Ranger:
    """A service with one source, and who may push to it."""

    address: str
    store: Store
    token: str
    key: str

    def client(self, kind, secret: str, provider: str = "herders"):
        return kind(service_root=self.address, provider_key=provider, token=secret)


def observation(hour: int) -> dict[str, object]:
    return {
        "manufacturer_id": "ST2010-3034",
        "source_type": "tracking-device",
        "subject_name": "Ada",
        "subject_subtype": "crane",
        "recorded_at": datetime(2024, 3, 1, hour, tzinfo=UTC),
        "location": {"lat": 48.2, "lon": 112.5},
        "additional": {"hdop": 1.2},
    }


@pytest_asyncio.fixture
async def ranger(new_database) -> AsyncIterator[Ranger]:
    dsn = new_database()
    store = Store(dsn, pool_size=2)
    async with store.write() as conn:
        owner = await partners.create_institute(conn, "Amur", "RU")
        key = await partners.create_key(conn, owner["id"], ("push",))
        rows = await execute(
            conn,
            "insert into study (institute_id, name) values (:i, 'Cranes') returning id",
            {"i": owner["id"]},
        )
        own = Audience("institute", exact=(rows[0]["id"],))
        made = await sources.create(
            conn, own, rows[0]["id"], name="herders", scheme="token",
            how=inbox.Reading(None, "UTC"), ack_status=202,
        )  # fmt: skip
    with serving(dsn) as address:
        yield Ranger(address, store, made["secret"], key["key"])
    await store.close()


async def test_both_clients_post_and_each_observation_lands_once(ranger: Ranger) -> None:
    async with ranger.client(AsyncERClient, ranger.token) as client:
        first = await client.post_sensor_observation(observation(1))
        again = await client.post_sensor_observation(observation(1))
    assert first["replay_of"] is None
    assert again["replay_of"] == first["push_id"]
    listed = ranger.client(ERClient, ranger.key)
    told = listed.post_sensor_observation([observation(2), observation(3)], sensor_type="ertrack")
    assert told["format"] == "earthranger-json"
    radio = listed.post_radio_observation(observation(4))
    assert radio["replay_of"] is None
    assert await flow.drain(ranger.store, areas=False) == []
    async with ranger.store.read() as conn:
        rows = await execute(
            conn,
            "select extract(hour from f.time at time zone 'UTC')::int as hour, t.local_identifier"
            " as tag from fix f join tag t on t.id = f.tag_id order by f.time",
        )
    assert [(row["hour"], row["tag"]) for row in rows] == [(h, "ST2010-3034") for h in (1, 2, 3, 4)]


async def test_a_wrong_token_is_an_error_of_the_client(ranger: Ranger) -> None:
    for secret, provider in (("flws_wrong", "herders"), (ranger.token, "nobody"),
                             ("flw_wrong", "herders")):  # fmt: skip
        async with ranger.client(AsyncERClient, secret, provider) as client:
            with pytest.raises(ERClientBadCredentials):
                await client.post_sensor_observation(observation(1))
