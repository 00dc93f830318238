"""
Sessions of browsers: a printed ticket becomes a cookie that reads.

The cookie is HttpOnly and SameSite=Lax and never carries more than the scope `read`, so a page of
another site can make a browser change nothing here.
"""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic import Field

from app.api.auth import COOKIE, AnyAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.problems import READING, WRITING
from app.api.schemas import Body, Shown, example
from app.errors import NotSignedIn
from app.store import partners
from app.store.audience import Audience

router = APIRouter(prefix="/api/v1/session", tags=["session"], route_class=StrictRoute)


class InstituteShown(Shown):
    """The institute the caller belongs to."""

    id: UUID
    name: str


class Session(Shown):
    """Who the service takes the caller for."""

    model_config = example(signed_in=False, institute=None, audience="public", scopes=[])

    signed_in: bool
    institute: InstituteShown | None
    audience: Literal["public", "institute", "operator"]
    scopes: list[str]


class TicketIn(Body):
    """A ticket from the address that the operator was given."""

    model_config = example(ticket="1b1cKk0m0b4VQ0yq3l0m4C0r8o2s")

    ticket: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_-]+$")]


async def _session(store: StoreDep, audience: Audience) -> Session:
    institute = None
    if audience.institute_id is not None:
        async with store.read() as conn:
            row = await partners.managed_institute(conn, audience, None)
        institute = InstituteShown(id=row["ref"], name=row["name"])
    return Session(
        signed_in=audience.key_id is not None,
        institute=institute,
        audience=audience.kind,
        scopes=sorted(audience.scopes),
    )


@router.get("", responses=READING)
async def read_session(store: StoreDep, audience: AnyAudience, response: Response) -> Session:
    """Tell the caller who it is."""
    response.headers["Cache-Control"] = "no-store"
    return await _session(store, audience)


@router.post("", responses=WRITING)
async def sign_in(body: TicketIn, request: Request, store: StoreDep, response: Response) -> Session:
    """Change a ticket, once, for a session cookie."""
    async with store.write() as conn:
        token = await partners.redeem_ticket(conn, body.ticket)
    if token is None:
        raise NotSignedIn(
            "The ticket is unknown, used or too old.",
            remedy="Ask the operator for a new address: `flyways up` prints one.",
            code="ticket-refused",
        )
    async with store.read() as conn:
        audience = await partners.session_audience(conn, token)
    response.set_cookie(
        COOKIE,
        token,
        max_age=partners.SESSION_S,
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    response.headers["Cache-Control"] = "no-store"
    return await _session(store, audience)


@router.delete("", status_code=204, responses=WRITING)
async def sign_out(request: Request, store: StoreDep, response: Response) -> None:
    """End the session and take its cookie back."""
    token = request.cookies.get(COOKIE)
    if token is not None:
        async with store.write() as conn:
            await partners.end_session(conn, token)
    response.delete_cookie(COOKIE, httponly=True, samesite="lax")
