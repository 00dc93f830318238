"""The command line: one verb, one thin call; progress goes to standard error."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from pydantic_core import ValidationError

from app import VERSION, archive, columns, connectors, lifeless, morning, partners, tags
from app.errors import Problem, SetupError
from app.files import ended, write
from app.loading import loading
from app.terminal import (
    DIFFERS,
    DONE,
    NOT_DONE,
    PUSH_FAILED,
    STOPPED,
    UNFIT,
    WRONG_USAGE,
    AsJson,
    answer,
    complain,
    is_no_text,
    not_utf8,
    say,
    settings,
    told_output,
    uuid,
    with_database,
    with_store,
)

EPILOG = (
    "Exit codes: 0 done; 1 not done, with the remedy on standard error; 2 wrong usage; "
    "3 nothing of the push could be read; 4 the doctor found something; "
    "5 what is stored differs from its rebuild; 130 stopped by Ctrl-C."
)

cli = typer.Typer(no_args_is_help=True, epilog=EPILOG, pretty_exceptions_enable=False)
cli.add_typer(partners.partner, name="partner")
cli.add_typer(partners.study, name="study")
cli.add_typer(partners.key, name="key")
cli.add_typer(connectors.connector, name="connector")
cli.add_typer(tags.tag, name="tag")

END_YEARS = (2000, 2099)
"""When a simulated flock may end: tags have told their place by GPS since the first of them."""

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]


class Sensor(StrEnum):
    """Kinds of tags that can be simulated."""

    gps = "gps"
    argos = "argos"


def _told(version: bool) -> None:  # noqa: FBT001 - typer hands it over by place
    if version:
        typer.echo(f"flyways {VERSION}")
        raise typer.Exit


@cli.callback()
def _every_command(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_told, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Telemetry of cranes and spoonbills: stopovers, flyway routes, habitat use."""


def main() -> None:
    """Run the command; turn every expected failure into one line with its remedy."""
    try:
        with told_output():
            cli()
    except SystemExit as left:
        if left.code == STOPPED:
            say("Stopped by Ctrl-C before the end. What was not done yet is done by asking again.")
        raise
    except KeyboardInterrupt:
        say("Stopped by Ctrl-C.")
        sys.exit(STOPPED)
    except (SetupError, Problem, ValidationError) as error:
        complain(error)
        sys.exit(NOT_DONE)
    except OSError as error:
        if error.filename is None:
            raise  # no file of whoever typed this
        say(f"{error.filename}: {error.strerror}. Name another place.")
        sys.exit(NOT_DONE)
    except Exception as error:
        wrong = not_utf8(sys.argv[1:])
        if not (wrong and is_no_text(error)):
            raise
        say(f"{', '.join(wrong)}: that is no text in UTF-8. Type it anew, or set the terminal so.")
        sys.exit(WRONG_USAGE)


@cli.command()
def up(
    files: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="Your own data.")
    ] = None,
) -> None:
    """
    Start everything (database, web, worker) until SIGINT or SIGTERM.

    flyways up birds.csv reference.csv
    """
    from app.up import up as start

    start(settings(), files or [], say)


@cli.command()
def serve() -> None:
    """
    Answer HTTP requests.

    flyways serve
    """
    with loading():
        import uvicorn

        from app.main import create_app
        from app.operate import assert_fit, database
        from app.up import free_port
        from app.wire import OneWrite

    chosen = settings()
    free_port(chosen)
    # uvicorn raises the signal anew in the end; unhandled, it would leave the database running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(DONE))
    with database(chosen) as dsn:
        asyncio.run(assert_fit(dsn))
        uvicorn.run(
            create_app(chosen.model_copy(update={"database_url": dsn})),
            host=chosen.host,
            port=chosen.port,
            http=OneWrite,
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=chosen.proxies,
            timeout_graceful_shutdown=chosen.shutdown_timeout_s,
        )


@cli.command()
def worker() -> None:
    """
    Derive what pushes and edits made stale.

    flyways worker
    """
    with loading():
        from app.pull.run import Surroundings
        from app.worker import run
    chosen = settings()
    around = Surroundings(chosen.pull_bases, chosen.inbox_dir)
    with_database(lambda dsn: run(dsn, around))


@cli.command()
def migrate(as_json: AsJson = False) -> None:
    """
    Bring the database to the schema of this version.

    flyways migrate
    """
    from app import operate

    loaded = with_database(operate.migrate)
    answer({"migrated": True, "layers_loaded": loaded}, as_json=as_json)


@cli.command()
def push(
    file: File,
    study_id: Annotated[str, typer.Option("--study", help="Study that the data belong to.")],
    format_name: Annotated[str | None, typer.Option("--format", help="Else recognised.")] = None,
    tz: Annotated[str | None, typer.Option(help="Zone of times without one; else UTC.")] = None,
    encoding: Annotated[str | None, typer.Option(help="Of the text; else recognised.")] = None,
    datum: Annotated[str | None, typer.Option(help="wgs84, gcj02 or bd09; else wgs84.")] = None,
    date_order: Annotated[str | None, typer.Option(help="dmy or mdy; else found out.")] = None,
    mapping: Annotated[UUID | None, typer.Option(help="A column mapping, by its id.")] = None,
    tag: Annotated[str | None, typer.Option(help="Whose it is, where no row says it.")] = None,
    secret: Annotated[str | None, typer.Option("--key", envvar="FLYWAYS_KEY")] = None,
    url: Annotated[str | None, typer.Option(help="A service elsewhere; needs --key.")] = None,
    as_json: AsJson = False,
) -> None:
    """
    Push a file and wait until its receipt is final.

    flyways push birds.csv --study 0b0e6d1c-4f7e-4ad5-8f3e-0f3f2d1f9c11 --tz Asia/Seoul
    """
    if url is not None and secret is None:
        raise typer.BadParameter("a service elsewhere wants a key: add --key flw_…")
    with ended(file) as whole:  # first: what is loaded below lets no Ctrl-C through to a pipe
        if url is not None and secret is not None:
            from app.remote import push as send

            options = {"format": format_name, "tz": tz, "encoding": encoding, "datum": datum}
            options |= {"date_order": date_order, "tag": tag}
            options |= {"mapping": str(mapping) if mapping else None}
            receipt = send(url, whole, study_id, key=secret, options=options)
        else:
            from app import deliver
            from app.pipeline.receive import reading

            study = uuid(study_id)
            how = reading(format_name, tz, encoding, datum, date_order, tag=tag)
            receipt = with_store(
                lambda at: deliver.delivered(at, whole, study, how, mapping=mapping)
            )
    answer(receipt, as_json=as_json)
    _tell_unread(receipt, url)


def _tell_unread(receipt: dict[str, Any], url: str | None) -> None:
    """Say what of a push could not be read; where that is all of it, end so."""
    # Sent again as it stands, a push is a replay: that another reading failed is not about it.
    newer = None if receipt.get("replay_of") else receipt.get("failed_reading")
    if problem := (newer or receipt).get("problem"):
        say(f"it could not be read: {problem['detail']} {problem['remedy']}")
        raise typer.Exit(PUSH_FAILED)
    if receipt.get("refused"):
        lists = f"`flyways refusals {receipt['study']} --push {receipt['push_id']}`"
        if url is not None:
            lists = f"{url.rstrip('/')}{receipt['links']['refusals']}"
        say(f"{receipt['refused']} of {receipt['units']} units refused: {lists} lists what and why")
        if not receipt["records"]:
            raise typer.Exit(PUSH_FAILED)


@cli.command()
def recompute(
    study_id: Annotated[UUID | None, typer.Option("--study", help="Else every study.")] = None,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Change nothing: compare what is stored, exit 5 if off."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """
    Derive stopovers, legs and flyways again from the fixes.

    With --verify nothing is changed: every bird and catalogue is rebuilt in a transaction that is
    taken back, and compared. Exit code 0: all the same; 5: something differs, named with its
    tables.

    flyways recompute --verify
    """
    from app import deliver

    if verify:
        if study_id is not None:
            raise typer.BadParameter("--verify looks at every study: leave --study out")
        verdicts = with_store(lambda store: deliver.verify(store, say))
        differs = [verdict for verdict in verdicts if verdict["differs"]]
        answer({"compared": len(verdicts), "differs": differs}, as_json=as_json)
        if differs:
            raise typer.Exit(DIFFERS)
        return
    count = with_store(lambda store: deliver.recompute(store, study_id))
    answer({"individuals": count}, as_json=as_json)


for verb in archive.VERBS:
    cli.command()(verb)
cli.command()(morning.morning)
cli.add_typer(columns.mapping, name="mapping")
cli.add_typer(lifeless.lifeless, name="lifeless")


@cli.command()
def simulate(
    out: Annotated[
        Path | None, typer.Argument(dir_okay=False, help="File for the fixes; else --study.")
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(dir_okay=False, help="File for the deployments.")
    ] = None,
    study_id: Annotated[
        UUID | None, typer.Option("--study", help="Push both into this study instead.")
    ] = None,
    birds: Annotated[int, typer.Option(min=1, help="Birds, of eight species in turn.")] = 16,
    days: Annotated[
        float, typer.Option(min=1, max=10_000, help="Span in days, ending today.")
    ] = 900.0,
    end: Annotated[
        datetime | None, typer.Option(help="Another end of the span, UTC.", formats=["%Y-%m-%d"])
    ] = None,
    interval_s: Annotated[
        float, typer.Option("--interval", min=60, max=864_000, help="Seconds between two fixes.")
    ] = 7200.0,
    sensor: Annotated[Sensor, typer.Option(help="Kind of the tags.")] = Sensor.gps,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same flock.")] = 7,
    as_json: AsJson = False,
) -> None:
    """
    Simulate a flock that flies real routes: fixes and deployments as Movebank CSV.

    To try things out without real birds. Two ways:

    flyways simulate fixes.csv --reference birds.csv --birds 4 --days 400

    flyways simulate --study ID --sensor argos --interval 5400
    """
    from app import demo
    from app.movement.sensing import Sending

    if (out is None) == (study_id is None):
        raise typer.BadParameter("name either a file to write or --study ID to push into")
    if reference is not None and out is None:
        raise typer.BadParameter("--reference goes with a file; with --study both are pushed")
    if end is not None and not END_YEARS[0] <= end.year <= END_YEARS[1]:
        raise typer.BadParameter(f"--end lies in the years {END_YEARS[0]} to {END_YEARS[1]}")
    files = demo.flock_files(
        demo.midnight(end), birds=birds, days=days, seed=seed,
        sending=Sending(sensor=sensor.value, interval_s=interval_s),
    )  # fmt: skip
    if study_id is not None:
        answer(with_store(lambda store: demo.push(store, files, study_id)), as_json=as_json)
        return
    written: dict[str, Any] = {}
    for path, name in ((out, "events"), (reference, "reference")):
        if path is not None:
            write(path, files[name])
            written |= {name: str(path), f"{name}_bytes": len(files[name])}
    answer(written, as_json=as_json)


@cli.command()
def bench(
    birds: Annotated[int, typer.Option(min=1, help="Simulated birds.")] = 8,
    days: Annotated[float, typer.Option(min=30, help="Days of fixes, one each half hour.")] = 365.0,
    as_json: AsJson = False,
) -> None:
    """
    Measure this machine: fixes a second through each step, and two reads of a map.

    A simulated flock goes into a database of its own, which is removed afterwards; yours is left
    alone, but whatever else runs here makes the figures worse.

    flyways bench --birds 16 --days 365
    """
    from app.bench import measure

    settings()
    answer(measure(birds, days, say), as_json=as_json)


@cli.command()
def doctor(as_json: AsJson = False) -> None:
    """
    Look for what keeps the service from working, and name the remedy.

    flyways doctor
    """
    from app.doctor import examine

    findings = examine(settings())
    answer([vars(finding) for finding in findings], as_json=as_json)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(UNFIT)


if __name__ == "__main__":
    main()
