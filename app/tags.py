"""The verb `tag`: the transmitters of a study, and the names by which pushes may call them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.terminal import AsJson, answer, checked, with_store

if TYPE_CHECKING:
    from app.store.engine import Store

tag = typer.Typer(no_args_is_help=True, help="Tags: the transmitters of a study.")

TAGS_MAX = 10_000


@tag.command("list")
def tag_list(
    study_id: Annotated[UUID, typer.Option("--study", help="Their study.")],
    undeployed: Annotated[
        bool, typer.Option("--undeployed", help="Those alone whose fixes wait for a deployment.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    List the tags of a study: their names, and how many of their fixes no bird wore them for.

    flyways tag list --study 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --undeployed
    """
    from app import operate
    from app.store import reference, studies

    async def rows(store: Store) -> list[dict[str, Any]]:
        audience = await operate.operator(store)
        async with store.read() as conn:
            await studies.owned(conn, audience, study_id)
            return await reference.tags(
                conn, audience, limit=TAGS_MAX, study=study_id, waiting=undeployed
            )

    answer([_shown(row) for row in with_store(rows)], as_json=as_json)


@tag.command("alias")
def tag_alias(
    tag_id: Annotated[UUID, typer.Argument(metavar="TAG", help="The tag, by its id.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Its other names.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take them away instead.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Say that pushes may call a tag by other names too: serial, PTT, ring, a name from before.

    Fixes that name one are stored with this tag from then on. A name under which fixes are stored
    already stays a tag of its own: deploy both on the bird.

    flyways tag alias 7a0e6c1d-55cf-4f55-8f0e-3f1a2d0b9c77 861230040006118 "PTT 40001"
    """
    from app import operate
    from app.api.bodies import TagEdit
    from app.store import reference

    told = set(names) if remove else set(checked(TagEdit, {"aliases": names}).aliases or ())

    async def act(store: Store) -> dict[str, Any]:
        audience = await operate.operator(store)
        async with store.write() as conn:
            held = set((await reference.tag(conn, audience, tag_id))["aliases"])
            wanted = held - told if remove else held | told
            return await reference.edit_tag(conn, audience, tag_id, aliases=sorted(wanted))

    answer(_shown(with_store(act)), as_json=as_json)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    told = ("local_identifier", "aliases", "undeployed_n", "undeployed_first", "undeployed_last")
    return {"tag": row["ref"]} | {name: row[name] for name in told}
