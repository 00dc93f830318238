"""`partner`, `study` and `key`: institutes, their data sets and who may do what with them."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import typer

from app.terminal import AsJson, answer, checked, with_store

partner = typer.Typer(no_args_is_help=True, help="Partner institutes.")
study = typer.Typer(no_args_is_help=True, help="Studies: an owner's data sets.")
key = typer.Typer(no_args_is_help=True, help="Keys of institutes and of operators.")


@partner.command("add")
def partner_add(
    name: str,
    country: Annotated[str | None, typer.Option(help="Two letters, as in ISO 3166.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Add an institute and make its first key, which is shown this once.

    flyways partner add "Crane Institute" --country KR
    """
    from app import operate
    from app.api.bodies import InstituteIn

    asked = checked(InstituteIn, {"name": name, "country": country})
    added = with_store(lambda store: operate.add_partner(store, asked.name, asked.country))
    answer(added, as_json=as_json)


@study.command("add")
def study_add(
    name: str,
    institute: Annotated[UUID, typer.Option(help="The owner.")],
    as_json: AsJson = False,
) -> None:
    """
    Add a study; it is private until it is opened.

    flyways study add "Cranes 2026" --institute 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate
    from app.api.bodies import StudyIn

    asked = checked(StudyIn, {"name": name})
    row = with_store(lambda store: operate.add_study(store, asked.name, institute))
    answer({"study": row["ref"]}, as_json=as_json)


@study.command("open")
def study_open(
    study_id: UUID,
    close: Annotated[bool, typer.Option("--close", help="Make it private again.")] = False,
    as_json: AsJson = False,
) -> None:
    """
    Open a study to everyone: delayed, on a coarse grid, without breeding and roost places.

    flyways study open 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate

    row = with_store(lambda store: operate.open_study(store, study_id, public=not close))
    answer({"study": row["ref"], "visibility": row["visibility"]}, as_json=as_json)


@key.command("create")
def key_create(
    institute: Annotated[UUID | None, typer.Option(help="Else an operator's key.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="read, push, manage; else all.")] = None,
    label: Annotated[str, typer.Option(help="What it is for.")] = "",
    as_json: AsJson = False,
) -> None:
    """
    Make a key; it is shown this once.

    flyways key create --institute 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --scope push
    """
    from app import operate
    from app.api.bodies import KeyIn
    from app.store.audience import SCOPES

    scopes = [known for known in SCOPES if not scope or known in scope]
    unknown = set(scope or ()) - set(SCOPES)
    if unknown:
        raise typer.BadParameter(f"no scope {', '.join(unknown)}: choose of {', '.join(SCOPES)}")
    if label:
        label = checked(KeyIn, {"label": label, "scopes": scopes}).label
    row = with_store(lambda store: operate.create_key(store, institute, scopes, label))
    answer({"id": row["ref"], "key": row["key"], "scopes": row["scopes"]}, as_json=as_json)


@key.command("list")
def key_list(as_json: AsJson = False) -> None:
    """
    List keys by their first characters; a secret is never kept.

    flyways key list --json
    """
    from app import operate

    wanted = ("ref", "prefix", "label", "scopes", "institute", "last_used_at", "revoked_at")
    rows = with_store(operate.list_keys)
    answer([{name: row[name] for name in wanted} for row in rows], as_json=as_json)


@key.command("revoke")
def key_revoke(key_id: UUID, as_json: AsJson = False) -> None:
    """
    End a key and the browser sessions made with it, at once.

    flyways key revoke 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11
    """
    from app import operate

    row = with_store(lambda store: operate.revoke_key(store, key_id))
    answer({"id": row["ref"], "revoked_at": row["revoked_at"]}, as_json=as_json)
