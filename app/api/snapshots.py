"""Snapshots: answers kept as they were, with their manifests; and who contributed to a product."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import Field, JsonValue

from app.api import as_of, differences
from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.filters import SpeciesQuery, species_key
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, Text, example
from app.errors import BadInput, NotFound
from app.store import snapshots
from app.store.audience import Audience, load_audience
from app.store.engine import Connection
from app.store.sight import Filters

router = APIRouter(prefix="/api/v1", tags=["snapshots"], route_class=StrictRoute)

CHANGES_MAX = 10_000
"""Most changes listed; `complete` tells when there are more."""
_STUDY = "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11"
_ADDRESS = "/api/v1/stopovers?species=white_naped_crane"
_CREDIT: dict[str, JsonValue] = {
    "study": _STUDY, "study_name": "Cranes of Daguur", "institute": "Institute of the Amur",
    "country": "RU", "licence": "CC-BY-4.0", "citation": None, "simulated": False,
    "n_individuals": 12,
}  # fmt: skip


SeasonOrKindQuery = Annotated[
    str | None,
    Query(
        pattern=r"^(([0-9]{4}-)?(spring|autumn|breeding|wintering|summering)|all)$",
        description="of a year, or of all years as products take it; `all` leaves nothing out",
        examples=["2020-spring", "spring"],
    ),
]


class ContributorOut(Shown):
    """What one study gave to an answer."""

    study: UUID
    study_name: str
    institute: str
    country: str | None
    licence: str | None
    citation: str | None
    simulated: bool
    n_individuals: int


class ContributorsOut(Shown):
    """Who gave what to a product, and how to cite it."""

    model_config = example(
        contributors=[_CREDIT], licences=["CC-BY-4.0"],
        citation="Institute of the Amur: Cranes of Daguur. By Flyways 0.1.0.",
    )  # fmt: skip

    contributors: list[ContributorOut]
    licences: list[str] = Field(description="all that hold, by name; a study without one adds none")
    citation: str


class SnapshotIn(Body):
    """Which answer to keep."""

    model_config = example(address=_ADDRESS, audience="own", note="report of 2026")

    address: str = Field(
        max_length=2_000, description="path and filters of a product, without limit and cursor"
    )
    audience: Literal["own", "public"] = Field(
        "own", description="own: as you read it, for your institute; public: as everybody does"
    )
    note: Text | None = None


class SnapshotOut(Shown):
    """An answer that is kept, and what it was made from."""

    model_config = example(
        id="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", address=_ADDRESS, audience="own",
        made_at="2026-11-27T00:00:00Z", digest="sha256:…", withdrawn_at=None,
        manifest={"address": _ADDRESS, "contributors": [_CREDIT]},
    )  # fmt: skip

    id: UUID
    address: str
    audience: Literal["own", "public"]
    made_at: datetime
    digest: str = Field(
        description="SHA-256 of the manifest as JSON without blanks, keys sorted, UTF-8"
    )
    withdrawn_at: datetime | None = Field(
        description="since when a bird it stands on is withdrawn: the answer itself is a 410"
    )
    manifest: dict[str, Any] = Field(
        description="address, code version and digest, parameters, how far the input of your own"
        " studies goes, birds, contributors, citation, and the digest of the answer's bytes"
    )


class ChangeOut(Shown):
    """One value that is not what it was."""

    path: str
    was: JsonValue = Field(description="null: not there; `there`: an item or a part of one")
    now: JsonValue


class ChangesOut(Shown):
    """How an answer of now differs from the one that was kept."""

    model_config = example(
        id="2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2", address=_ADDRESS, complete=True,
        changes=[{"path": "items/2c2f81f1/n_individuals", "was": 12, "now": 11}],
    )  # fmt: skip

    id: UUID
    address: str
    changes: list[ChangeOut]
    complete: bool


def _shown(row: dict[str, Any]) -> SnapshotOut:
    return SnapshotOut(**{
        **row, "id": row["ref"], "digest": f"sha256:{row['digest'].hex()}",
        "audience": "public" if row["scope"] == "public" else "own",
    })  # fmt: skip


@router.get("/contributors", responses=READING)
async def read_contributors(
    store: StoreDep,
    audience: CurrentAudience,
    species: SpeciesQuery = None,
    individual: UUID | None = None,
    study: UUID | None = None,
    season: SeasonOrKindQuery = None,
    *,
    simulated: Annotated[
        bool | None, Query(description="simulated studies alone, or real ones alone")
    ] = None,
) -> ContributorsOut:
    """
    Read which institutes and studies a product stands on, their licences, and how to cite it.

    Takes the filters of the product; each product names this address in its Link header.
    """
    filters = Filters(
        species=species_key(species), individual=individual, study=study, season=season,
        simulated=simulated,
    )  # fmt: skip
    async with store.read() as conn:
        credit = snapshots.credited(await snapshots.birds(conn, audience, filters))
    return ContributorsOut(
        contributors=[ContributorOut(**each) for each in credit],
        licences=sorted({each["licence"] for each in credit if each["licence"]}),
        citation=as_of.citation(credit),
    )


@router.get("/snapshots", responses=READING)
async def list_snapshots(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    address: Annotated[str | None, Query(max_length=2_000, description="of one product")] = None,
) -> Listing[SnapshotOut]:
    """List the answers kept for your institute or for everybody, the newest first."""
    before = int(str(page.after[0])) if page.after else None
    told = None if address is None else as_of.address_of(*_parts(address))
    async with store.read() as conn:
        rows = await snapshots.page(conn, audience, limit=page.fetch, before=before, address=told)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


def _parts(address: str) -> tuple[str, str]:
    path, _, query = address.partition("?")
    return path, query


@router.post("/snapshots", status_code=201, responses=WRITING)
async def make_snapshot(
    body: SnapshotIn,
    request: Request,
    store: StoreDep,
    audience: ManagerAudience,
    response: Response,
) -> SnapshotOut:
    """
    Keep the answer of a product as it is now, whole, with a manifest of what it was made from.

    It is read again at the same address with `as_of`, whatever is edited later.
    """
    reader = audience
    if body.audience == "public":
        async with store.look() as conn:
            reader = await load_audience(conn)
    manifest, answer, media_type, stands_on = await as_of.make(
        request, store, reader, body.address, body.note or ""
    )
    async with store.write() as conn:
        ref = await snapshots.add(
            conn, reader, address=manifest["address"], manifest=manifest,
            answer=(media_type, answer), stands_on=stands_on,
        )  # fmt: skip
        row = await snapshots.one(conn, reader, ref)
    response.headers["Location"] = f"/api/v1/snapshots/{ref}"
    return _shown(row)


@router.get("/snapshots/{snapshot}", responses=READING)
async def read_snapshot(snapshot: UUID, store: StoreDep, audience: CurrentAudience) -> SnapshotOut:
    """Read the manifest of a snapshot; it stays when the answer itself is withdrawn."""
    async with store.read() as conn:
        return _shown(await snapshots.one(conn, audience, snapshot))


@router.get("/snapshots/{snapshot}/changes", responses=READING)
async def read_changes(
    snapshot: UUID, request: Request, store: StoreDep, audience: CurrentAudience
) -> ChangesOut:
    """
    Read which numbers of a kept answer are others now.

    Items are compared by their ids. While a bird that the answer stands on is withdrawn, what was
    is not told: only what is not the same any more, and what it is now.
    """
    async with store.read() as conn:
        found = await snapshots.one(conn, audience, snapshot)
        if found["media_type"] not in _COMPARED:
            raise BadInput(
                "What this snapshot keeps has no numbers that could be compared one by one.",
                code="snapshot-opaque",
                remedy="Of a report keep its ledger and /api/v1/reports/migrations too; a tile or"
                " a plot is read beside that of now.",
            )
        kept = await snapshots.body(conn, found)
        reader = await _reader_of(conn, found["scope"], audience)
    try:
        _, answer, _, _ = await as_of.make(request, store, reader, found["address"], "")
    except NotFound:  # a flyway that has lost its last bird
        answer = b"{}"
    differ = await asyncio.to_thread(_differ, kept, answer)
    told = found["withdrawn_at"] is None
    return ChangesOut(
        id=found["ref"],
        address=found["address"],
        changes=[
            ChangeOut(path=each["path"], was=each["was"] if told else None, now=each["is"])
            for each in differ[:CHANGES_MAX]
        ],
        complete=len(differ) <= CHANGES_MAX,
    )


async def _reader_of(conn: Connection, scope: str, audience: Audience) -> Audience:
    """Return for whom an answer was kept: the operator compares what an institute reads."""
    if scope == audience.scope:
        return audience
    _, _, institute = scope.partition(":")
    return await load_audience(
        conn,
        institute_id=int(institute) if institute else None,
        key_id=audience.key_id if institute else None,
        scopes=audience.scopes,
    )


_COMPARED = {"application/json", "application/geo+json"}


def _differ(old: bytes, new: bytes) -> list[dict[str, Any]]:
    return list(differences.changes(orjson.loads(old), orjson.loads(new)))
