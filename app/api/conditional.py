"""What a caller holds and takes: If-None-Match and the 304 that follows, Accept-Encoding."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.datastructures import Headers

from app.store.audience import Audience


def cache_headers(audience: Audience, etag: str) -> dict[str, str]:
    """Return the headers of an answer that may be kept and must be checked before each use."""
    reach = "public" if audience.kind == "public" else "private"
    return {"ETag": etag, "Cache-Control": f"{reach}, no-cache"}


def not_modified(request: Request, etag: str) -> bool:
    """Tell whether the caller holds this very answer (If-None-Match, weak comparison)."""
    if request.method not in {"GET", "HEAD"}:
        return False
    return holds(request.headers.get("if-none-match", ""), etag)


def holds(told: str, etag: str) -> bool:
    """Tell whether an If-None-Match names this ETag, weakly compared (RFC 9110, 13.1.2)."""
    return told.strip() == "*" or _opaque(etag) in {_opaque(part) for part in told.split(",")}


def unchanged(audience: Audience, etag: str) -> Response:
    """Return the 304 for a caller whose copy is current."""
    return Response(status_code=304, headers=cache_headers(audience, etag))


def accepts_gzip(headers: Headers) -> bool:
    """Tell whether gzip is named in Accept-Encoding, and not with q=0 (RFC 9110, 12.5.3)."""
    told = ",".join(headers.getlist("accept-encoding")).lower()
    weights = {
        coding.strip(): weight.partition("q=")[2].strip()
        for coding, _, weight in (part.partition(";") for part in told.split(","))
    }
    weight = weights.get("gzip", weights.get("x-gzip", "0"))
    return weight.strip("0.") != "" or weight == ""


def _opaque(tag: str) -> str:
    return tag.strip().removeprefix("W/")
