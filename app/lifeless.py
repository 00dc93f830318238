"""`lifeless`: tags that lie still, listed and decided at the database itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.terminal import AsJson, answer, checked, with_store

if TYPE_CHECKING:
    from app.store.engine import Store

SHOWN = ("ref", "individual", "tag", "dismissed", "start_time", "end_time", "basis", "radius_m")
SAID = ("ref", "individual", "tag", "verdict", "end_type", "ended_time", "reviewer", "note",
        "undone_at")  # fmt: skip

lifeless = typer.Typer(no_args_is_help=True, help="Dead birds and dropped tags.")

Suspicion = Annotated[UUID, typer.Argument(metavar="SUSPICION", help="Its id, from the list.")]
Reviewer = Annotated[str, typer.Option(help="Who looked at it.")]
Note = Annotated[str, typer.Option(help="Why, for whoever reads it later.")]


@lifeless.command("list")
def lifeless_list(
    study_id: Annotated[UUID | None, typer.Option("--study", help="Else of all.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    List tags that lie still to the end of their data.

    flyways lifeless list
    """
    from app import operate
    from app.store import lifeless as suspicions
    from app.store import studies

    async def rows(store: Store) -> list[dict[str, Any]]:
        audience = await operate.operator(store)
        async with store.read() as conn:
            if study_id is not None:
                await studies.owned(conn, audience, study_id)
            return await suspicions.page(conn, audience, limit=1_000, study=study_id)

    answer([{k: row[k] for k in SHOWN} for row in with_store(rows)], as_json=as_json)


@lifeless.command("confirm")
def lifeless_confirm(
    suspicion: Suspicion,
    reviewer: Reviewer,
    end_type: Annotated[
        str, typer.Option(help="Movebank's deployment-end-type: dead, fall-off …")
    ] = "dead",
    ended: Annotated[
        datetime | None,
        typer.Option(help="End of the deployment, UTC; else the first still fix."),
    ] = None,
    note: Note = "",
    as_json: AsJson = False,
) -> None:
    """
    Confirm that a bird is dead or its tag fell off: the deployment ends there.

    flyways lifeless confirm 1f7c2b0e-8a0e-4d9e-9a35-0c8f9d0a7b11 --reviewer Kim --end-type dead
    """
    at = None if ended is None else ended.replace(tzinfo=ended.tzinfo or UTC)
    said = {"reviewer": reviewer, "note": note or None, "end_type": end_type, "ended_time": at}
    answer(_decide(suspicion, {"verdict": "confirm", **said}), as_json=as_json)


@lifeless.command("dismiss")
def lifeless_dismiss(
    suspicion: Suspicion, reviewer: Reviewer, note: Note = "", as_json: AsJson = False
) -> None:
    """
    Dismiss a suspicion: the bird lives, its fixes are shown.

    flyways lifeless dismiss 1f7c2b0e-8a0e-4d9e-9a35-0c8f9d0a7b11 --reviewer Kim
    """
    said = {"verdict": "dismiss", "reviewer": reviewer, "note": note or None}
    answer(_decide(suspicion, said), as_json=as_json)


@lifeless.command("undo")
def lifeless_undo(
    verdict: Annotated[UUID, typer.Argument(metavar="VERDICT", help="As confirm printed it.")],
    as_json: AsJson = False,
) -> None:
    """
    Take a verdict back.

    flyways lifeless undo 2c2f81f1-0c34-4f5b-8c07-5cf3e4a0b1d2
    """
    from app import operate
    from app.store import lifeless_verdicts

    async def act(store: Store) -> dict[str, Any]:
        audience = await operate.operator(store)
        async with store.write() as conn:
            return await lifeless_verdicts.undo(conn, audience, verdict)

    answer({k: v for k, v in with_store(act).items() if k in SAID}, as_json=as_json)


def _decide(suspicion: UUID, told: dict[str, Any]) -> dict[str, Any]:
    from app import operate
    from app.api.bodies import LifelessVerdictIn
    from app.store import lifeless_verdicts

    asked = checked(LifelessVerdictIn, told)
    said = lifeless_verdicts.Decision(
        asked.verdict, asked.reviewer, asked.note or "", asked.end_type, asked.ended_time
    )

    async def act(store: Store) -> dict[str, Any]:
        audience = await operate.operator(store)
        async with store.write() as conn:
            return await lifeless_verdicts.decide(conn, audience, suspicion, said)

    return {k: v for k, v in with_store(act).items() if k in SAID}
