"""
Keyset paging: lists answer {items, next}; `next` carries an opaque, sealed cursor.

The seal (HMAC) binds a cursor to its database, path, filters and audience: one that was changed,
or is used with other filters or by another caller, is refused instead of skipping rows.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Query, Request, Response

from app.api.auth import AnyAudience
from app.api.deps import StoreDep
from app.api.schemas import Shown
from app.errors import BadInput
from app.store import partners
from app.store.audience import Audience
from app.store.engine import Store

LIMIT_MAX = 1_000
"""Most items of one page: about 0.5 MB of the widest noun."""
LIMIT_DEFAULT = 100
_SEAL_BYTES = 16

T = TypeVar("T")
Row = TypeVar("Row")
Scalar = str | int | float | datetime | None


class Listing(Shown, Generic[T]):
    """One page of a list; `next` is the address of the page after it, null on the last."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """The page a caller asked for."""

    limit: int
    after: tuple[Scalar, ...] | None
    """Key of the last row of the page before; null on the first page."""
    _secret: bytes
    _bound_to: bytes
    _request: Request

    @property
    def fetch(self) -> int:
        """Rows to read: one more than the page, to know whether another follows."""
        return self.limit + 1

    def next_url(self, key: Sequence[Scalar]) -> str:
        """Return the address of the page that starts after the row with this key."""
        cursor = _seal(self._secret, self._bound_to, key)
        url, asked = self._request.url, self._request.query_params.multi_items()
        values = [(name, value) for name, value in asked if name != "cursor"]
        query = urlencode([*values, ("cursor", cursor)])
        return f"{url.scheme}://{url.netloc}{url.path}?{query}"


async def page_of(
    request: Request, store: Store, audience: Audience, *, limit: int, cursor: str | None
) -> Page:
    """Return the page a caller asked for; a cursor that belongs elsewhere is refused."""
    secret = await _secret(request, store)
    filters = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"cursor", "limit"}
    )
    bound = repr((request.url.path, filters, audience.scope)).encode()
    after = None if cursor is None else _open(secret, bound, cursor)
    return Page(limit, after, secret, bound, request)


async def _secret(request: Request, store: Store) -> bytes:
    """Return the seal's secret, read once a process; without any key nothing is worth sealing."""
    known: bytes | None = getattr(request.app.state, "cursor_secret", None)
    if known is None:
        async with store.read() as conn:
            known = await partners.cursor_secret(conn)
        request.app.state.cursor_secret = known
    return known or b""


async def _page(
    request: Request,
    store: StoreDep,
    audience: AnyAudience,
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX)] = LIMIT_DEFAULT,
    cursor: Annotated[str | None, Query(max_length=1_000)] = None,
) -> Page:
    return await page_of(request, store, audience, limit=limit, cursor=cursor)


PageDep = Annotated[Page, Depends(_page)]


def paginate(
    page: Page,
    response: Response,
    rows: Sequence[Row],
    *,
    key: Callable[[Row], Sequence[Scalar]],
    shape: Callable[[Row], T],
) -> Listing[T]:
    """Turn up to `page.fetch` rows into a page, with its `next` and Link header."""
    kept = rows[: page.limit]
    following = None
    if len(rows) > page.limit:
        following = page.next_url(key(kept[-1]))
        response.headers.append("Link", f'<{following}>; rel="next"')
    return Listing[Any](items=[shape(row) for row in kept], next=following)


def _mac(secret: bytes, bound_to: bytes, payload: bytes) -> bytes:
    message = sha256(bound_to).digest() + payload
    return hmac.digest(secret, message, "sha256")[:_SEAL_BYTES]


def _seal(secret: bytes, bound_to: bytes, key: Sequence[Scalar]) -> str:
    payload = orjson.dumps(
        [{"t": item.isoformat()} if isinstance(item, datetime) else item for item in key]
    )
    return urlsafe_b64encode(_mac(secret, bound_to, payload) + payload).decode().rstrip("=")


def _open(secret: bytes, bound_to: bytes, cursor: str) -> tuple[Scalar, ...]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        raw = b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise _refused() from error
    seal, payload = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _mac(secret, bound_to, payload)):
        raise _refused()
    return tuple(
        datetime.fromisoformat(item["t"]) if isinstance(item, dict) else item
        for item in orjson.loads(payload)
    )


def _refused() -> BadInput:
    return BadInput(
        "The cursor does not belong to this list.",
        code="cursor-refused",
        remedy="Follow `next` as it was given, with the same filters and key, or leave cursor out.",
    )
