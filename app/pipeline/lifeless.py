"""fix, reading, lifeless_verdict -> lifeless: tags that lie still, off a bird or on a dead one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from math import isnan

from app.movement.lifeless import METHOD, Lifeless, find_lifeless
from app.movement.profile import Profile
from app.pipeline.aside import aside
from app.store import lifeless, stillness
from app.store.derived import Bird
from app.store.engine import Connection
from app.store.windows import FAR_PAST, instant
from app.store.work import Span

MARGIN = timedelta(days=3)
"""First try of how much more than the rule's own time to load; doubled until that is enough."""


async def judge(conn: Connection, bird: Bird, span: Span, profile: Profile) -> Span:
    """
    Renew what is suspected of the tags of a bird.

    Returns the span of the change, wider where fixes are left out from now on or taken in again.
    """
    new = [
        {**_row(tag_id, found, profile), "dismissed": dismissed}
        for tag_id, dismissed, found in await suspicions(conn, bird, profile)
    ]
    changed = await stillness.replace(conn, bird, new)
    low, high = zip((span.from_time, span.to_time), *changed, strict=True)
    return replace(span, from_time=min(low), to_time=max(high))


async def suspicions(
    conn: Connection, bird: Bird, profile: Profile
) -> list[tuple[int, bool, Lifeless]]:
    """Return each tag of a bird that lies still, and whether that was dismissed."""
    worn = await stillness.worn(conn, bird.individual_id)
    judged = [(tag.tag_id, await _found(conn, tag, profile)) for tag in worn]
    still = [(tag_id, found) for tag_id, found in judged if found is not None]
    verdicts = await stillness.dismissals(conn, bird.individual_id) if still else []
    out = []
    for tag_id, found in still:
        row = _row(tag_id, found, profile)
        dismissed = any(stillness.about(verdict, row) for verdict in verdicts)
        out.append((tag_id, dismissed, found))
    return out


async def _found(conn: Connection, worn: stillness.Worn, profile: Profile) -> Lifeless | None:
    ends = await stillness.ends(conn, worn)
    if ends is None:
        return None
    first, last = ends
    before = timedelta(seconds=profile.still_min_s) + MARGIN
    while True:
        since = max(last - before, FAR_PAST)
        track, senses = await stillness.load(conn, worn, since)
        found, head = await aside(len(track), find_lifeless, track, senses, profile)
        if not head or since <= first:
            return found
        before = before * 2


def _row(tag_id: int, found: Lifeless, profile: Profile) -> stillness.Row:
    facts = {name: getattr(found, name) for name in lifeless.FACTS}
    return {
        "tag_id": tag_id,
        "start_time": instant(found.start_us),
        "end_time": instant(found.end_us),
        "method": METHOD,
        "still_radius_m": profile.still_radius_m,
        "still_min_s": profile.still_min_s,
        **{k: None if isinstance(v, float) and isnan(v) else v for k, v in facts.items()},
    }
