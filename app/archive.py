"""What is kept goes out, is read in another way, drawn, or told: refused and suspect parts."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import typer

from app.terminal import PUSH_FAILED, AsJson, answer, say, with_store


class Lang(StrEnum):
    """Languages of a report."""

    en = "en"
    zh = "zh"
    ja = "ja"
    ko = "ko"
    mn = "mn"
    ru = "ru"


class Form(StrEnum):
    """Formats of an export."""

    movebank_csv = "movebank-csv"
    geojson = "geojson"
    geoparquet = "geoparquet"
    mf_json = "mf-json"
    geopackage = "geopackage"


def export(
    study_id: Annotated[UUID, typer.Argument(metavar="STUDY", help="The study, by its id.")],
    form: Annotated[Form, typer.Option("--format", help="For Movebank, GIS or data frames.")],
    out: Annotated[Path, typer.Option(file_okay=False, help="Folder; made where missing.")],
    *,
    individual: Annotated[UUID | None, typer.Option(help="One bird, by its id.")] = None,
    datetime: Annotated[
        str | None, typer.Option(help="RFC 3339 interval, both ends included; `..` is open.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write a study into files, exactly and with its hidden fixes: the owner's copy.

    movebank-csv gives events.csv and reference.csv: push both into an empty study, and you have
    the same fixes, readings, terms, deployments and aliases of tags again, and what was hidden or
    shown by hand with its reason. They don't hold: who decided something and when, dismissed
    suspicions of dead birds, corrections of stopovers and seasons, parameters, withdrawals, what
    was replaced or refused, and birds without a tag and tags without a bird with their terms and
    aliases. Of a deployment that names imply reference.csv says so (flyways:deployment-implied):
    nothing is stated by such a row; clear that cell to state it. Cells are written as they are; a
    spreadsheet may take one that begins with = + - @ for a formula.

    geojson and geoparquet hold every fix; mf-json (Moving Features) and geopackage (generalised
    lines) the tracks of shown fixes.

    flyways export 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --format geoparquet --out cranes
    """
    from app import deliver

    written = with_store(
        lambda store: deliver.export(
            store, study_id, form=form.value, out=out, individual=individual, datetime=datetime
        )
    )
    answer(written, as_json=as_json)


def replay(
    push_id: Annotated[UUID, typer.Argument(metavar="PUSH", help="The push, by its id.")],
    *,
    format_name: Annotated[str | None, typer.Option("--format", help="Else as before.")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of times without one; else as before.")] = (
        None
    ),
    encoding: Annotated[str | None, typer.Option(help="Else as before.")] = None,
    datum: Annotated[str | None, typer.Option(help="wgs84, gcj02 or bd09; else as before.")] = None,
    date_order: Annotated[str | None, typer.Option(help="dmy or mdy; else as before.")] = None,
    mapping: Annotated[UUID | None, typer.Option(help="A column mapping, by its id.")] = None,
    tag: Annotated[str | None, typer.Option(help="Whose it is; else as before.")] = None,
    correct: Annotated[
        list[str] | None, typer.Option(metavar="UNIT=TEXT", help="What a refused unit should be.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it; else only show it.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Read a kept push in another way, or with refused units corrected: shown, with --apply done.

    What can't be read so is not done: nothing changes, the reason is told, exit code 3.

    flyways replay 5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11 --tz UTC+8

    flyways replay 5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11 --tz UTC+8 --apply

    flyways replay 5b4f9a0e-6a0b-4e2f-9a55-0c6f5b1f7a11 --correct "17=2024-03-01,127.5,34.8,D1"
    """
    from app import deliver
    from app.pipeline.replay import Wanted

    units: dict[int, str | None] = {}
    for each in correct or ():
        unit, _, text = each.partition("=")
        if not unit.isdecimal() or not text:
            raise typer.BadParameter(f"{each} is no UNIT=TEXT: give the number of the unit first")
        units[int(unit)] = text
    wanted = Wanted(format_name, tz, encoding, datum, date_order, mapping, units, tag)
    found = with_store(lambda store: deliver.replay(store, push_id, wanted, apply=apply))
    answer(found if as_json else _in_lines(found), as_json=as_json)
    if (problem := found["problem"]) is not None:
        say(f"it can't be read so: {problem['detail']} {problem['remedy']}")
        raise typer.Exit(PUSH_FAILED)


def _in_lines(found: dict[str, Any]) -> dict[str, Any]:
    changes = {name: f"{a} -> {b}" for name, (a, b) in found["changes"].items()}
    effect = found.get("effect", {})
    counts = {name: value for name, value in effect.items() if isinstance(value, int)}
    return {"applied": found["applied"], **changes, **counts}


Study = Annotated[UUID, typer.Argument(metavar="STUDY", help="The study, by its id.")]
Code = Annotated[str | None, typer.Option(help="One code, as in the guide.")]
Push = Annotated[UUID | None, typer.Option(help="One push, by its id.")]
Received = Annotated[
    str | None, typer.Option("--datetime", help="When received: RFC 3339 interval, `..` is open.")
]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Rows of one page.")]
After = Annotated[
    str | None, typer.Option(metavar="NEXT", help="Go on after the page that named this.")
]


def refusals(
    study_id: Study,
    *,
    code: Code = None,
    push: Push = None,
    received: Received = None,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """
    List what is refused of the pushes of a study, as they are read now, with the way to mend it.

    flyways refusals 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --code time-unreadable

    A unit is a row, block or element, counted from 1. Say what it should have been, or how to
    read all of its push; both show first what they would change:

    flyways replay PUSH --correct "17=2024-03-01,127.5,34.8,D1"

    flyways replay PUSH --tz Asia/Seoul
    """
    asked = {"push": push, "code": code, "datetime": received, "after": after, "limit": limit}
    _list(study_id, "refusals", asked, as_json=as_json)


def suspects(
    study_id: Study,
    *,
    code: Code = None,
    push: Push = None,
    received: Received = None,
    limit: Limit = 100,
    after: After = None,
    as_json: AsJson = False,
) -> None:
    """
    List what is suspect of the pushes of a study: warnings, and flags of fixes with their number.

    flyways suspects 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --code time-zone-suspect

    Nothing suspect is lost: it is stored and flagged. What was read in a wrong zone is read again:

    flyways replay PUSH --tz UTC+8
    """
    asked = {"push": push, "code": code, "datetime": received, "after": after, "limit": limit}
    _list(study_id, "suspects", asked, as_json=as_json)


def _list(
    study: UUID, what: Literal["refusals", "suspects"], asked: dict[str, Any], *, as_json: bool
) -> None:
    from app import deliver

    found = with_store(lambda store: deliver.listed(store, study, what, **asked))
    if as_json:
        answer(found, as_json=True)
        return
    if found["items"]:
        answer(found["items"], as_json=False)
    else:
        say(f"no {what} here")
    if found["next"] is not None:
        say(f"more follow: add --after {found['next']}")


def plot(
    noun_id: Annotated[UUID, typer.Argument(metavar="INDIVIDUAL|STUDY", help="Its id.")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write, as SVG.")],
    *,
    as_json: AsJson = False,
) -> None:
    """
    Draw a bird, or the birds of a study: map, latitude, displacement, calendar of stopovers.

    flyways plot 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --out crane.svg
    """
    from app import deliver

    answer(with_store(lambda store: deliver.plot(store, noun_id, out)), as_json=as_json)


def report(
    flyway: Annotated[str, typer.Argument(help="Its id, as in the list: species[:season].")],
    out: Annotated[Path, typer.Option(dir_okay=False, help="File to write: .html or .pdf.")],
    *,
    lang: Annotated[Lang, typer.Option(help="Language of the report.")] = Lang.en,
    datetime: Annotated[
        str | None, typer.Option(help="RFC 3339 interval, both ends included; `..` is open.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(help="As it was kept: a snapshot's id, or a time up to which one was made."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """
    Write the printable report of a flyway: figures, ledger and migrations of all studies here.

    A PDF is printed by Chromium, which must be installed; an HTML page needs nothing. Exit code 1
    where a PDF is asked for and there is no Chromium.

    flyways report white_naped_crane --out white-naped.pdf

    flyways report demoiselle_crane:spring --lang mn --out demoiselle.html

    --as-of reads a snapshot of /api/v1/flyways/FLYWAY/report?lang=LANG, with its datetime if it
    has one, and exits 1 where it is withdrawn.
    """
    from app import deliver

    written = with_store(
        lambda store: deliver.report(
            store, flyway, out, lang=lang.value, datetime=datetime, as_of=as_of
        )
    )
    answer(written, as_json=as_json)


VERBS = (export, replay, refusals, suspects, plot, report)
"""The commands of this module."""
