"""Fragments of SQL that several nouns share, so that each rule stands in one place."""

from __future__ import annotations

CALLER = "coalesce((select name from institute where id = cast(:scope as int)), 'operator')"
"""SQL: the name under which what a caller decides is kept; :scope is the id of its institute."""

SENDER = "the sender"
"""The name under which what people decided at a sender's is kept, as its file tells it."""


def told_how(alias: str) -> str:
    """Give how a source or connector has its pushes read, of a row joined by `newest_mapping`."""
    return (
        f"{alias}.format, {alias}.tz, {alias}.encoding, {alias}.datum,"
        f" {alias}.date_order, {alias}.mapping_id,"
        " v.number as mapping_version, v.document ->> 'tz' as mapping_tz"
    )


def newest_mapping(alias: str) -> str:
    """Join the newest version `v` of the mapping that a source or connector names, if any."""
    return (
        "left join lateral (select number, document from mapping_version"
        f" where mapping_id = {alias}.mapping_id order by number desc limit 1) as v on true"
    )


def time_of(micros: str) -> str:
    """Give the time of microseconds since 1970: exact, which to_timestamp(double) is not."""
    return f"timestamptz 'epoch' + {micros} * interval '1 microsecond'"


def alias_key(name: str) -> str:
    """Give the advisory lock of a name of the study :study, taken to make a tag or alias of it."""
    return f"hashtextextended({name}, 1000000007 * cast(:study as bigint))"


def fix_key(alias: str) -> str:
    """Give what names a fix in every table that speaks of fixes."""
    return f"({alias}.tag_id, {alias}.time, {alias}.sensor, {alias}.variant)"


def worn_at(time: str, during: str = "d.during") -> str:
    """
    Tell whether the range of a deployment covers a time.

    Written as two bounds: an index on (tag_id, time) can search them, and no `@>`.
    """
    return (
        f"{time} >= coalesce(lower({during}), '-infinity')"
        f" and {time} < coalesce(upper({during}), 'infinity')"
    )


def undeployed(tag_id: str) -> str:
    """Give the ranges in which no bird wears a tag, as a multirange."""
    return (
        "('{(,)}'::tstzmultirange - coalesce((select range_agg(d.during) from deployment d"
        f" where d.tag_id = {tag_id} and d.replaced_at is null), '{{}}'))"
    )


def decimal(column: str) -> str:
    """Give the number that a REAL column prints: 12.3, not 12.300000190734863."""
    return f"{column}::text::float8 as {column.partition('.')[2]}"


def wearer(alias: str) -> str:
    """Join the deployment `d` in force when a row of a tag was recorded; at most one is."""
    return (
        f"join deployment d on d.tag_id = {alias}.tag_id and d.replaced_at is null"
        f" and d.during @> {alias}.time"
    )


def worn_by_bird(alias: str) -> str:
    """Tell whether the bird :individual wore the tag when a row of it was recorded."""
    return (
        "exists (select from deployment d where d.individual_id = :individual"
        f" and d.replaced_at is null and d.tag_id = {alias}.tag_id"
        f" and d.during @> {alias}.time)"
    )


def shown_alone(alias: str) -> str:
    """Tell whether a fix is shown that no bird wears: no track has a say, only hands and record."""
    return (
        f"coalesce((select v.verdict = 'show' from fix_verdict v where v.undone_at is null"
        f" and {fix_key('v')} = {fix_key(alias)}), not exists (select from fix_flag g"
        f" where g.origin = 'record' and {fix_key('g')} = {fix_key(alias)}))"
    )
