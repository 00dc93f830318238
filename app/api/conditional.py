"""Conditional requests: an ETag that says what the caller could see, and the 304 that follows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from hashlib import sha256

from fastapi import Request, Response

from app.store.audience import Audience


def etag_for(audience: Audience, *versions: object, today: date | None = None) -> str:
    """
    Return the weak ETag of an answer made from `versions` for this caller.

    The UTC day is part of it because a delayed release opens by whole days; the sets of studies
    are, because opening a study changes an answer without changing any row of it.
    """
    day = today or datetime.now(UTC).date()
    seen = (audience.scope, audience.exact, audience.open, day.isoformat(), versions)
    return f'W/"{sha256(repr(seen).encode()).hexdigest()[:32]}"'


def cache_headers(audience: Audience, etag: str) -> dict[str, str]:
    """Return the headers of an answer that may be kept and must be checked before each use."""
    reach = "public" if audience.kind == "public" else "private"
    return {"ETag": etag, "Cache-Control": f"{reach}, no-cache"}


def not_modified(request: Request, etag: str) -> bool:
    """Tell whether the caller holds this very answer (If-None-Match, weak comparison)."""
    if request.method not in {"GET", "HEAD"}:
        return False
    held = request.headers.get("if-none-match", "")
    if held.strip() == "*":
        return True
    return _opaque(etag) in {_opaque(part) for part in held.split(",")}


def unchanged(audience: Audience, etag: str) -> Response:
    """Return the 304 for a caller whose copy is current."""
    return Response(status_code=304, headers=cache_headers(audience, etag))


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
