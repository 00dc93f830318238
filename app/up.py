"""Everything at once: database, schema, web and worker, until told to stop."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from urllib.error import URLError
from urllib.request import urlopen
from uuid import UUID

from app import operate
from app.config import Settings
from app.errors import Problem, SetupError, in_a_line
from app.files import ended

READY_TIMEOUT_S = 60
STOP_TIMEOUT_S = 25  # longer than the worker's own time to finish a job
POLL_S = 0.1
PR_SET_PDEATHSIG = 1  # linux/prctl.h

Say = Callable[[str], None]
Children = dict[str, subprocess.Popen[bytes]]


def up(settings: Settings, files: Sequence[Path], say: Say) -> None:
    """Start everything, tell the address, and stay until SIGINT or SIGTERM; stop everything."""
    with _until_told_to_stop(), operate.database(settings) as dsn:
        free_port(settings)
        say("database ready")
        for layer in asyncio.run(operate.migrate(dsn)):
            say(f"layer loaded: {layer}")
        with _children(dsn) as children:
            _wait_until_ready(settings, children)
            kept = asyncio.run(_load(settings, dsn, files, say))
            ticket = asyncio.run(_ticket(dsn))
            print(f"Flyways is ready: {settings.address}/?signin={ticket}", flush=True)
            asyncio.run(_told(dsn, kept, children, say))
            while True:
                _check(children)
                time.sleep(POLL_S)


async def _load(
    settings: Settings, dsn: str, files: Sequence[Path], say: Say
) -> list[tuple[str, UUID]]:
    """
    Show something on the first start, and push the named files into a private study.

    Return the name and the push of each file.
    """
    kept: list[tuple[str, UUID]] = []
    async with operate.opened(dsn) as store:
        if settings.demo and await operate.is_empty(store):
            from app import demo  # noqa: PLC0415 - only the first start simulates

            say("simulating a flock of eight species")
            await demo.load(store)
            say("the flock is kept; the map fills while its tracks are derived")
        if files:
            from app import deliver  # noqa: PLC0415 - the decoders take a second to load

            study = await operate.own_study(store)
            for file in files:
                try:
                    with ended(file) as whole:
                        push = await deliver.push(store, whole, study)
                except (SetupError, Problem) as error:
                    # One that can't be kept keeps none of the others back, nor the service.
                    say(f"{file.name}: {in_a_line(error)}")
                    continue
                kept.append((file.name, push))
                say(f"{file.name} is kept as push {push}, in the private study {study}")
    return kept


async def _told(dsn: str, kept: Sequence[tuple[str, UUID]], children: Children, say: Say) -> None:
    """Say what became of each file, as soon as the worker is through with it."""
    if not kept:
        return
    from app import deliver  # noqa: PLC0415 - the decoders take a second to load

    async with operate.opened(dsn) as store:
        for name, push in kept:
            through = asyncio.create_task(deliver.processed(store, push))
            while not through.done():
                _check(children)
                await asyncio.wait([through], timeout=POLL_S)
            try:
                receipt = through.result()
            except (SetupError, Problem) as error:
                # Laid aside, or the database is away: the web process goes on all the same.
                say(f"{name}: {in_a_line(error)}")
                continue
            if receipt.problem is not None:
                problem = receipt.problem
                say(f"{name} could not be read: {problem['detail']} {problem['remedy']}")
                continue
            say(
                f"{name}: {receipt.stored} stored of {receipt.units}, {receipt.duplicates} "
                f"known before, {receipt.refused} refused, {len(receipt.individuals)} individuals"
            )
            if receipt.refused:
                say(f"{name}: `flyways refusals {receipt.study} --push {push}` lists what and why")
            for warning in receipt.warnings:
                say(f"{name}: {warning['detail']}")


async def _ticket(dsn: str) -> str:
    async with operate.opened(dsn) as store:
        return await operate.sign_in_ticket(store)


@contextmanager
def _until_told_to_stop() -> Iterator[None]:
    """Turn the first SIGINT or SIGTERM into the end of the block, and hold off any more."""

    def leave(number: int, frame: FrameType | None) -> None:
        del number, frame
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    before = {each: signal.signal(each, leave) for each in signals}
    try:
        yield
    except KeyboardInterrupt:
        return
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def free_port(settings: Settings) -> None:
    """Find out before anything starts whether the address can be had."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise SetupError(
                f"{settings.host}:{settings.port} can't be used ({error.strerror}). "
                "Stop what uses it, or choose another: FLYWAYS_PORT=8001"
            ) from error


@contextmanager
def _children(dsn: str) -> Iterator[Children]:
    """Run web and worker as processes of their own, and stop them at the end."""
    environ = os.environ | {"FLYWAYS_DATABASE_URL": dsn}
    children: Children = {}
    try:
        for verb in ("serve", "worker"):
            children[verb] = subprocess.Popen(  # noqa: S603 - this very program
                [sys.executable, "-m", "app.cli", verb],
                env=environ,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches this process alone, which ends them
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - no thread runs at this time
            )
        yield children
    finally:
        _stop(children.values())


def _die_with_parent() -> None:
    """Ask the kernel to end this child should its parent be killed (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(children: Iterable[subprocess.Popen[bytes]]) -> None:
    running = [child for child in children if child.poll() is None]
    for child in running:
        child.terminate()
    deadline = time.monotonic() + STOP_TIMEOUT_S
    for child in running:
        try:
            child.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _check(children: Children) -> None:
    """Fail as a whole when a part has ended, so that a supervisor starts all anew."""
    for verb, child in children.items():
        if child.poll() is not None:
            raise SetupError(
                f"`flyways {verb}` ended with code {child.returncode}; its last lines above say "
                "why. Try `flyways doctor`."
            )


def _wait_until_ready(settings: Settings, children: Children) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        _check(children)
        try:
            with urlopen(f"{settings.address}/health/ready", timeout=5) as answer:  # noqa: S310 - own
                if answer.status == 200:
                    return
        except (URLError, OSError):
            time.sleep(POLL_S)
    raise SetupError(f"{settings.address}/health/ready stays unready. Try `flyways doctor`.")
