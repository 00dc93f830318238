"""Column mappings: which column is which term, for makers whose files have no known format."""

from __future__ import annotations

import asyncio
import time
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field, JsonValue

import ingest
from app.api.auth import CurrentAudience, ManagerAudience, PushAudience
from app.api.deps import StoreDep, StrictRoute
from app.api.paging import Listing, PageDep, paginate
from app.api.problems import READING, WRITING
from app.api.pushes import RefusalOut, try_out
from app.api.receipts import Receipt
from app.api.schemas import Body, Shown, Text, example
from app.errors import BadInput, TooLarge
from app.pipeline.read import UNPACKED_MAX_BYTES
from app.pipeline.receive import reading
from app.store import inbox, mappings, studies

router = APIRouter(prefix="/api/v1/mappings", tags=["mappings"], route_class=StrictRoute)

trials = APIRouter(prefix="/api/v1/studies", tags=["mappings"], route_class=StrictRoute)

SAMPLE_MAX_BYTES = 512 << 10
"""Largest sample of a trial [bytes]: thousands of rows; larger files go through a dry run."""
FIRST_RECORDS = 10
FIRST_REFUSALS = 50

_DOCUMENT: dict[str, JsonValue] = {
    "kind": "table",
    "terms": {
        "timestamp": "GPS时间", "location-long": "经度", "location-lat": "纬度",
        "tag-local-identifier": "设备编号", "ground-speed": "速度",
    },
    "units": {"ground-speed": "km/h"},
    "tz": "Asia/Shanghai",
    "encoding": "gb18030",
    "missing": ["-999"],
}  # fmt: skip
_STUDY = "5f0c1c1e-8a0e-4d9e-9a35-0c8f9d0a7b11"

Document = Annotated[
    dict[str, JsonValue],
    Field(description="kind, terms, units, tz, time_format, decimal, encoding, sensor, skip_lines,"
          " missing, elements: see the guide for partner institutes"),
]  # fmt: skip


class MappingOut(Shown):
    """A mapping in one of its versions; a version never changes."""

    model_config = example(
        id="8a4b5f5e-5a0f-4b7d-9c35-0c8f9d0a7b11", study=_STUDY, name="HQBG export", version=1,
        document=_DOCUMENT, made_by="Institute of the Amur", made_at="2026-11-27T00:00:00Z",
    )  # fmt: skip

    id: UUID
    study: UUID
    name: str
    version: int
    document: Document
    made_by: str
    made_at: datetime


class MappingIn(Body):
    """A mapping to save."""

    model_config = example(study=_STUDY, name="HQBG export", document=_DOCUMENT)

    study: UUID
    name: Text
    document: Document


class VersionIn(Body):
    """What a mapping is to say from now on."""

    model_config = example(document=_DOCUMENT)

    document: Document


class TrialIn(Body):
    """A mapping, saved or not, and a sample to read with it."""

    model_config = example(
        document=_DOCUMENT,
        sample="设备编号,GPS时间,经度,纬度,速度\nHQBG-7,2024/3/1 8:00,116.3,29.1,36\n",
    )  # fmt: skip

    document: Document | None = Field(None, description="a mapping that is not saved, or")
    mapping: UUID | None = Field(None, description="one that is, in its newest version")
    tz: Text | None = Field(None, description="goes before the zone of the mapping")
    sample: str | None = Field(None, description="text, or")
    sample_base64: str | None = Field(None, description="bytes in another encoding, or a workbook")


class TrialOut(Shown):
    """What the sample would become; nothing was stored."""

    model_config = example(
        receipt={"state": "stored", "format": "columns", "units": 2, "records": 1, "refused": 1},
        first=[{"unit": 1, "time": "2024-03-01T00:00:00Z", "tag": "HQBG-7", "sensor": "gps",
                "lon": 116.3, "lat": 29.1, "ground_speed_m_s": 10.0}],
        refusals=[{"unit": 2, "excerpt": "HQBG-7,?,116.3,29.1,36", "code": "time-unreadable",
                   "remedy": "…"}],
    )  # fmt: skip

    receipt: Receipt = Field(description="what a push of the sample would get")
    first: list[dict[str, JsonValue]] = Field(description="the first records, without blanks")
    refusals: list[RefusalOut] = Field(description="the first units refused")


def _document(document: dict[str, Any]) -> dict[str, Any]:
    """Return a mapping in the one form in which it is kept; BadInput says which key is wrong."""
    try:
        return ingest.write_mapping(ingest.read_mapping(document))
    except ingest.MappingRefused as refused:
        raise BadInput(refused.detail, remedy=refused.remedy, code="mapping-invalid") from refused


def _shown(row: dict[str, Any]) -> MappingOut:
    return MappingOut(**{**row, "id": row["ref"]})


@router.get("", responses=READING)
async def list_mappings(
    store: StoreDep,
    audience: CurrentAudience,
    page: PageDep,
    response: Response,
    study: Annotated[UUID | None, Query()] = None,
) -> Listing[MappingOut]:
    """List the mappings of the caller's own studies, each in its newest version."""
    after = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await mappings.page(conn, audience, limit=page.fetch, after=after, study=study)
    return paginate(page, response, rows, key=lambda row: (row["id"],), shape=_shown)


@router.post("", status_code=201, responses=WRITING)
async def create_mapping(
    body: MappingIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> MappingOut:
    """Save a mapping for a study; the same under the same name once more changes nothing."""
    document = _document(body.document)
    async with store.write() as conn:
        study = await studies.owned(conn, audience, body.study)
        row = await mappings.create(conn, audience, study["id"], name=body.name, document=document)
    response.headers["Location"] = f"/api/v1/mappings/{row['ref']}"
    return _shown(row)


@trials.post("/{study}/mappings/try", responses=WRITING)
async def try_mapping(
    study: UUID, body: TrialIn, store: StoreDep, audience: PushAudience
) -> TrialOut:
    """Read a sample with a mapping: its receipt, first records and refusals; nothing is stored."""
    sample = _sample(body)
    how = reading(None, body.tz)
    async with store.read() as conn:
        study_id = int((await studies.owned(conn, audience, study))["id"])
        if (body.mapping is None) == (body.document is None):
            raise BadInput("Name either a saved mapping or a document.",
                           remedy="Give one of mapping and document.")  # fmt: skip
        if body.mapping is not None:
            row = await mappings.of_study(conn, audience, study_id, body.mapping)
            document = dict(row["document"])
        else:
            document = _document(body.document or {})
    delivery = inbox.Delivery(study_id)
    receipt = await try_out(store, audience, delivery, how, _once(sample), document=document)
    if receipt.problem is not None:
        return TrialOut(receipt=receipt, first=[], refusals=[])
    decoded = await asyncio.to_thread(_decode, sample, document, receipt.tz)
    return TrialOut(
        receipt=receipt,
        first=[_record(row) for row in decoded.records.head(FIRST_RECORDS).to_dicts()],
        refusals=[
            RefusalOut(
                unit=r.unit,
                offset_bytes=r.offset,
                line=r.line,
                excerpt=r.excerpt,
                code=r.code,
                remedy=r.remedy,
            )
            for r in decoded.refusals[:FIRST_REFUSALS]
        ],
    )


def _sample(body: TrialIn) -> bytes:
    if (body.sample is None) == (body.sample_base64 is None):
        raise BadInput("A trial needs one sample.",
                       remedy="Give one of sample and sample_base64.")  # fmt: skip
    try:
        sample = (
            (body.sample or "").encode()
            if body.sample_base64 is None
            else b64decode(body.sample_base64, validate=True)
        )
    except (NotBase64, UnicodeEncodeError, ValueError) as error:
        raise BadInput("The sample is no text, or no base64.",
                       remedy="Encode the bytes of the file (RFC 4648).") from error  # fmt: skip
    if len(sample) > SAMPLE_MAX_BYTES:
        raise TooLarge(f"The sample is larger than {SAMPLE_MAX_BYTES} bytes.",
                       remedy="Take the first rows of the file, or push it with dry_run=true.",
                       code="push-too-large")  # fmt: skip
    return sample


async def _once(sample: bytes) -> AsyncIterator[bytes]:
    yield sample


def _decode(sample: bytes, document: dict[str, Any], tz: str) -> ingest.Decoded:
    now_us = time.time_ns() // 1_000
    plain = ingest.unpack(sample, limit_bytes=UNPACKED_MAX_BYTES)
    mapping = ingest.read_mapping(document)
    return ingest.decode(plain, mapping=mapping, tz=tz, now_us=now_us)


def _record(row: dict[str, Any]) -> dict[str, Any]:
    """Shape a record: its time as an instant, nothing that was not sent."""
    instant = datetime.fromtimestamp(row.pop("time_us") / 1e6, UTC).isoformat()
    told = {name: value for name, value in row.items() if value is not None and value is not False}
    return {"unit": told.pop("unit"), "time": instant.replace("+00:00", "Z"), **told}


@router.get("/{mapping}", responses=READING)
async def read_mapping(
    mapping: UUID,
    store: StoreDep,
    audience: CurrentAudience,
    version: Annotated[int | None, Query(ge=1, le=mappings.VERSIONS_MAX)] = None,
) -> MappingOut:
    """Read a mapping in its newest version, or the one named."""
    async with store.read() as conn:
        return _shown(await mappings.one(conn, audience, mapping, version))


@router.get("/{mapping}/versions", responses=READING)
async def list_versions(
    mapping: UUID, store: StoreDep, audience: CurrentAudience, page: PageDep, response: Response
) -> Listing[MappingOut]:
    """List the versions of a mapping, newest first."""
    before = int(str(page.after[0])) if page.after else None
    async with store.read() as conn:
        rows = await mappings.versions(conn, audience, mapping, limit=page.fetch, before=before)
    return paginate(page, response, rows, key=lambda row: (row["version"],), shape=_shown)


@router.post("/{mapping}/versions", status_code=201, responses=WRITING)
async def add_version(
    mapping: UUID, body: VersionIn, store: StoreDep, audience: ManagerAudience, response: Response
) -> MappingOut:
    """
    Save a new version: sources and pushes to come are read with it, those that were stay.

    What the mapping says already makes no new version, and answers 200.
    """
    document = _document(body.document)
    async with store.write() as conn:
        row, made = await mappings.add_version(conn, audience, mapping, document)
    response.status_code = 201 if made else 200
    response.headers["Location"] = f"/api/v1/mappings/{mapping}?version={row['version']}"
    return _shown(row)
