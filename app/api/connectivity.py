"""Connectivity of a flyway: from where to where its birds go, and how firmly."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated, Any, Literal
from uuid import UUID

import numpy as np
from fastapi import APIRouter, Query
from pydantic import Field

from app.api.as_of import PRODUCT, READING_KEPT
from app.api.auth import CurrentAudience
from app.api.deps import StoreDep
from app.api.flyways import FlywayId
from app.api.schemas import Shown, example
from app.errors import NotFound
from app.movement.connectivity import Ends, strength, transitions
from app.movement.families import BIRDS_MIN
from app.store import connectivity
from app.store.connectivity import Row
from app.store.families import family_of

router = APIRouter(prefix="/api/v1/flyways", tags=["flyways"])

By = Literal["site", "area"]
UNSEEN = "unseen"
ENDS = {"breeding", "wintering"}


class NodeOut(Shown):
    """Where a passage begins or ends."""

    kind: str = Field(description="kind of the stay; unseen: the caller may not see it, or none")
    name: str | None = Field(description="site or area; null for a stay at none")
    site: UUID | None


class TransitionOut(Shown):
    """Passages from one node to another."""

    origin: NodeOut
    target: NodeOut
    n_passages: int
    n_birds: int
    share: float = Field(description="of the passages that left the origin")
    share_low: float | None
    share_high: float | None


class StrengthOut(Shown):
    """How firmly birds keep their neighbours between breeding and wintering, 0 to 1."""

    n_birds: int = Field(description="with a passage seen from one to the other; the latest counts")
    mantel: float | None = Field(description="doi:10.1111/j.1600-048X.2008.04573.x")
    mantel_low: float | None
    mantel_high: float | None
    mc: float | None = Field(description="between areas; doi:10.1111/2041-210X.12916")
    mc_low: float | None
    mc_high: float | None


class ConnectivityOut(Shown):
    """The transition matrix of a flyway; each passage is in one cell."""

    model_config = example(
        id="white_naped_crane:spring",
        by="site",
        n_passages=61,
        n_birds=12,
        n_families=9,
        items=[
            {
                "origin": {"kind": "wintering", "name": "Izumi", "site": None},
                "target": {"kind": "staging", "name": "Cheorwon", "site": None},
                "n_passages": 14, "n_birds": 9, "share": 0.7, "share_low": 0.5,
                "share_high": 0.9,
            }
        ],
        strength={
            "n_birds": 9, "mantel": 0.61, "mantel_low": None, "mantel_high": None,
            "mc": 0.4, "mc_low": None, "mc_high": None,
        },
    )  # fmt: skip

    id: str
    by: By
    n_passages: int
    n_birds: int = Field(
        description=f"intervals are told of an origin that {BIRDS_MIN} birds or more left, and of"
        " the strength from as many on"
    )
    n_families: int
    items: list[TransitionOut]
    strength: StrengthOut | None = Field(description="null where no bird is seen at both ends")


@router.get("/{flyway}/connectivity", responses=READING_KEPT, dependencies=PRODUCT)
async def read_connectivity(
    flyway: FlywayId,
    store: StoreDep,
    audience: CurrentAudience,
    by: Annotated[By, Query(description="nodes are sites, or countries and seas")] = "site",
) -> ConnectivityOut:
    """
    Read the transitions between breeding, staging and wintering places, with their intervals.

    Nodes tell the kind of stay and its site or area. Birds of opened studies of others enter a
    cell only where there are at least three of them. Intervals draw whole families anew; where all
    that left a place went to one, the low end is the exact binomial one of as many families.
    """
    species, season, *simulated = flyway.split(":")
    async with store.read() as conn:
        rows = await connectivity.passages(
            conn, audience, species=species, season=season, simulated=bool(simulated)
        )
    cells: dict[tuple[NodeKey, NodeKey], list[Row]] = defaultdict(list)
    for row in rows:
        cells[_node(row, "from", by), _node(row, "to", by)].append(row)
    shown = {
        ends: told
        for ends, cell in cells.items()
        if (told := connectivity.tellable(cell, simulated=bool(simulated)))
    }
    if not shown:
        raise NotFound(
            "There is no such flyway for this caller.",
            remedy="Take the id from GET /api/v1/flyways.",
        )
    return _told(flyway, by, shown, _strength(rows, simulated=bool(simulated)))


NodeKey = tuple[str, str, str]
"""Kind, name and site of a node, empty where there is none; they sort."""


def _node(row: Row, end: str, by: By) -> NodeKey:
    kind = row[f"{end}_kind"]
    if kind is None:
        return UNSEEN, "", ""
    if by == "area":
        return kind, row[f"{end}_area"] or "", ""
    return kind, row[f"{end}_name"] or "", str(row[f"{end}_site"] or "")


def _told(
    flyway: str,
    by: By,
    shown: dict[tuple[NodeKey, NodeKey], list[Row]],
    firm: StrengthOut | None,
) -> ConnectivityOut:
    nodes = sorted({node for ends in shown for node in ends})
    number = {node: k for k, node in enumerate(nodes)}
    flat = [(number[a], number[b], row) for (a, b), cell in sorted(shown.items()) for row in cell]
    family = family_of([row for _, _, row in flat])
    bird = np.array([row["individual_id"] for _, _, row in flat], dtype=np.int64)
    found = transitions(
        np.array([a for a, _, _ in flat], dtype=np.int64),
        np.array([b for _, b, _ in flat], dtype=np.int64),
        bird,
        np.array([family[b] for b in bird.tolist()], dtype=np.int64),
    )
    return ConnectivityOut(
        id=flyway,
        by=by,
        n_passages=len(flat),
        n_birds=len(family),
        n_families=len(set(family.values())),
        items=[
            TransitionOut(
                origin=_node_shown(nodes[each.origin]),
                target=_node_shown(nodes[each.target]),
                n_passages=each.n_passages,
                n_birds=each.n_birds,
                share=each.share,
                share_low=known(each.low),
                share_high=known(each.high),
            )
            for each in found
        ],
        strength=firm,
    )


def _node_shown(node: NodeKey) -> NodeOut:
    kind, name, site = node
    return NodeOut(kind=kind, name=name or None, site=UUID(site) if site else None)


def known(value: float) -> float | None:
    """Return a number, or None for one that can't be told."""
    return float(value) if np.isfinite(value) else None


def _strength(rows: list[Row], *, simulated: bool) -> StrengthOut | None:
    """Compare both ends of each bird's latest passage between breeding and wintering."""
    seasons: dict[tuple[int, str], list[Row]] = defaultdict(list)
    for row in rows:
        seasons[row["individual_id"], row["season"] or ""].append(row)
    latest: dict[int, dict[str, Any]] = {}
    for (bird, _), legs in sorted(seasons.items()):
        first, last = legs[0], legs[-1]
        if {first["from_kind"], last["to_kind"]} == ENDS:
            ends = {name: last[name] for name in last if name.startswith("to_")}
            latest[bird] = {**first, **ends}
    told = connectivity.tellable(list(latest.values()), simulated=simulated)
    if not told:
        return None
    family = family_of(told)
    areas = sorted({row[f"{end}_area"] or "" for row in told for end in ("from", "to")})

    def column(name: str) -> Any:
        return np.array([row[name] for row in told], dtype=np.float64)

    def region(name: str) -> Any:
        return np.array([areas.index(row[name] or "") for row in told], dtype=np.int64)

    found = strength(
        Ends(
            origin_lon=column("from_lon"),
            origin_lat=column("from_lat"),
            target_lon=column("to_lon"),
            target_lat=column("to_lat"),
            origin=region("from_area"),
            target=region("to_area"),
        ),
        np.array([family[row["individual_id"]] for row in told], dtype=np.int64),
    )
    names = ("mantel", "mantel_low", "mantel_high", "mc", "mc_low", "mc_high")
    return StrengthOut(
        n_birds=found.n_birds, **{name: known(getattr(found, name)) for name in names}
    )
