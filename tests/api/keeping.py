"""A study with a simulated flock, whose products are kept as they are."""

from __future__ import annotations

import asyncio

from httpx2 import Response

from app.movement.simulate import flock_csv, reference_csv
from app.pipeline import run as flow
from app.store import work
from app.store.engine import Store
from tests.api.conftest import Network
from tests.flow.conftest import flock

BIRDS = flock(seed=41, birds=3, days=150, interval_s=14_400.0)
PRODUCTS = (
    "/api/v1/stopovers",
    "/api/v1/stopovers?species=white_naped_crane",
    "/api/v1/seasons",
    "/api/v1/legs",
    "/api/v1/sites",
    "/api/v1/flyways",
    "/api/v1/habitat/use?by=individual",
    "/api/v1/flyways/white_naped_crane/ledger",
    "/api/v1/reports/migrations",
)
OF_BIRD = ("/track", "/utilisation?method=kde", "/seasons")
OF_SITE = ("", "/loss", "/utilisation")
OF_FLYWAY = ("", "/connectivity")
OF_ALL = (
    "/api/v1/key-sites",
    "/api/v1/species/white_naped_crane/utilisation",
    "/tiles/density/2/3/1.pbf",
    "/tiles/tracks/2/3/1.pbf",
    "/tiles/stopovers/2/3/1.pbf",
)
"""Further products, read as they were by the same means."""


class Site:
    """A study with a simulated flock, and everything derived from it."""

    def __init__(self, network: Network) -> None:
        self.network, self.client, self.key = network, network.client, network.amur
        self.study = network.study(network.amur, "Kept", licence="CC-BY-4.0")
        for body in (reference_csv(BIRDS), flock_csv(BIRDS)):
            sent = self.client.post(
                f"/api/v1/studies/{self.study}/pushes", content=body, headers=self.key
            )
            assert sent.status_code == 202, sent.text
        self.drain(areas=True)
        listed = self.get("/api/v1/individuals")["items"]
        self.birds = {each["local_identifier"]: each["id"] for each in listed}

    def drain(self, *, areas: bool = False) -> None:
        async def run() -> None:
            store = Store(self.network.dsn, pool_size=2, statement_timeout_s=60)
            try:
                assert await flow.drain(store, areas=areas) == []
            finally:
                await store.close()

        asyncio.run(run())

    def in_full(self) -> None:
        """Derive every bird anew, whatever a test has done to its rows."""

        async def mark(conn) -> None:
            await work.mark_all_dirty(conn)

        self.network.in_store(mark)
        self.drain()

    def get(self, address: str, key: dict[str, str] | None = None, **asked: str) -> dict:
        answer = self.client.get(address, params=asked or None, headers=key or self.key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def addresses(self) -> list[str]:
        """Give every product: of the flock, of each bird, and of each site of many birds."""
        of_birds = [f"/api/v1/individuals/{bird}{part}" for bird in self.birds.values()
                    for part in OF_BIRD]  # fmt: skip
        sites = self.get("/api/v1/sites")["items"]
        of_sites = [f"/api/v1/sites/{each['id']}{part}" for each in sites[:2] for part in OF_SITE]
        flyways = self.get("/api/v1/flyways")["items"]
        of_flyways = [f"/api/v1/flyways/{each['id']}{part}" for each in flyways[:1]
                      for part in OF_FLYWAY]  # fmt: skip
        assert of_sites and of_flyways
        return [*PRODUCTS, *OF_ALL, *of_birds, *of_sites, *of_flyways]

    def species(self) -> str:
        """Give a species with a flyway: another test may have made a bird one of another."""
        return str(self.get("/api/v1/flyways")["items"][0]["species"])

    def read(self, address: str) -> object:
        """Give what an answer says: JSON where it is that, else its bytes."""
        return said(self.client.get(address, headers=self.key))

    def keep(self, address: str, **more: str) -> dict:
        return self.network.make("snapshots", self.key, address=address, **more)

    def as_of(self, address: str, made: dict, key: dict[str, str] | None = None):
        joint = "&" if "?" in address else "?"
        return self.client.get(
            f"{address}{joint}as_of={made['id']}", headers=self.key if key is None else key
        )


def said(answer: Response) -> object:
    assert answer.status_code == 200, answer.text
    return answer.json() if "json" in answer.headers["content-type"] else answer.content
