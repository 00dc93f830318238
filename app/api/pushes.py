"""Uploads and receipts: what was sent, what became of it, unit by unit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from email.message import Message
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import Field
from starlette.datastructures import UploadFile

from app.api.auth import CurrentAudience, PushAudience
from app.api.deps import SettingsDep, StoreDep
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.receipts import Receipt, receipt_of, shape
from app.api.schemas import Shown
from app.errors import BadInput, NotFound
from app.pipeline.decode import decode_in
from app.pipeline.receive import bounded, mapped, mapped_anew, reading, receive, whose
from app.store import inbox, receipts, studies
from app.store.audience import Audience
from app.store.engine import Store
from ingest import tag_of_file

router = APIRouter(prefix="/api/v1", tags=["pushes"])

DRY_RUN_MAX_BYTES = 32 << 20
"""Largest body of a dry run [bytes]: it is decoded within the request."""

GROWING = {"received", "stored"}


class RefusalOut(Shown):
    """One unit of a push that did not become a record."""

    unit: int = Field(description="number of the data row, block or element, from 1")
    offset_bytes: int | None = Field(
        description="where it begins in the push, unpacked; null: it has no place of its own"
    )
    line: int | None = Field(
        description="row of the sheet of a workbook, as it is numbered there; null: no workbook"
    )
    excerpt: str
    code: str
    remedy: str


class PushOut(Shown):
    """One delivery, in lists."""

    push_id: UUID
    received_at: datetime
    size_bytes: int
    content_type: str | None


def announce(response: Response, receipt: Receipt) -> None:
    """Set the headers that tell a sender where its receipt grows."""
    response.headers["Location"] = receipt.links["self"]
    if receipt.state in GROWING:
        response.headers["Retry-After"] = "1"


@asynccontextmanager
async def sent(request: Request) -> AsyncIterator[tuple[str | None, AsyncIterator[bytes]]]:
    """Open the body of a request: as it is, or the one file of a multipart form with its name."""
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        yield _named(request), request.stream()
        return
    async with request.form(max_files=1, max_fields=8) as form:
        files = [part for part in form.values() if isinstance(part, UploadFile)]
        if len(files) != 1:
            raise BadInput(
                "The form holds no file.",
                remedy="Send exactly one file part, or the bytes as the raw body.",
                code="form-without-file",
            )
        yield files[0].filename, _pieces(files[0])


def _named(request: Request) -> str | None:
    """Name of the file whose bytes the body is, if the sender gives it as with an attachment."""
    headers = Message()
    headers["Content-Disposition"] = request.headers.get("content-disposition", "")
    return headers.get_filename()


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(inbox.CHUNK_BYTES):
        yield piece


@router.post("/studies/{study}/pushes", status_code=202, responses=WRITING)
async def upload_push(
    study: UUID,
    request: Request,
    response: Response,
    store: StoreDep,
    settings: SettingsDep,
    audience: PushAudience,
    format: Annotated[str | None, Query(max_length=64)] = None,  # noqa: A002 - the contract's word
    tz: Annotated[str | None, Query(max_length=64)] = None,
    encoding: Annotated[str | None, Query(max_length=64)] = None,
    datum: Annotated[str | None, Query(max_length=64)] = None,
    date_order: Annotated[str | None, Query(max_length=64)] = None,
    mapping: Annotated[UUID | None, Query()] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    dry_run: Annotated[bool, Query()] = False,  # noqa: FBT002 - a query parameter
    idempotency_key: Annotated[str | None, Header(max_length=255)] = None,
) -> Receipt:
    """
    Upload telemetry or reference data, as a raw body or one file of a multipart form.

    The bytes are on disk when this answers. `format` and `encoding` may be left out: the bytes
    name them. `tz` is the zone of times that carry none, `datum` that of the coordinates (wgs84,
    or gcj02 and bd09 of Chinese map services). `date_order`, dmy or mdy, says what 03/04/2024 is;
    left out, the push must prove it. `mapping` names a column mapping of the study,
    whose newest version reads the push in place of a format. `tag` says whose a table is whose
    rows name none; left out, the name of its file may (7304g.txt), in the form or, with a raw body,
    in `Content-Disposition`. A dry run stores nothing and
    answers the receipt it would get.
    """
    how = reading(format, tz, encoding, datum, date_order, tag=tag)
    async with store.read() as conn:
        study_id = int((await studies.owned(conn, audience, study))["id"])
        how = await mapped(conn, audience, study_id, how, mapping)
    delivery = inbox.Delivery(
        study_id,
        content_type=request.headers.get("content-type"),
        idempotency_key=idempotency_key,
    )
    async with sent(request) as (name, body):
        how = whose(how, name)
        delivery = replace(delivery, named_tag=None if name is None else tag_of_file(name))
        if dry_run:
            short = bounded(body, DRY_RUN_MAX_BYTES)
            return await try_out(store, audience, delivery, how, short)
        kept = await receive(store, delivery, how, bounded(body, settings.body_max_bytes))
    receipt = await receipt_of(store, audience, kept.ref)
    announce(response, receipt)
    return receipt


class _RollBack(Exception):  # noqa: N818 - not an error: it ends a dry run
    pass


async def try_out(
    store: Store,
    audience: Audience,
    delivery: inbox.Delivery,
    how: inbox.Reading,
    body: AsyncIterator[bytes],
    *,
    document: dict[str, Any] | None = None,
) -> Receipt:
    """Run the first stages, with a mapping that is not saved if one is given; take all back."""
    found: dict[str, Any] | None = None
    try:
        async with store.write() as conn:
            if document is not None:
                how = await mapped_anew(conn, audience, delivery.study_id, how, document)
            kept = await inbox.keep(conn, delivery, how, body)
            await decode_in(conn, kept.decoding_id)
            found = await receipts.receipt(conn, audience, kept.ref)
            raise _RollBack  # noqa: TRY301 - the transaction must end by an error
    except _RollBack:
        assert found is not None
    return shape(found).model_copy(update={"push_id": None, "links": {}})


@router.get("/studies/{study}/pushes", responses=READING)
async def list_pushes(
    study: UUID, response: Response, store: StoreDep, audience: CurrentAudience, page: PageDep
) -> Listing[PushOut]:
    """List the pushes of a study, newest first."""
    async with store.read() as conn:
        study_id = int((await studies.owned(conn, audience, study))["id"])
        before = page.after[0] if page.after else None
        rows = await receipts.list_pushes(
            conn,
            audience,
            study_id=study_id,
            before_id=int(before) if isinstance(before, int) else None,
            limit=page.fetch,
        )
    return paginate(
        page,
        response,
        rows,
        key=lambda row: (row["push_id"],),
        shape=lambda row: PushOut(**{**row, "push_id": row["ref"]}),
    )


@router.get("/pushes/{push_id}", responses=READING)
async def read_receipt(
    push_id: UUID, response: Response, store: StoreDep, audience: CurrentAudience
) -> Receipt:
    """Return the receipt of a push as it stands now."""
    receipt = await receipt_of(store, audience, push_id)
    announce(response, receipt)
    return receipt


@router.get("/pushes/{push_id}/refusals", responses=READING)
async def list_refusals(
    push_id: UUID, response: Response, store: StoreDep, audience: CurrentAudience, page: PageDep
) -> Listing[RefusalOut]:
    """List the refused units of a push, each with the way to mend it."""
    after = page.after[0] if page.after else 0
    async with store.read() as conn:
        if await receipts.receipt(conn, audience, push_id) is None:
            raise NotFound(
                "There is no such push for this caller.",
                remedy="Take push_id from the receipt of the push.",
            )
        rows = await receipts.refusals(
            conn,
            audience,
            push_id,
            after_unit=after if isinstance(after, int) else 0,
            limit=page.fetch,
        )
    return paginate(
        page, response, rows, key=lambda row: (row["unit"],), shape=lambda row: RefusalOut(**row)
    )


@router.get("/pushes/{push_id}/body", response_class=Response, responses=READING)
async def read_body(push_id: UUID, store: StoreDep, audience: CurrentAudience) -> Response:
    """Return the bytes of a push exactly as they were sent."""
    async with store.read() as conn:
        body = await receipts.sent_bytes(conn, audience, push_id)
    if body is None:
        raise NotFound(
            "There is no such push for this caller.",
            remedy="Take push_id from the receipt of the push.",
        )
    return Response(body, media_type="application/octet-stream")
