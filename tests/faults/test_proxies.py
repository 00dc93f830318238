"""Proxies that are believed, and callers that only say that they are one."""

from __future__ import annotations

import httpx2

from tests.faults.conftest import Site

BELIEVED, STRANGER = "127.0.0.2", "127.0.0.3"
"""Loopback is a network of its own: any of its addresses can ask."""

PASSING = "/tiles/sites.json"


def caller(site: Site, address: str) -> httpx2.Client:
    transport = httpx2.HTTPTransport(local_address=address)
    return httpx2.Client(base_url=site.root, transport=transport, timeout=30)


def asked_for(visitor: str) -> dict[str, str]:
    return {"X-Forwarded-For": visitor, "X-Forwarded-Proto": "https"}


def test_who_asks_is_told_by_proxies_that_are_believed_alone(site: Site) -> None:
    site.env = {"FLYWAYS_RATE_LIMIT": "4/hour", "FLYWAYS_PROXIES": f"10.0.0.0/8, {BELIEVED}"}
    site.serve()
    visitors = [asked_for(f"203.0.113.{n}") for n in range(6)]
    with caller(site, BELIEVED) as proxy:
        found = [proxy.get(PASSING, headers=visitor) for visitor in visitors]
        assert [answer.status_code for answer in found] == [200] * 6
        assert found[0].json()["tiles"][0].startswith("https://")
        # What a visitor wrote into the header itself stands before what the proxy adds.
        forged = asked_for("198.51.100.1, 203.0.113.0")
        again = [proxy.get(PASSING, headers=forged).status_code for _ in range(4)]
        assert again == [200, 200, 200, 429]
        assert proxy.get("/metrics", headers=asked_for("203.0.113.9")).status_code == 401
    with caller(site, STRANGER) as stranger:
        found = [stranger.get(PASSING, headers=visitor) for visitor in visitors]
        assert [answer.status_code for answer in found] == [200] * 4 + [429] * 2
        assert found[0].json()["tiles"][0].startswith("http://")
        assert stranger.get("/metrics", headers=asked_for("127.0.0.1")).status_code == 401


def test_a_proxy_on_this_machine_is_believed_unless_another_is_named(site: Site) -> None:
    site.serve()
    with caller(site, "127.0.0.1") as near:
        told = near.get(PASSING, headers=asked_for("203.0.113.9")).json()
        assert told["tiles"][0].startswith("https://")
        assert near.get("/metrics").status_code == 200
