"""Movebank's address for live feeds, for senders that push to Movebank."""

from __future__ import annotations

from dataclasses import replace

import orjson
from fastapi import APIRouter, Request, Response
from starlette.datastructures import FormData, UploadFile

from app.api.problems import WRITING
from app.api.proofs import prover
from app.api.push import Door, DoorDep, challenged
from app.api.sensors import source_of, unknown_sender
from app.errors import BadInput, NotSignedIn
from app.store import sources
from ingest.formats import movebank_json
from ingest.formats.elements import first_keys
from ingest.signatures import basic_password

router = APIRouter(tags=["pushes"])

ADD_DATA = "add-data"
FIELDS_MAX = 8
_NAMES = frozenset({"tag_id", "tag_local_identifier"})


@router.post("/movebank/service/external-feed", response_class=Response, responses=WRITING)
async def push_to_feed(request: Request, door: DoorDep) -> Response:
    """
    Push fixes as a live feed does to Movebank; the bytes are on disk when this answers 200.

    A multipart form: `operation` add-data, `feed` the name or id of a source, `tag` for elements
    that name none, and the file `data`, a JSON list. The secret of the source is the password of
    HTTP basic authentication, with any user name.
    """
    try:
        password = basic_password(request.headers.get("authorization"))
        async with door.store.read() as conn:
            # Before a byte of the body is read.
            if password is None or not await sources.knows(conn, "basic", password):
                raise unknown_sender()
        async with request.form(max_files=1, max_fields=FIELDS_MAX) as form:
            await _keep(request, door, form, password)
    except NotSignedIn as refused:
        return challenged(refused, basic=True)
    return Response(status_code=200)


async def _keep(request: Request, door: Door, form: FormData, password: str) -> None:
    source = await source_of(door, _word(form, "feed"), secret=("basic", password))
    if _word(form, "operation") != ADD_DATA:
        raise BadInput(
            "A feed takes the operation add-data alone.",
            remedy="Who may see the data is set at the study, not by its feed.",
            code="operation-unknown",
        )
    body = _with_tag(await _data(form), form.get("tag"))
    door = replace(door, format_name=movebank_json.NAME)
    await door.keep(source, body, request.headers, prover(request.headers, body=body))


def _word(form: FormData, name: str) -> str:
    found = form.get(name)
    if not isinstance(found, str) or not found:
        raise BadInput(
            f"The form has no field `{name}`.",
            remedy="Send operation, feed and tag as fields and data as a file, as to Movebank.",
            code="form-incomplete",
        )
    return found


async def _data(form: FormData) -> bytes:
    found = form.get("data")
    if isinstance(found, UploadFile):
        return await found.read()
    return _word(form, "data").encode()


def _with_tag(data: bytes, tag: object) -> bytes:
    """Put the tag of the form round elements that name none; the bytes sent stay as they are."""
    if not isinstance(tag, str) or not tag or first_keys(data) & _NAMES:
        return data
    return b'{"individuals":[{"tag_id":' + orjson.dumps(tag) + b',"locations":' + data + b"}]}"
