"""
Who is asking: a Bearer key, a browser's session cookie, or the public.

A session cookie carries the scope `read` alone, whatever the key behind it may do: another site
can make a browser send the cookie, so nothing that a cookie opens may change anything.
"""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Depends, Request

from app.api.deps import StoreDep
from app.errors import NotAllowed, NotSignedIn
from app.store import partners
from app.store.audience import Audience, Scope, load_audience
from app.store.engine import Store

COOKIE = "flyways_session"

READER = "flyways.reader"
"""Where the scope of a request within a request holds who reads."""

SCHEMES = {
    "key": {"type": "http", "scheme": "bearer", "description": "flw_… of an institute"},
    "session": {
        "type": "apiKey", "in": "cookie", "name": COOKIE, "description": "browsers; read only"
    },
}  # fmt: skip
"""What the API document tells of it. FastAPI's own classes would be asked at every request."""


async def caller(request: Request, store: StoreDep) -> Audience:
    """Resolve the caller, whatever its scopes; no key and no session is the public."""
    if READER in request.scope:
        return cast("Audience", request.scope[READER])
    header = request.headers.get("authorization")
    if header is None:
        token = request.cookies.get(COOKIE)
        async with store.look() as conn:
            # A browser keeps sending a cookie that has ended; it goes on as the public.
            if token is not None:
                return await partners.session_audience(conn, token)
            return await load_audience(conn)
    scheme, _, secret = header.partition(" ")
    async with store.look() as conn:
        audience, use_is_stale = await partners.key_audience(conn, secret.strip())
    if scheme.lower() != "bearer" or audience is None or audience.key_id is None:
        raise NotSignedIn(
            "The key is unknown, expired or revoked.",
            remedy="Send Authorization: Bearer flw_… with a current key, or none to read "
            "what is public.",
            code="key-unknown",
        )
    if use_is_stale:
        async with store.write() as conn:
            await partners.touch_key(conn, audience.key_id)
    return audience


def require(audience: Audience, scope: Scope) -> Audience:
    """Return the audience if it carries the scope; without a key it must sign in first."""
    if audience.kind == "public" and not audience.may(scope):
        raise NotSignedIn(
            "This needs a key.", remedy="Send Authorization: Bearer flw_… with a current key."
        )
    if not audience.may(scope):
        raise NotAllowed(
            f"The key lacks the scope `{scope}`; a browser session only ever reads.",
            remedy=f"Use a key with the scope `{scope}`; the institute's manager can make one.",
        )
    return audience


async def _reader(audience: Annotated[Audience, Depends(caller)]) -> Audience:
    return audience if audience.kind == "public" else require(audience, "read")


async def reader(request: Request, store: Store) -> Audience:
    """Return who asks to read, for routes that solve no arguments."""
    return await _reader(await caller(request, store))


async def _partner(audience: Annotated[Audience, Depends(caller)]) -> Audience:
    return require(audience, "read")


async def _pusher(audience: Annotated[Audience, Depends(caller)]) -> Audience:
    return require(audience, "push")


async def _manager(audience: Annotated[Audience, Depends(caller)]) -> Audience:
    return require(audience, "manage")


AnyAudience = Annotated[Audience, Depends(caller)]
"""Whoever asks, scopes unchecked: only for answers about the caller itself."""
CurrentAudience = Annotated[Audience, Depends(_reader)]
"""A reader: the public, or a key with the scope `read`."""
PartnerAudience = Annotated[Audience, Depends(_partner)]
"""A reader with a key, never the public."""
PushAudience = Annotated[Audience, Depends(_pusher)]
"""A sender: a key with the scope `push`."""
ManagerAudience = Annotated[Audience, Depends(_manager)]
"""A manager: a key with the scope `manage`."""
