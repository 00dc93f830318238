"""Connectors: what is pulled from the services of tag makers and archives, and from folders."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue, StringConstraints, ValidationError

from app.api.auth import CurrentAudience, ManagerAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Text, example
from app.api.senders import (
    READ_OTHERWISE,
    HowEdit,
    HowIn,
    HowOut,
    ReadOtherwise,
    changes,
    read_otherwise,
)
from app.errors import BadInput
from app.pipeline.receive import both, reading
from app.pull import PROVIDERS
from app.store import connectors, receipts, studies

router = APIRouter(prefix="/api/v1/connectors", tags=["connectors"], route_class=StrictRoute)

ProviderName = Literal["movebank", "cls", "druid", "lotek", "folder", "sftp"]
Seconds = Annotated[int, Field(ge=0, le=30 * 86_400)]
Interval = Annotated[int, Field(ge=60, le=30 * 86_400)]
Password = Annotated[str, StringConstraints(min_length=1, max_length=8_000)]
"""As long as a private key may be, which an SFTP server may ask for."""

_EXAMPLE: dict[str, JsonValue] = {
    "id": "b7c1a0de-55c1-4b0c-9e8e-0a6c64d0a101",
    "study": "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
    "name": "Cranes at Movebank",
    "provider": "movebank",
    "settings": {"study_id": 2911040, "accept_licence": True},
    "username": "crane-institute",
    "format": "movebank-csv",
    "tz": "UTC",
    "encoding": None,
    "datum": "wgs84",
    "date_order": None,
    "mapping": None,
    "interval_s": 3600,
    "overlap_s": 7200,
    "settle_s": 3600,
    "cursor": {"updated_until": "2026-03-01T00:00:00+00:00"},
    "failures": 0,
    "problem": None,
    "created_at": "2026-03-01T00:00:00Z",
    "paused_at": None,
    "next_run_at": "2026-03-01T01:00:00Z",
    "last_run_at": "2026-03-01T00:00:00Z",
    "last_success_at": "2026-03-01T00:00:00Z",
}


class ConnectorOut(HowOut):
    """What is pulled, how far it has come, and how the last pull ended; never the password."""

    model_config = example(**_EXAMPLE)

    id: UUID
    study: UUID
    name: str
    provider: ProviderName
    settings: dict[str, Any]
    username: str
    interval_s: int
    overlap_s: int = Field(description="how far each pull steps back behind the cursor [s]")
    settle_s: int = Field(description="how late the provider may show a record [s]")
    cursor: dict[str, Any]
    failures: int = Field(description="failed pulls in a row")
    problem: dict[str, str] | None = Field(description="code, detail, remedy of the last failure")
    created_at: datetime
    paused_at: datetime | None
    next_run_at: datetime
    last_run_at: datetime | None
    last_success_at: datetime | None


class ConnectorEdited(ConnectorOut):
    """A connector after an edit."""

    model_config = example(**_EXAMPLE, n_read_otherwise=0)

    n_read_otherwise: int = Field(description=READ_OTHERWISE)


class ConnectorIn(HowIn):
    """A connector to add; what is left out is as the provider's service calls for."""

    model_config = example(
        study="5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11",
        name="Cranes at Movebank",
        provider="movebank",
        settings={"study_id": 2911040, "accept_licence": True},
        username="crane-institute",
        password="…",  # noqa: S106 - no secret
    )

    study: UUID
    name: Text
    provider: ProviderName
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    username: Text | None = None
    password: Password | None = None
    interval_s: Interval | None = None
    overlap_s: Seconds | None = None
    settle_s: Seconds | None = None


class ConnectorEdit(HowEdit):
    """What to change of a connector; it then runs at once."""

    model_config = example(paused=True)

    settings: dict[str, JsonValue] | None = Field(
        default=None, description="replaces all settings; another question begins from its start"
    )
    username: Text | None = None
    password: Password | None = None
    interval_s: Interval | None = None
    overlap_s: Seconds | None = None
    settle_s: Seconds | None = None
    paused: bool | None = None


def _shown(row: dict[str, Any]) -> ConnectorOut:
    return ConnectorOut(**{**row, "id": row["ref"]})


def settled(provider: str, settings: dict[str, JsonValue]) -> dict[str, Any]:
    """Return the settings of a provider in full; raises BadInput where they do not fit it."""
    try:
        made = PROVIDERS[provider].settings.model_validate(settings)
    except ValidationError as wrong:
        first = wrong.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"settings.{where}: {first['msg']}.",
            remedy=f"A connector of {provider} takes"
            f" {', '.join(PROVIDERS[provider].settings.model_fields)}.",
            code="settings-invalid",
        ) from wrong
    return made.model_dump(mode="json")


def values_of(asked: ConnectorIn) -> dict[str, Any]:
    """Return a connector's row with the defaults of its provider; raises BadInput."""
    provider = PROVIDERS[asked.provider]
    if provider.signs_in and not (asked.username and asked.password):
        raise BadInput(
            f"A connector of {asked.provider} signs in there.",
            remedy="Give username and password of an account that may download the data.",
            code="credentials-missing",
        )
    if asked.mapping is not None and asked.format is not None:
        raise both()
    form = None if asked.mapping is not None else asked.format or provider.format
    reading(form, asked.tz, asked.encoding, asked.datum, asked.date_order)
    chosen = {
        name: getattr(provider, name) if getattr(asked, name) is None else getattr(asked, name)
        for name in ("interval_s", "overlap_s", "settle_s")
    }
    return chosen | {
        "name": asked.name,
        "provider": asked.provider,
        "settings": settled(asked.provider, asked.settings),
        "username": asked.username or "",
        "password": asked.password or "",
        "format": form,
        "tz": asked.tz,
        "encoding": asked.encoding,
        "datum": asked.datum,
        "date_order": asked.date_order,
        "mapping": asked.mapping,
    }


@router.get("", responses=READING)
async def list_connectors(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
) -> Listing[ConnectorOut]:
    """List the connectors of the caller's own studies; passwords are never shown."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await connectors.page(conn, audience, limit=page.fetch, after=after, study=study)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_connector(
    body: ConnectorIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> ConnectorOut:
    """Add a connector; a worker runs it at once and then at its interval."""
    values = values_of(body)
    async with store.write() as conn:
        study = await studies.owned(conn, audience, body.study)
        row = await connectors.create(conn, audience, study["id"], values)
    response.headers["Location"] = f"/api/v1/connectors/{row['ref']}"
    return _shown(row)


@router.get("/{connector}", responses=READING)
async def read_connector(
    connector: UUID, store: StoreDep, audience: CurrentAudience
) -> ConnectorOut:
    """Read one connector."""
    async with store.read() as conn:
        return _shown(await connectors.one(conn, audience, connector))


@router.patch("/{connector}", responses=WRITING)
async def edit_connector(
    connector: UUID, body: ConnectorEdit, store: StoreDep, audience: ManagerAudience
) -> ConnectorEdited:
    """
    Change, pause or take up a connector; the next pull is at once.

    Pushes that came before stay as they were read: how many that concerns is answered, and which,
    by `GET /api/v1/connectors/{connector}/read-otherwise`.
    """
    how = set(HowEdit.model_fields)
    values = body.model_dump(exclude={"paused", *how}, exclude_none=True) | changes(body)
    async with store.write() as conn:
        if body.settings is not None:
            known = await connectors.one(conn, audience, connector)
            values["settings"] = settled(known["provider"], body.settings)
        row = await connectors.edit(conn, audience, connector, values, paused=body.paused)
        otherwise = await receipts.n_read_otherwise(conn, audience, "connector", row["id"])
    return ConnectorEdited(**{**row, "id": row["ref"]}, n_read_otherwise=otherwise)


@router.get("/{connector}/read-otherwise", responses=READING)
async def list_pulled_otherwise(
    connector: UUID, store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[ReadOtherwise]:
    """List the pushes of a connector that are not read as it says now, newest first."""
    async with store.read() as conn:
        row = await connectors.one(conn, audience, connector)
        return await read_otherwise(conn, audience, ("connector", row["id"]), page, response)


@router.post("/{connector}/run", status_code=202, responses=WRITING)
async def run_connector(
    connector: UUID, store: StoreDep, audience: ManagerAudience
) -> ConnectorOut:
    """Pull now instead of at the next time."""
    async with store.write() as conn:
        return _shown(await connectors.run_now(conn, audience, connector))


@router.delete("/{connector}", status_code=204, responses=WRITING)
async def delete_connector(connector: UUID, store: StoreDep, audience: ManagerAudience) -> None:
    """Forget a connector and its password; what it brought stays."""
    async with store.write() as conn:
        await connectors.delete(conn, audience, connector)
