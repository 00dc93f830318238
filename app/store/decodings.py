"""Another decoding of a push that is kept already."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from app.errors import NotFound
from app.store import inbox
from app.store.audience import Audience
from app.store.engine import execute


async def decode_again(
    conn: AsyncConnection, audience: Audience, push_ref: UUID, reading: inbox.Reading
) -> inbox.Kept:
    """
    Have a kept push read in another way; its newest decoding stays in force until then.

    The same way once more changes nothing, as the same push sent again would not.
    """
    rows = await execute(
        conn,
        "select p.id, p.study_id, p.digest, p.ref from push asked"
        " join push p on p.id = coalesce(asked.replay_of_id, asked.id)"
        " where asked.ref = :ref and asked.study_id = any(cast(:exact as int[]))",
        {"ref": push_ref, "exact": list(audience.exact)},
    )
    if not rows:
        raise unknown()
    push = rows[0]
    await inbox.queue(conn, push["digest"], push["study_id"])
    newest = await execute(
        conn,
        "select id, format, tz, mapping_version from decoding where push_id = :push"
        " order by number desc limit 1",
        {"push": push["id"]},
    )
    held = newest[0]
    if inbox.Reading(held["format"], held["tz"], held["mapping_version"]) == reading:
        await inbox.revive(conn, int(held["id"]))
        return inbox.Kept(push["ref"], int(held["id"]), replayed=True)
    made = await inbox.new_decoding(conn, push["study_id"], push["id"], reading)
    return inbox.Kept(push["ref"], made, replayed=False)


def unknown() -> NotFound:
    """Return the one answer for a missing push and for one of another institute."""
    return NotFound(
        "There is no such push for this caller.",
        remedy="Take push_id from the receipt of the push, with a key of the same institute.",
    )
