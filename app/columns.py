"""The verb `mapping`: which column is which term, for files of makers with no known format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.errors import SetupError
from app.terminal import AsJson, answer, with_store

if TYPE_CHECKING:
    from app.store.engine import Store

mapping = typer.Typer(no_args_is_help=True, help="Column mappings, for files of unknown makers.")

Document = Annotated[
    Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE.json", help="The mapping.")
]
Study = Annotated[UUID, typer.Option("--study", help="Study whose pushes it reads.")]


@mapping.command("add")
def mapping_add(
    document: Document,
    study_id: Study,
    name: Annotated[str | None, typer.Option(help="Else the name of the file.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Save a mapping, or a new version of the one of that name.

    flyways mapping add hqbg.json --study 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    held = _read(document)
    row = with_store(lambda store: _save(store, study_id, name or document.stem, held))
    answer(_shown(row), as_json=as_json)


@mapping.command("list")
def mapping_list(
    study_id: Annotated[UUID | None, typer.Option("--study", help="Else of all.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    List mappings, each in its newest version.

    flyways mapping list
    """
    from app import operate
    from app.store import mappings, studies

    async def rows(store: Store) -> list[dict[str, Any]]:
        audience = await operate.operator(store)
        async with store.read() as conn:
            if study_id is not None:
                await studies.owned(conn, audience, study_id)
            return await mappings.page(conn, audience, limit=1_000, study=study_id)

    answer([_shown(row) for row in with_store(rows)], as_json=as_json)


@mapping.command("show")
def mapping_show(
    mapping_id: Annotated[UUID, typer.Argument(metavar="MAPPING", help="The mapping, by its id.")],
    version: Annotated[int | None, typer.Option(help="Else the newest.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Show what a mapping says.

    flyways mapping show 8a4b5f5e-5a0f-4b7d-9c35-0c8f9d0a7b11
    """
    from app import operate
    from app.store import mappings

    async def row(store: Store) -> dict[str, Any]:
        audience = await operate.operator(store)
        async with store.read() as conn:
            return await mappings.one(conn, audience, mapping_id, version)

    found = with_store(row)
    answer({**_shown(found), "document": found["document"]}, as_json=as_json)


@mapping.command("try")
def mapping_try(
    document: Document,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="A sample.")],
    as_json: AsJson = False,
) -> None:
    """
    Tell what a file would become if it were read with a mapping; exit codes as of `ingest check`.

    flyways mapping try hqbg.json sample.csv
    """
    from ingest.__main__ import main

    _read(document)
    words = ["check", str(file), "--mapping", str(document)]
    raise typer.Exit(main([*words, "--json"] if as_json else words))


def _read(document: Path) -> dict[str, Any]:
    import ingest

    try:
        return ingest.write_mapping(ingest.read_mapping(document.read_bytes()))
    except ingest.MappingRefused as refused:
        raise SetupError(f"{document}: {refused.detail} {refused.remedy}") from refused


async def _save(store: Store, study: UUID, name: str, document: dict[str, Any]) -> dict[str, Any]:
    from app import operate
    from app.store import mappings, studies

    audience = await operate.operator(store)
    async with store.write() as conn:
        owner = await studies.owned(conn, audience, study)
        known = await mappings.page(conn, audience, limit=1_000, study=study)
        held = next((row for row in known if row["name"] == name), None)
        if held is None:
            return await mappings.create(conn, audience, owner["id"], name=name, document=document)
        row, _ = await mappings.add_version(conn, audience, held["ref"], document)
        return row


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    told = ("study", "name", "version", "made_by", "made_at")
    return {"mapping": row["ref"]} | {name: row[name] for name in told}
