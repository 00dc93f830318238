"""A file of a command is whole or as it was, and what it can't read or write is told in a line."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from app import cli as commands
from app import files
from app.errors import SetupError
from app.files import whole, write
from tests.test_cli import run, study

__all__ = ["run", "study"]


@pytest.mark.parametrize("mode", ["w", "wb"])
def test_a_file_takes_its_name_when_it_is_whole(tmp_path: Path, mode: str) -> None:
    file, said = tmp_path / "a", "鶴\n" if mode == "w" else b"crane"
    with whole(file, mode) as opened:
        opened.write(said)
        assert not file.exists()
    assert file.read_bytes() == (said.encode() if isinstance(said, str) else said)
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("lost", [KeyboardInterrupt(), ConnectionResetError(), TimeoutError()])
def test_what_ends_halfway_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, lost: BaseException
) -> None:
    """Ctrl-C, and a database that is lost while its rows are written: both are told as they are."""
    file = tmp_path / "a"
    file.write_text("old")

    def halfway() -> None:
        with whole(file) as opened:
            opened.write("half")
            raise lost

    with pytest.raises(type(lost)):
        halfway()
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    (tmp_path / ".a.part").symlink_to("/dev/full")  # what it is called until it is whole
    with pytest.raises(SetupError, match=r"/a can't be written: No space.*another place\."):
        write(file, b"new")
    assert (file.read_bytes(), list(tmp_path.iterdir())) == (b"old", [file])


def test_a_file_without_a_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"none/a can't be written: No such file"):
        write(tmp_path / "none/a", b"")


def test_who_could_not_read_the_old_file_can_not_read_the_new_one(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.touch(0o600)
    write(file, b"new")
    assert (file.read_bytes(), stat.S_IMODE(file.stat().st_mode)) == (b"new", 0o600)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    link.symlink_to(there)
    for text in (b"first", b"second"):
        write(link, text)
        assert link.is_symlink() and there.read_bytes() == text


def test_a_pipe_is_written_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write(pipe, b"new")
        assert (os.read(reader, 9), stat.S_ISFIFO(pipe.stat().st_mode)) == (b"new", True)
    finally:
        os.close(reader)


def test_a_pipe_is_read_to_its_end_and_a_plain_file_left_in_place(tmp_path: Path) -> None:
    pipe, plain = tmp_path / "7304g.txt", tmp_path / "birds.csv"
    os.mkfifo(pipe)
    plain.write_bytes(b"a")
    writer = threading.Thread(target=pipe.write_bytes, args=(b"abc",))
    writer.start()
    with files.ended(pipe) as whole:
        assert (whole.name, whole.read_bytes()) == (pipe.name, b"abc")
    writer.join()
    assert not whole.exists()
    with files.ended(plain) as whole:
        assert whole == plain


@pytest.mark.parametrize(
    ("path", "told"), [("/dev/zero", "may have no end"), ("/proc/self/mem", "can't be read")]
)
def test_what_has_no_end_or_cannot_be_read_is_told(
    path: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ENDLESS_MAX_BYTES", 3 << 20)
    with pytest.raises(SetupError, match=told), files.ended(Path(path)):
        pass


FLYWAYS = [sys.executable, "-m", "app.cli"]


@pytest.mark.parametrize("word", ["--help", "--version"])
@pytest.mark.parametrize("place", ["/dev/full", "closed pipe"])
def test_an_answer_that_cannot_be_written_is_told_in_a_line(word: str, place: str) -> None:
    if place == "closed pipe":
        reader, writer = os.pipe()
        os.close(reader)
    else:
        writer = os.open(place, os.O_WRONLY)
    done = subprocess.run([*FLYWAYS, word], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert done.returncode == commands.NOT_DONE
    assert done.stderr.startswith(b"flyways: The answer can't be written to standard output")
    assert len(done.stderr.splitlines()) == 1


def test_a_closed_standard_output_is_told_before_anything_is_done() -> None:
    shut = ["sh", "-c", '"$@" >&-', "sh", *FLYWAYS, "--version"]
    done = subprocess.run(shut, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr[:35]) == (1, b"flyways: Standard output is closed.")


def _written_to(pipe: Path) -> int:
    """Open the other end of a pipe as soon as somebody reads it."""
    for _ in range(600):
        try:
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("nobody reads the pipe")


def test_a_push_that_waits_for_a_pipe_is_stopped_by_ctrl_c(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    words = [*FLYWAYS, "push", str(pipe), "--study", str(uuid4())]
    with subprocess.Popen(words, stderr=subprocess.PIPE) as waits:
        try:
            writer = _written_to(pipe)
            waits.send_signal(signal.SIGINT)
            told = waits.communicate(timeout=20)[1]
            os.close(writer)
        finally:
            waits.kill()
    assert waits.returncode == 130
    assert told.startswith(b"flyways: Stopped by Ctrl-C") and len(told.splitlines()) == 1


def test_an_argument_that_is_no_utf8_is_told(
    run: Any,
    study: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "birds.csv"
    file.write_text("x")
    words = ["push", str(file), "--study", study, "--tag", os.fsdecode(b"a\xff")]
    monkeypatch.setattr(sys, "argv", ["flyways", *words])
    with pytest.raises(SystemExit) as left:
        commands.main()
    assert left.value.code == commands.WRONG_USAGE
    assert "a\\xff: that is no text in UTF-8" in capsys.readouterr().err
