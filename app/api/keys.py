"""Keys: made, listed and revoked by the managers of an institute."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field, JsonValue

from app.api.auth import ManagerAudience
from app.api.bodies import KeyIn
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.schemas import Shown, example
from app.errors import NotAllowed
from app.store import partners
from app.store.audience import Scope

router = APIRouter(prefix="/api/v1/keys", tags=["keys"], route_class=StrictRoute)

_EXAMPLE: dict[str, JsonValue] = {
    "id": "0b6f9a52-3a3a-4a43-bb65-6a4b2f8e7c10",
    "institute": "b7f4a0de-0f0d-4c56-8d1b-0a6a2d1f3c55",
    "label": "field laptop",
    "prefix": "flw_Zk3v1QpX",
    "scopes": ["read", "push"],
    "created_at": "2026-03-01T00:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": None,
}


class KeyOut(Shown):
    """A key as lists show it: never its secret."""

    model_config = example(**_EXAMPLE)

    id: UUID
    institute: UUID | None = Field(description="null: the operator's own")
    label: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class KeyMade(KeyOut):
    """A new key with its secret, which is shown this once."""

    model_config = example(**_EXAMPLE, key="flw_Zk3v1QpX…")

    key: str


def _shown(row: dict[str, Any]) -> KeyOut:
    return KeyOut(**{**row, "id": row["ref"]})


@router.get("", responses=READING)
async def list_keys(
    store: StoreDep, audience: ManagerAudience, page: PageDep, response: Response
) -> Listing[KeyOut]:
    """List the institute's keys, newest first."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await partners.keys(conn, audience, limit=page.fetch, after=after)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_key(
    body: KeyIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> KeyMade:
    """Make a key; it can't have a scope that the caller's own key lacks."""
    if not set(body.scopes) <= audience.scopes:
        raise NotAllowed(
            "A key can't hand on a scope it lacks.",
            remedy="Leave the scope out, or use a key that has it.",
        )
    async with store.write() as conn:
        institute = await partners.managed_institute(conn, audience, body.institute)
        row = await partners.create_key(
            conn,
            institute["id"],
            sorted(set(body.scopes)),
            label=body.label,
            expires_at=body.expires_at,
        )
    response.headers["Cache-Control"] = "no-store"
    response.headers["Location"] = f"/api/v1/keys/{row['ref']}"
    return KeyMade(**{**row, "id": row["ref"]})


@router.delete("/{key}", responses=WRITING)
async def revoke_key(key: UUID, store: StoreDep, audience: ManagerAudience) -> KeyOut:
    """Revoke a key at once, and end every browser session that came from it."""
    async with store.write() as conn:
        return _shown(await partners.revoke_key(conn, audience, key))
