"""What if a site is lost: for partners alone, as it names where birds have no other way."""

from __future__ import annotations

from collections import defaultdict
from uuid import UUID

import numpy as np
from fastapi import APIRouter
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import PartnerAudience
from app.api.connectivity import known
from app.api.deps import StoreDep
from app.api.schemas import Shown, example
from app.api.sites import known_site
from app.movement.families import BIRDS_MIN
from app.movement.loss import NO_SITE, Criticality, Journey, Loss, criticality
from app.store import connectivity
from app.store.connectivity import Row
from app.store.families import family_of

router = APIRouter(prefix="/api/v1/sites", tags=["sites"])

ALTERNATIVES_MAX = 20
"""Most other sites that are listed with a species; they come by how many ways they mend."""


class AlternativeOut(Shown):
    """Another site within a leg of both neighbours of the lost one."""

    site: UUID
    name: str
    n_journeys: int = Field(description="that it could serve")
    detour_km: float = Field(description="median length that it adds")


class SpeciesLoss(Shown):
    """What the loss of the site would do to one species."""

    species: str
    n_journeys: int = Field(description="ways of a bird through a season, of the whole species")
    n_affected: int = Field(description="that stop at the site")
    n_birds: int = Field(description="that stop at the site")
    affected_share: float
    affected_low: float | None = Field(
        description=f"95 %, over families, from {BIRDS_MIN} birds; of a share of 1 the exact"
        " binomial end of as many families"
    )
    affected_high: float | None
    broken_share: float = Field(description="of all journeys: no other site and no longer leg")
    leg_max_km: float = Field(description="reach: the 95 % quantile of the legs seen")
    rank: int = Field(description="by broken and then affected share, 1 the most critical")
    n_sites: int
    alternatives: list[AlternativeOut]


class LossOut(Shown):
    """What if this site is lost: by species."""

    model_config = example(
        site="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2",
        name="Cheorwon",
        simulated=False,
        items=[
            {
                "species": "white_naped_crane", "n_journeys": 40, "n_affected": 31, "n_birds": 11,
                "affected_share": 0.775, "affected_low": 0.6, "affected_high": 0.9,
                "broken_share": 0.55, "leg_max_km": 640.0, "rank": 1, "n_sites": 17,
                "alternatives": [
                    {"site": "5d3e81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", "name": "Panmun",
                     "n_journeys": 12, "detour_km": 41.0}
                ],
            }
        ],
    )  # fmt: skip

    site: UUID
    name: str
    simulated: bool
    items: list[SpeciesLoss]


@router.get("/{site}/loss", responses=READING_KEPT, dependencies=PRODUCT)
async def read_loss(site: UUID, store: StoreDep, audience: PartnerAudience) -> LossOut:
    """
    Read what the loss of a site would do to each species that stops there.

    A journey is broken where no other site that the species uses lies within the length of its
    legs from the stops before and after, and these are too far apart themselves. Whether another
    site has room or food is not known here. Needs a key; birds of opened studies of others count
    only where at least three of them stop at a site.
    """
    async with store.read() as conn:
        row = await known_site(conn, audience, site)
        found = []
        for species in row["species"]:
            places = await connectivity.places(
                conn, audience, simulated=row["simulated"], species=species
            )
            legs = await connectivity.passages(
                conn, audience, species=species, simulated=row["simulated"]
            )
            found.append((species, places, legs))
    items = [
        told
        for species, places, legs in found
        if (told := _told(species, places, _critical(places, legs, row), site)) is not None
    ]
    return LossOut(site=site, name=row["name"], simulated=row["simulated"], items=items)


def _critical(places: list[Row], legs: list[Row], row: Row) -> Criticality:
    number = {place["ref"]: k for k, place in enumerate(places)}
    return criticality(
        _journeys(_seen(legs, simulated=row["simulated"]), number),
        np.array([place["lon"] for place in places], dtype=np.float64),
        np.array([place["lat"] for place in places], dtype=np.float64),
    )


def _seen(legs: list[Row], *, simulated: bool) -> list[Row]:
    """Return legs whose ends name only sites that enough birds of others stop at."""
    stops: dict[UUID, dict[tuple[int, bool], Row]] = defaultdict(dict)
    for leg in legs:
        for end in ("from_site", "to_site"):
            if leg[end] is not None:
                stops[leg[end]][leg["individual_id"], leg["exact"]] = leg
    told = {
        site: {row["individual_id"] for row in
               connectivity.tellable(list(birds.values()), simulated=simulated)}
        for site, birds in stops.items()
    }  # fmt: skip
    return [
        {
            **leg,
            **{
                end: leg[end] if leg["individual_id"] in told.get(leg[end], ()) else None
                for end in ("from_site", "to_site")
            },
        }
        for leg in legs
    ]


def _journeys(legs: list[Row], number: dict[UUID, int]) -> list[Journey]:
    """Join the legs of a bird and season; ends that the caller may not see are left out."""
    family = family_of(legs)
    ways: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for leg in legs:
        ways[leg["individual_id"], leg["season"] or ""].append(leg)
    journeys = []
    for (bird, _), way in ways.items():
        stops = [(way[0], "from"), *((leg, "to") for leg in way)]
        seen = [(leg, end) for leg, end in stops if leg[f"{end}_lon"] is not None]
        sites = tuple(number.get(leg[f"{end}_site"], NO_SITE) for leg, end in seen)
        # A bird that came back to the one place that it left made no journey to lose.
        if not seen or (len(sites) > 1 and {*sites} == {sites[0]} != {NO_SITE}):
            continue
        journeys.append(
            Journey(
                bird=bird,
                family=family[bird],
                site=sites,
                lon=tuple(leg[f"{end}_lon"] for leg, end in seen),
                lat=tuple(leg[f"{end}_lat"] for leg, end in seen),
            )
        )
    return journeys


def _told(species: str, places: list[Row], found: Criticality, site: UUID) -> SpeciesLoss | None:
    here = next((each for each in found.losses if places[each.site]["ref"] == site), None)
    if here is None:
        return None
    return SpeciesLoss(
        species=species,
        n_journeys=found.n_journeys,
        n_affected=here.n_affected,
        n_birds=here.n_birds,
        affected_share=here.affected,
        affected_low=known(here.affected_low),
        affected_high=known(here.affected_high),
        broken_share=here.broken,
        leg_max_km=found.leg_max_m / 1_000.0,
        rank=here.rank,
        n_sites=len(found.losses),
        alternatives=_alternatives(here, places),
    )


def _alternatives(here: Loss, places: list[Row]) -> list[AlternativeOut]:
    return [
        AlternativeOut(
            site=places[each.site]["ref"],
            name=places[each.site]["name"],
            n_journeys=each.n_journeys,
            detour_km=each.detour_m / 1_000.0,
        )
        for each in here.alternatives[:ALTERNATIVES_MAX]
    ]
