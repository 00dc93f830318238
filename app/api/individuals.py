"""Individuals: the birds, with every term of the Movebank vocabulary kept."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, Terms, Text, example
from app.api.species import species_key_of
from app.seeds import profile_of, profiles
from app.store import reference, studies

router = APIRouter(prefix="/api/v1/individuals", tags=["individuals"], route_class=StrictRoute)


class IndividualOut(Shown):
    """One bird; `terms` are shown to its owner alone."""

    model_config = example(
        id="2c1f0b8e-3c41-4b7e-9d59-1f0f6f7c8a20",
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        local_identifier="Amur 07",
        taxon="Grus vipio",
        species="white_naped_crane",
        scientific_name="Antigone vipio",
        terms={"animal-sex": "f", "animal-ring-id": "K12"},
    )

    id: UUID
    study: UUID
    local_identifier: str
    taxon: str | None
    species: str
    scientific_name: str | None
    terms: dict[str, str]


class IndividualIn(Body):
    """A bird to add."""

    model_config = example(
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        local_identifier="Amur 07",
        taxon="Grus vipio",
        terms={"animal-sex": "f"},
    )

    study: UUID
    local_identifier: Text
    taxon: Text | None = None
    terms: Terms = {}  # noqa: RUF012 - pydantic copies it


class IndividualEdit(Body):
    """What to correct of a bird; what is left out stays, `terms` are replaced whole."""

    model_config = example(taxon="Antigone vipio", terms={"animal-sex": "m"})

    taxon: Text | None = None
    terms: Terms = {}  # noqa: RUF012 - pydantic copies it


def _shown(row: dict[str, Any]) -> IndividualOut:
    profile = profiles()[row["species_key"]]
    return IndividualOut(
        **{
            **row,
            "id": row["ref"],
            "species": profile.key,
            "scientific_name": profile.scientific_name or None,
        }
    )


@router.get("", responses=READING)
async def list_individuals(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
    species: Annotated[Text | None, Query()] = None,
) -> Listing[IndividualOut]:
    """List birds of the studies the caller may see."""
    after = int(str(page.after[0])) if page.after else None
    species_key = None if species is None else species_key_of(species)
    async with store.read() as conn:
        rows = await reference.individuals(
            conn, audience, limit=page.fetch, after=after, study=study, species_key=species_key
        )
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_individual(
    body: IndividualIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> IndividualOut:
    """Add a bird to a study."""
    async with store.write() as conn:
        study = await studies.owned(conn, audience, body.study)
        row = await reference.add_individual(
            conn,
            audience,
            study["id"],
            local_identifier=body.local_identifier,
            taxon=body.taxon,
            species_key=profile_of(body.taxon or study["taxon"]).key,
            terms=body.terms,
        )
    response.headers["Location"] = f"/api/v1/individuals/{row['ref']}"
    return _shown(row)


@router.get("/{individual}", responses=READING)
async def read_individual(
    individual: UUID, store: StoreDep, audience: CurrentAudience
) -> IndividualOut:
    """Read one bird."""
    async with store.read() as conn:
        return _shown(await reference.individual(conn, audience, individual))


@router.patch("/{individual}", responses=WRITING)
async def edit_individual(
    individual: UUID, body: IndividualEdit, store: StoreDep, audience: ManagerAudience
) -> IndividualOut:
    """Correct a bird; another species has its whole track derived again."""
    sent = body.model_fields_set
    async with store.write() as conn:
        old = await reference.owned(conn, audience, "individual", individual)
        study = await studies.owned(conn, audience, old["study"])
        taxon = body.taxon if "taxon" in sent else old["taxon"]
        row = await reference.edit_individual(
            conn,
            audience,
            individual,
            taxon=taxon,
            species_key=profile_of(taxon or study["taxon"]).key
            if "taxon" in sent
            else old["species_key"],
            terms=body.terms if "terms" in sent else old["terms"],
        )
    return _shown(row)
