"""`flyways up` as people meet it: started, signed in, killed, started again, stopped."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.config import Settings
from app.errors import SetupError
from app.store import cluster as clusters
from app.up import free_port

ROOT = Path(__file__).parents[1]


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """Give the settings of an installation of its own."""
    data_dir = Path(tempfile.mkdtemp(prefix="flyways-up-"))
    data_dir.chmod(0o755)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    kept = {name: value for name, value in os.environ.items() if "FLYWAYS_" not in name}
    own = {"FLYWAYS_DATA_DIR": str(data_dir), "FLYWAYS_PORT": str(port), "FLYWAYS_DEMO": "0"}
    yield kept | own
    shutil.rmtree(data_dir)


@contextmanager
def started(environ: dict[str, str], *files: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Give the running command and the address that it printed; what it says goes into a file."""
    command = [sys.executable, "-m", "app.cli", "up", *map(str, files)]
    with (
        said(environ).open("w") as told,
        subprocess.Popen(
            command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, stderr=told, text=True
        ) as process,
    ):
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("Flyways is ready: http://127.0.0.1:"), line
        try:
            yield process, line.rpartition(" ")[2].strip()
        finally:
            process.kill()


def said(environ: dict[str, str]) -> Path:
    return Path(environ["FLYWAYS_DATA_DIR"]) / "said"


def wait_until_said(environ: dict[str, str], *texts: str) -> None:
    deadline = time.monotonic() + 90
    while not all(text in said(environ).read_text() for text in texts):
        assert time.monotonic() < deadline, said(environ).read_text()
        time.sleep(0.1)


def get(address: str) -> object:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return json.load(answer) if "json" in answer.headers["content-type"] else answer.status


def postmaster(environ: dict[str, str]) -> int | None:
    return clusters._postmaster(Path(environ["FLYWAYS_DATA_DIR"]) / "postgres")


def children(process: subprocess.Popen[str]) -> list[int]:
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(pid) for pid in listed.split()]


def has_ended(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def wait_for_end(pid: int) -> None:
    """Wait on the kernel's own handle of a process that is no child of ours."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([handle], [], [], 30)
        assert ended
    finally:
        os.close(handle)


@pytest.mark.timeout(180)
def test_the_story_of_an_installation(environ: dict[str, str], tmp_path: Path) -> None:
    good, bad = tmp_path / "crane.csv", tmp_path / "list.csv"
    good.write_text(
        "individual-local-identifier,timestamp,location-long,location-lat\n"
        "A7,2024-03-01 00:00:00,127.3,37.9\nA7,2024-03-01 01:00:00,127.3,97.9\n"
    )
    bad.write_text("bread,milk\n1,2\n")
    with started(environ) as (process, address):
        root, _, ticket = address.partition("/?signin=")
        assert ticket
        get(f"{root}/health/ready")
        parts = children(process)
        assert len(parts) == 2
        process.kill()  # as by the kernel when memory runs out: nothing is told to stop
        process.wait()
        for pid in parts:
            wait_for_end(pid)
    empty = tmp_path / "empty.csv"
    empty.touch()
    with started(environ, empty, good, bad) as (process, address):
        get(f"{address.partition('/?')[0]}/health/ready")
        wait_until_said(
            environ,
            "flyways: empty.csv: The body is empty. ",
            "crane.csv: 1 stored of 2, 0 known before, 1 refused, 1 individuals\n",
            "crane.csv: `flyways refusals ",
            "list.csv could not be read: ",
        )
        parts = children(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0
        assert all(has_ended(pid) for pid in parts)
        assert postmaster(environ) is None


def test_the_web_process_alone_stops_its_database(environ: dict[str, str]) -> None:
    command = [sys.executable, "-m", "app.cli", "serve"]
    with subprocess.Popen(command, env=environ, cwd=ROOT) as process:
        try:
            while not _answers(int(environ["FLYWAYS_PORT"])):
                assert process.poll() is None
                time.sleep(0.05)
            assert postmaster(environ) is not None
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 0
            assert postmaster(environ) is None
        finally:
            process.kill()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_taken_port_is_told_before_anything_starts() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SetupError, match="FLYWAYS_PORT=8001"):
            free_port(Settings(port=port))
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv("FLYWAYS_PORT", str(port))
            alone = CliRunner().invoke(cli, ["serve"])
        assert isinstance(alone.exception, SetupError)
