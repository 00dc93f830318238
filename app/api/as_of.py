"""Products as they were: `as_of`, the snapshots behind it, and who contributed to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit
from uuid import UUID

import orjson
from fastapi import Depends, FastAPI, Query, Request, Response
from starlette.exceptions import HTTPException

from app import VERSION
from app.api.auth import READER, CurrentAudience
from app.api.deps import PINNED, StoreDep
from app.api.filters import species_key
from app.api.intervals import interval_of
from app.api.paging import LIMIT_MAX
from app.api.problems import READING, ProblemAnswer, documented, problem_document
from app.errors import BadInput, Gone, NotFound, TooLarge
from app.store import snapshots
from app.store.audience import Audience
from app.store.engine import Pinned, Store
from app.store.sight import Filters

ITEMS_MAX = 100_000
"""Most items of a list that a snapshot keeps: 1,000 birds with 100 stopovers each."""

CREDIT = "flyways.credit"
"""Where the scope of a request notes the Link to who contributed, for `middleware.Credited`."""

_SEEN = "flyways.products"
"""Where the scope of a request within a request notes that it came to a product."""

_PAGING = {"limit", "cursor", "as_of"}

Row = dict[str, Any]


class Kept(Exception):  # noqa: N818 - an answer, not an error
    """An answer that takes the place of the one the handler would make."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.response = response


def install(app: FastAPI) -> None:
    """Answer what was kept where a product is asked for as it was."""

    @app.exception_handler(Kept)
    async def kept(_: Request, found: Kept) -> Response:
        return found.response


Show = Callable[[bytes, Row], Response]
"""How a kept body is answered, told the row of its snapshot."""


def _plainly(body: bytes, found: Row) -> Response:
    return Response(body, media_type=found["media_type"])


def product(show: Show = _plainly) -> list[Any]:
    """Return the dependencies of an address whose answer can be kept, and be read by `as_of`."""

    async def dependency(
        request: Request,
        store: StoreDep,
        audience: CurrentAudience,
        as_of: Annotated[
            str | None,
            Query(
                max_length=64,
                description="a snapshot's id, or a time: the newest snapshot of this very address"
                " made up to then is answered, whole",
                examples=["2026-11-27T00:00:00Z"],
            ),
        ] = None,
    ) -> None:
        if as_of is not None:
            raise Kept(await _answer(request, store, audience, as_of, show))
        request.scope.get(_SEEN, []).append(request.url.path)
        if PINNED not in request.scope:
            told = _filters_told(request.url.path, request.url.query)
            query = urlencode(sorted(told.items()))
            asked = f"?{query}" if query else ""
            request.scope[CREDIT] = f'</api/v1/contributors{asked}>; rel="describedby"'

    return [Depends(dependency)]


READING_KEPT = READING | documented(410)
"""Problems of such an address."""

PRODUCT = product()
"""Dependencies of an address that answers what was kept as it is."""


async def _answer(
    request: Request, store: Store, audience: Audience, as_of: str, show: Show
) -> Response:
    address = address_of(request.url.path, request.url.query)
    found, body = await find(store, audience, address, as_of)
    if body is None:
        return _withdrawn(found)
    answer = show(body, found)
    answer.headers["ETag"] = f'"{found["digest"].hex()[:32]}"'
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.headers["Link"] = f'</api/v1/snapshots/{found["ref"]}>; rel="describedby"'
    return answer


async def find(
    store: Store, audience: Audience, address: str, as_of: str
) -> tuple[Row, bytes | None]:
    """Return the snapshot of an address with what was kept, None where that is withdrawn."""
    async with store.read() as conn:
        found = await snapshots.at(conn, audience, address, _moment(as_of))
        gone = found["withdrawn_at"] is not None
        return found, None if gone else await snapshots.body(conn, found)


def withdrawn() -> Gone:
    """Return what is told where a snapshot is withdrawn."""
    return Gone(
        "The owner of a bird that this answer stands on has withdrawn it.",
        remedy="Ask without as_of, or make a snapshot anew; the manifest tells what it stood on.",
        code="snapshot-withdrawn",
    )


def _withdrawn(found: Row) -> Response:
    gone = withdrawn()
    document = problem_document(gone) | {
        "snapshot": str(found["ref"]),
        "manifest": found["manifest"],
    }
    return ProblemAnswer(gone, orjson.dumps(document), {})


def _moment(text: str) -> datetime | UUID:
    try:
        return UUID(text)
    except ValueError:
        pass
    found = None if "/" in text else interval_of(text)[1]
    if found is None:
        raise BadInput(
            "as_of is neither an instant nor the id of a snapshot.",
            code="as-of-invalid",
            remedy="Send RFC 3339 with a zone, or an id from GET /api/v1/snapshots.",
        )
    return found


def address_of(path: str, query: str) -> str:
    """Return the address of a product in one form, whatever the order of its filters."""
    asked = sorted(
        (name, value)
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name not in _PAGING
    )
    return f"{path}?{urlencode(asked)}" if asked else path


def _filters_told(path: str, query: str) -> Row:
    """Return the filters of contributors that the filters and the path of an address come to."""
    asked = dict(parse_qsl(query))
    told: Row = {name: asked[name] for name in ("species", "individual", "study", "season")
                 if name in asked}  # fmt: skip
    noun, _, rest = path.removeprefix("/api/v1/").partition("/")
    name = rest.partition("/")[0]
    if noun == "flyways" and name:  # it is named by its species
        told["species"], *words = name.split(":")
        told["simulated"] = str("simulated" in words).lower()
    elif noun == "species" and name:
        told["species"] = name
    elif noun == "individuals" and name:
        told["individual"] = name
    return told


def filters_of(path: str, query: str) -> Filters:
    """Return by which birds an address is narrowed, as far as its filters and its path tell."""
    told = _filters_told(path, query)
    simulated = told.get("simulated")
    return Filters(
        species=species_key(told.get("species")), season=told.get("season"),
        individual=_id(told.get("individual")), study=_id(told.get("study")),
        simulated=None if simulated is None else simulated == "true",
    )  # fmt: skip


def _id(text: str | None) -> UUID | None:
    try:
        return None if text is None else UUID(text)
    except ValueError as error:
        raise BadInput(
            "A filter is no id.", remedy="Send the address as it is read, with ids of the service."
        ) from error


# --- making one


async def make(
    request: Request, store: Store, audience: Audience, address: str, note: str
) -> tuple[Row, bytes, str, list[Row]]:
    """
    Answer an address as these readers see it now, all of it at one moment of the database.

    Returns the manifest, the body, its media type, and the birds that it stands on.
    """
    parts = _parts(address)
    asked = address_of(parts.path, parts.query)
    async with store.read() as conn:
        await snapshots.hold(conn)
        inner = _Inner(request, Pinned(store, conn), audience)
        media_type, body, n_items = await _whole(inner, asked)
        rows = await snapshots.birds(conn, audience, filters_of(parts.path, parts.query))
        mark = await snapshots.watermark(conn, audience)
    named = birds_named(body)
    stands_on = [row for row in rows if named is None or str(row["ref"]) in named]
    credit = snapshots.credited(stands_on)
    manifest = {
        "address": asked,
        "audience": "public" if audience.kind == "public" else "own",
        "note": note,
        "read_at": mark["read_at"],
        "code": {"version": VERSION, "source": source_digest()},
        "parameters": sorted({each for row in stands_on for each in row["parameters"]}),
        "input": {
            "received_last": mark["received_last"], "study_versions": mark["study_versions"]
        },
        "individuals": sorted(str(row["ref"]) for row in stands_on),
        "contributors": credit,
        "citation": citation(credit),
        "content": {
            "media_type": media_type, "size_bytes": len(body), "items": n_items,
            "digest": f"sha256:{sha256(body).hexdigest()}",
        },
    }  # fmt: skip
    # As JSON tells it, so that whoever reads it can make the digest again.
    return orjson.loads(orjson.dumps(manifest, default=str)), body, media_type, stands_on


def _parts(address: str) -> SplitResult:
    """Read an address; one that is none, or holds a NUL, leads to no product."""
    try:
        parts = urlsplit(address)
    except ValueError as error:
        raise _no_product() from error
    if "\0" in unquote(address) or not parts.path.startswith("/"):
        raise _no_product()
    return parts


def _no_product() -> BadInput:
    return BadInput(
        "No snapshot can be made of this address.",
        code="no-product",
        remedy="Name the path and filters of a product, such as"
        " /api/v1/stopovers?species=Grus vipio: each that takes as_of in /docs.",
    )


class _Inner:
    """Requests within a request, read through one transaction."""

    def __init__(self, request: Request, store: Pinned, audience: Audience) -> None:
        kept = {b"host", b"accept-language"}
        headers = [pair for pair in request.scope["headers"] if pair[0] in kept]
        self.app = request.app
        self.products: list[str] = []
        self.scope = {**request.scope, "method": "GET", "headers": headers, PINNED: store,
                      READER: audience, _SEEN: self.products}  # fmt: skip

    async def get(self, path: str, query: str) -> tuple[str, bytes, bool]:
        """
        Return the media type and body of an answer, and whether there is more of it.

        A problem is raised as it was told.
        """
        scope = {
            **self.scope, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(),
        }  # fmt: skip
        for name in ("route", "endpoint", "path_params", "state"):
            scope.pop(name, None)
        status, headers, parts = 0, {}, []

        async def receive() -> Mapping[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status, headers
            if message["type"] == "http.response.start":
                status, headers = message["status"], dict(message["headers"])
            else:
                parts.append(message.get("body", b""))

        try:
            await self.app.router(scope, receive, send)
        except HTTPException as unknown:  # no route has this address
            status = unknown.status_code
        body = b"".join(parts)
        if not self.products:
            raise _no_product()
        if status != 200:
            told = orjson.loads(body)
            raise (NotFound if status == 404 else BadInput)(
                told["detail"], remedy=told["remedy"], code=told["code"]
            )
        more = b'rel="next"' in headers.get(b"link", b"")
        return headers[b"content-type"].decode().partition(";")[0], body, more


async def _whole(inner: _Inner, address: str) -> tuple[str, bytes, int | None]:
    """Return an answer with all its pages as one."""
    path, _, query = address.partition("?")
    media_type, body, more = await inner.get(path, query)
    page = orjson.loads(body) if media_type == "application/json" else None
    if not (isinstance(page, dict) and {"items", "next"} <= page.keys()):
        if more:
            raise TooLarge("The track is too long to be kept.", remedy="Narrow it by datetime.")
        return media_type, body, None
    limit = f"limit={LIMIT_MAX}"
    items: list[Any] = []
    asked = f"{query}&{limit}" if query else limit
    while True:
        page = orjson.loads((await inner.get(path, asked))[1])
        items.extend(page["items"])
        if page["next"] is None:
            return media_type, orjson.dumps(page | {"items": items}), len(items)
        if len(items) >= ITEMS_MAX:
            raise TooLarge(
                f"The answer has more than {ITEMS_MAX:,} items.",
                remedy="Narrow it by species, study, season or datetime.",
            )
        asked = urlsplit(page["next"]).query


def birds_named(body: bytes) -> set[str] | None:
    """Return the birds that every item of an answer names, or None where they stand together."""
    try:
        page = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    items = page.get("items") if isinstance(page, dict) else None
    if not items or not all(isinstance(each.get("individual"), dict) for each in items):
        return set() if items == [] else None
    return {each["individual"]["id"] for each in items}


@cache
def source_digest() -> str:
    """Return a digest of the code as it runs: whatever made an answer is named by it."""
    root = Path(__file__).parents[2]
    found = sha256()
    for folder in ("app", "ingest"):
        for path in sorted((root / folder).rglob("*.py")):
            found.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"sha256:{found.hexdigest()}"


def citation(credit: list[Row]) -> str:
    """Return a sentence to cite: each study by its own citation where it has one."""
    if not credit:
        return f"Flyways {VERSION}."
    told = [each["citation"] or f"{each['institute']}: {each['study_name']}" for each in credit]
    return "; ".join(text.rstrip(". ") for text in told) + f". By Flyways {VERSION}."
