"""`connector`: what is pulled, set up and run at the database itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from app.terminal import NOT_DONE, AsJson, answer, checked, settings, with_store

if TYPE_CHECKING:
    from app.store.engine import Store

SHOWN = ("ref", "name", "provider", "paused_at", "next_run_at", "last_success_at", "failures",
         "problem")  # fmt: skip

connector = typer.Typer(no_args_is_help=True, help="Connectors: what is pulled from providers.")


@connector.command("add")
def add(
    provider: Annotated[str, typer.Argument(help="movebank, cls, druid, lotek, folder or sftp.")],
    name: str,
    study: Annotated[UUID, typer.Option(help="Study that the data belong to.")],
    given: Annotated[
        str, typer.Option("--settings", help="Settings of the provider, as JSON.")
    ] = "{}",
    username: Annotated[str | None, typer.Option(help="Asks for the password.")] = None,
    format_name: Annotated[str | None, typer.Option("--format", help="Else recognised.")] = None,
    tz: Annotated[str, typer.Option(help="Zone of times without one.")] = "UTC",
    encoding: Annotated[str | None, typer.Option(help="Of the text; else recognised.")] = None,
    datum: Annotated[str, typer.Option(help="wgs84, gcj02 or bd09.")] = "wgs84",
    date_order: Annotated[str | None, typer.Option(help="Of 03/04/2024: dmy or mdy.")] = None,
    mapping: Annotated[UUID | None, typer.Option(help="A column mapping, by its id.")] = None,
    interval: Annotated[int | None, typer.Option(help="Seconds from pull to pull.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Add a connector; a worker runs it at once and then at its interval.

    The password comes from FLYWAYS_CONNECTOR_PASSWORD, or is asked for: never from the command.
    For sftp a private key may stand in its place, and host_keys of the settings names the server:

    ssh-keyscan HOST | ssh-keygen -lf -   (compare it with what its owner tells you)

    flyways connector add movebank Cranes --study ID --settings '{"study_id": 1}' --username me
    """
    from pydantic_core import from_json

    from app import operate
    from app.api.connectors import ConnectorIn, values_of

    password = os.environ.get("FLYWAYS_CONNECTOR_PASSWORD")
    if username and password is None:
        password = typer.prompt("Password", hide_input=True, err=True)
    try:
        settings_given = from_json(given)
    except ValueError as error:
        raise typer.BadParameter("--settings is no JSON object") from error
    asked = checked(ConnectorIn, {
        "study": study, "name": name, "provider": provider, "settings": settings_given,
        "username": username, "password": password, "format": format_name, "tz": tz,
        "encoding": encoding, "datum": datum, "date_order": date_order, "mapping": mapping,
        "interval_s": interval,
    })  # fmt: skip
    values = values_of(asked)
    row = with_store(lambda store: operate.add_connector(store, study, values))
    answer({name: row[name] for name in SHOWN}, as_json=as_json)


@connector.command("list")
def show(as_json: AsJson = False) -> None:
    """
    List connectors: when each runs next, and what its last pull failed of.

    flyways connector list --json
    """
    from app import operate

    rows = with_store(operate.list_connectors)
    answer([{name: row[name] for name in SHOWN} for row in rows], as_json=as_json)


@connector.command("run")
def run(connector_id: UUID, as_json: AsJson = False) -> None:
    """
    Pull now, here, and say how many new pushes that made.

    flyways connector run 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate
    from app.pull.run import Surroundings

    chosen = settings()
    around = Surroundings(chosen.pull_bases, chosen.inbox_dir)

    async def act(store: Store) -> dict[str, Any]:
        return await operate.run_connector(store, connector_id, around)

    done = with_store(act)
    answer(done, as_json=as_json)
    if done["problem"] is not None:
        raise typer.Exit(NOT_DONE)


@connector.command("pause")
def pause(
    connector_id: UUID,
    resume: Annotated[bool, typer.Option("--resume", help="Take it up again, at once.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Pause a connector; what it has not fetched waits at the provider.

    flyways connector pause 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate

    row = with_store(lambda store: operate.pause_connector(store, connector_id, paused=not resume))
    answer({name: row[name] for name in SHOWN}, as_json=as_json)


@connector.command("delete")
def delete(connector_id: UUID, as_json: AsJson = False) -> None:
    """
    Forget a connector and its password; what it brought stays.

    flyways connector delete 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate

    with_store(lambda store: operate.delete_connector(store, connector_id))
    answer({"deleted": connector_id}, as_json=as_json)
