"""Sources: addresses that telemetry is pushed to, with the secrets that open them."""

from __future__ import annotations

import secrets
from base64 import b64encode
from hashlib import sha256
from typing import Any, Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import Conflict
from app.store import reference
from app.store.audience import Audience
from app.store.engine import execute

Row = dict[str, Any]
Scheme = Literal["token", "standard-webhooks"]

SECRET_BYTES = 32
"""Random bytes of a secret; Standard Webhooks asks for 24 to 64."""
SECRETS_KEPT = 2
"""Valid secrets of one source: the newest and, while the sender changes over, the one before."""

_COLUMNS = """
source.id, source.ref, source.study_id, study.ref as study, source.name, source.format, source.tz,
source.scheme, cardinality(source.secrets) as secrets_valid, source.ack_status,
source.refused_signatures, source.created_at, source.disabled_at, mapping.ref as mapping
"""
SENDER = """
s.id, s.study_id, s.format, s.tz, s.scheme, s.secrets, s.ack_status, s.mapping_id,
v.number as mapping_version, v.document ->> 'tz' as mapping_tz
from source s left join lateral (select number, document from mapping_version
  where mapping_id = s.mapping_id order by number desc limit 1) as v on true
"""
"""What checking and reading a push of a source needs: with a mapping, the newest version of it."""

_OWNED = """
from source join study on study.id = source.study_id
left join mapping on mapping.id = source.mapping_id where source.study_id = any(:exact)
"""


def new_secret(scheme: Scheme) -> tuple[str, bytes]:
    """Return a secret as the sender gets it, and what is kept of it."""
    raw = secrets.token_bytes(SECRET_BYTES)
    if scheme == "standard-webhooks":
        return "whsec_" + b64encode(raw).decode(), raw
    token = "flws_" + raw.hex()
    return token, sha256(token.encode()).digest()


async def create(
    conn: AsyncConnection,
    audience: Audience,
    study_id: int,
    *,
    name: str,
    scheme: Scheme,
    push_format: str | None,
    tz: str,
    mapping_id: int | None = None,
    ack_status: int,
) -> Row:
    """Add a source; its `secret` is returned here once."""
    shown, kept = new_secret(scheme)
    rows = await execute(
        conn,
        "insert into source (study_id, name, format, tz, mapping_id, scheme, secrets, ack_status)"
        " values (:study, :name, :format, :tz, :mapping, :scheme, :secrets, :ack_status)"
        " on conflict (study_id, name) do nothing returning ref",
        {
            "study": study_id,
            "name": name,
            "format": push_format,
            "tz": tz,
            "mapping": mapping_id,
            "scheme": scheme,
            "secrets": [kept],
            "ack_status": ack_status,
        },
    )
    if not rows:
        raise Conflict(
            "The study has a source of this name.",
            code="name-taken",
            remedy="Choose another name, or rotate the secret of the source there is.",
        )
    return {**await one(conn, audience, rows[0]["ref"]), "secret": shown}


async def page(
    conn: AsyncConnection,
    audience: Audience,
    *,
    limit: int,
    after: int | None = None,
    study: UUID | None = None,
) -> list[Row]:
    """Return the sources of the caller's own studies."""
    return await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} and (cast(:study as uuid) is null or study.ref = :study)"
        " and (cast(:after as int) is null or source.id > :after)"
        " order by source.id limit :limit",
        {"exact": audience.sql["exact"], "study": study, "after": after, "limit": limit},
    )


async def one(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Return a source of the caller's own studies."""
    rows = await execute(
        conn,
        f"select {_COLUMNS} {_OWNED} and source.ref = :ref",
        {"exact": audience.sql["exact"], "ref": ref},
    )
    if not rows:
        raise reference.unknown("source")
    return rows[0]


async def rotate(conn: AsyncConnection, audience: Audience, ref: UUID) -> Row:
    """Give a source a new secret; the one before stays valid until the next rotation."""
    source = await one(conn, audience, ref)
    shown, kept = new_secret(source["scheme"])
    await execute(
        conn,
        f"update source set secrets = (array_prepend(:secret, secrets))[1:{SECRETS_KEPT}]"
        " where id = :id",
        {"id": source["id"], "secret": kept},
    )
    return {**await one(conn, audience, ref), "secret": shown}


async def edit(
    conn: AsyncConnection,
    audience: Audience,
    ref: UUID,
    *,
    disabled: bool | None,
    only_newest: bool,
) -> Row:
    """Disable or enable a source; `only_newest` ends the secret before the newest."""
    source = await one(conn, audience, ref)
    await execute(
        conn,
        "update source set"
        " disabled_at = case when cast(:disabled as boolean) then coalesce(disabled_at, now())"
        "   when not cast(:disabled as boolean) then null else disabled_at end,"
        " secrets = case when :only_newest then secrets[1:1] else secrets end where id = :id",
        {"id": source["id"], "disabled": disabled, "only_newest": only_newest},
    )
    return await one(conn, audience, ref)


async def sender(conn: AsyncConnection, ref: UUID) -> Row | None:
    """Return what checking a push needs, secrets included; never leaves the push endpoint."""
    rows = await execute(
        conn,
        f"select {SENDER} where s.ref = :ref and s.disabled_at is null",
        {"ref": ref},
    )
    return rows[0] if rows else None


async def count_refused(conn: AsyncConnection, ref: UUID) -> None:
    """Count a push that could not prove where it came from."""
    await execute(
        conn,
        "update source set refused_signatures = refused_signatures + 1 where ref = :ref",
        {"ref": ref},
    )
