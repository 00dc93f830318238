"""A file of a command is whole or as it was, whatever comes between."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from app.errors import SetupError
from app.files import whole, write


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
