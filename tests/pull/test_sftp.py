"""An SFTP drop on loopback: only the server that is meant, quiet whole files, nothing else."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import ValidationError

from app.pull import files, sftp
from tests.pull.conftest import NOW, PASSWORD, Bench
from tests.pull.test_folder import HEADER, drop, line

KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
OWN = asyncssh.generate_private_key("ssh-ed25519")


@dataclass
class Drop:
    """A maker's server: one account, in a folder that it can't leave, and faults in turn."""

    root: Path
    host_key: asyncssh.SSHKey = KEY
    port: int = 0
    logins: list[str] = field(default_factory=list)
    reads: list[str] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    holds: bool = False
    on_read: Callable[[Any, str, int], None] | None = None

    @property
    def base(self) -> str:
        return f"sftp://127.0.0.1:{self.port}"

    def settings(self, **more: Any) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port,
                "host_keys": [KEY.get_fingerprint("sha256")]} | more  # fmt: skip


class Login(asyncssh.SSHServer):
    def __init__(self, place: Drop) -> None:
        self.place = place

    def begin_auth(self, username: str) -> bool:
        self.place.logins.append(username)
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("me", PASSWORD)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == "me" and key == OWN.convert_to_public()


class Served(asyncssh.SFTPServer):
    def __init__(self, place: Drop, chan: Any) -> None:
        super().__init__(chan, chroot=os.fsencode(place.root))
        self.place, self.chan, self.opened = place, chan, {}

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        found = super().open(path, pflags, attrs)
        self.opened[found] = path.decode()
        self.place.reads.append(path.decode())
        return found

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        if self.place.on_read is not None:
            self.place.on_read(self, self.opened[file_obj], offset)
        if self.place.holds:
            await self.place.held.wait()
        return super().read(file_obj, offset, size)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        for name in self.place.names:
            attrs = asyncssh.SFTPAttrs(size=9, permissions=0o100644, atime=1, mtime=1)
            yield asyncssh.SFTPName(name, attrs=attrs)
        async for entry in super().scandir(path):
            yield entry


@asynccontextmanager
async def serving(place: Drop) -> AsyncIterator[Drop]:
    server = await asyncssh.listen(
        "127.0.0.1", 0, server_factory=partial(Login, place), server_host_keys=[place.host_key],
        sftp_factory=partial(Served, place), config=None,
    )  # fmt: skip
    place.port = server.get_port()
    try:
        yield place
    finally:
        place.held.set()
        server.close()
        await server.wait_closed()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Drop]:
    async with serving(Drop(tmp_path)) as made:
        yield made


async def watch(bench: Bench, place: Drop, **values: Any) -> int:
    settings = values.pop("settings", {})
    return await bench.connect("sftp", place.base, settings=place.settings(**settings), **values)


LATER = NOW + timedelta(hours=3)


async def test_quiet_files_come_once_and_grown_ones_again(bench: Bench, place: Drop) -> None:
    connector = await watch(bench, place, settings={"folder": "out/csv", "pattern": "*.csv"})
    drop(place.root / "out/csv/a.csv", HEADER + line(1))
    drop(place.root / "out/csv/b.csv", HEADER + line(2), age_s=5)
    drop(place.root / "out/csv/.c.csv", HEADER + line(3))
    drop(place.root / "out/csv/d.txt", HEADER + line(3))
    assert await bench.pull(connector) == 1
    assert await bench.pull(connector, NOW + timedelta(minutes=5)) == 1
    assert await bench.code(connector) is None
    place.reads.clear()
    assert await bench.pull(connector, LATER) == 0
    assert place.reads == []
    drop(place.root / "out/csv/a.csv", HEADER + line(1) + line(4), age_s=-300)
    assert await bench.pull(connector, LATER) == 1
    assert [time.hour for _, time in await bench.fixes()] == [1, 2, 4]
    cursor = (await bench.state(connector))["cursor"]
    assert cursor == {
        name: f"{len(HEADER) + n * len(line(1))}:{mtime}"
        for name, n, mtime in (
            ("a.csv", 2, int(NOW.timestamp()) + 300), ("b.csv", 1, int(NOW.timestamp()) - 5),
        )
    }  # fmt: skip
    (place.root / "out/csv/b.csv").unlink()
    assert await bench.pull(connector, LATER) == 0
    assert list((await bench.state(connector))["cursor"]) == ["a.csv"]


async def test_a_file_replaced_within_a_second_is_seen_by_the_overlap(
    bench: Bench, place: Drop
) -> None:
    connector = await watch(bench, place, overlap_s=1800)
    drop(place.root / "a.csv", HEADER + line(1), age_s=600)
    assert await bench.pull(connector) == 1
    assert await bench.pull(connector) == 0
    drop(place.root / "a.csv", HEADER + line(2), age_s=600)
    assert await bench.pull(connector) == 1
    place.reads.clear()
    assert await bench.pull(connector, LATER) == 0
    assert place.reads == []


async def test_another_host_key_is_never_trusted_and_no_password_sent(
    bench: Bench, tmp_path: Path
) -> None:
    drop(tmp_path / "a.csv", HEADER + line(1))
    async with serving(Drop(tmp_path, host_key=OTHER)) as place:
        connector = await watch(bench, place)
        assert await bench.pull(connector) == 0
        problem = (await bench.state(connector))["problem"]
        assert problem["code"] == "host-key-differs"
        assert OTHER.get_fingerprint("sha256") in problem["detail"]
        assert place.logins == []
        assert (await bench.state(connector))["next_run_at"] - NOW == timedelta(days=1)
        both = [KEY.get_fingerprint("sha256"), OTHER.get_fingerprint("sha256")]
        moving = await watch(bench, place, settings={"host_keys": both})
        assert await bench.pull(moving) == 1
        assert await bench.code(moving) is None


async def test_a_password_or_a_private_key_opens_it(bench: Bench, place: Drop) -> None:
    drop(place.root / "a.csv", HEADER + line(1))
    keyed = await watch(bench, place, password=OWN.export_private_key().decode())
    assert await bench.pull(keyed) == 1
    for wrong in (
        "wrong-5523", OTHER.export_private_key().decode(), "-----BEGIN nonsense",
        OWN.export_private_key("pkcs8-pem", passphrase="x").decode(),
    ):  # fmt: skip
        connector = await watch(bench, place, password=wrong)
        assert await bench.pull(connector) == 0
        assert await bench.code(connector) == "credentials-refused"
        assert wrong not in str((await bench.state(connector))["problem"])


async def test_a_connection_that_drops_keeps_what_came_and_the_rest_comes_later(
    bench: Bench, place: Drop
) -> None:
    for n in range(3):
        drop(place.root / f"{n}.csv", HEADER + line(n), age_s=9000 - n)

    def hang_up(server: Any, path: str, _offset: int) -> None:
        if path.endswith("1.csv"):
            server.chan.get_connection().abort()

    place.on_read = hang_up
    connector = await watch(bench, place)
    assert await bench.pull(connector) == 1
    assert await bench.code(connector) == "provider-unreachable"
    assert list((await bench.state(connector))["cursor"]) == ["0.csv"]
    place.on_read = None
    assert await bench.pull(connector, NOW + timedelta(hours=1)) == 2
    assert await bench.code(connector) is None
    assert len(await bench.fixes()) == 3


async def test_a_large_file_is_whole_and_a_silent_server_is_not_waited_for(
    bench: Bench, place: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = (HEADER + line(1) * 40_000).encode()
    assert len(large) > 3 * sftp.PIECE_BYTES
    (place.root / "a.csv").write_bytes(large)
    os.utime(place.root / "a.csv", (1, 1))
    connector = await watch(bench, place)
    assert await bench.pull(connector) == 1
    assert await bench.bodies() == [large]
    place.holds = True
    drop(place.root / "b.csv", HEADER + line(2))
    monkeypatch.setattr(sftp, "SILENT_S", 0.5)
    monkeypatch.setattr(sftp, "CLOSED_S", 0.5)
    assert await bench.pull(connector, LATER) == 0
    assert await bench.code(connector) == "provider-unreachable"


async def test_a_file_half_written_or_replaced_while_it_is_read_is_left_for_later(
    bench: Bench, place: Drop
) -> None:
    drop(place.root / "a.csv", HEADER + line(1), age_s=9000)
    drop(place.root / "b.csv", HEADER + line(2), age_s=9000)
    drop(place.root / "c.csv", HEADER + line(3), age_s=9000)
    changes: dict[str, Callable[[Path], None]] = {
        "a.csv": lambda path: drop(path, HEADER + line(1) + line(4), age_s=9000),  # grows
        "b.csv": lambda path: drop(path, HEADER + line(5), age_s=8000),  # another of its size
    }

    def change(_server: Any, path: str, _offset: int) -> None:
        name = path.rpartition("/")[2]
        if name in changes:
            changes.pop(name)(place.root / name)

    place.on_read = change
    connector = await watch(bench, place)
    assert await bench.pull(connector) == 1
    problem = (await bench.state(connector))["problem"]
    assert problem["code"] == "files-left"
    assert problem["detail"].count("changed while it was read") == 2
    assert list((await bench.state(connector))["cursor"]) == ["c.csv"]
    assert await bench.pull(connector, NOW + timedelta(hours=1)) == 2
    assert [time.hour for _, time in await bench.fixes()] == [1, 3, 4, 5]


async def test_what_may_not_be_read_is_told_and_the_others_are_taken(
    bench: Bench, place: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "ANSWER_MAX_BYTES", 1000)
    drop(place.root / "a.csv", HEADER + line(1))
    drop(place.root / "denied.csv", HEADER + line(2))
    drop(place.root / "large.csv", HEADER + "".join(map(line, range(20))))

    def deny(_server: Any, path: str, _offset: int) -> None:
        if "denied" in path:
            raise asyncssh.SFTPPermissionDenied("not yours")

    place.on_read = deny
    connector = await watch(bench, place)
    assert await bench.pull(connector) == 1
    told = (await bench.state(connector))["problem"]
    assert told["code"] == "files-left"
    assert "denied.csv can't be read" in told["detail"]
    assert "large.csv is larger" in told["detail"]
    assert list((await bench.state(connector))["cursor"]) == ["a.csv"]
    for missing in ("none", "a.csv"):
        connector = await watch(bench, place, settings={"folder": missing})
        assert await bench.pull(connector) == 0
        assert await bench.code(connector) == "folder-missing"


async def test_links_and_names_that_are_paths_are_never_followed(bench: Bench, place: Drop) -> None:
    drop(place.root / "other/secret.csv", HEADER + line(1))
    drop(place.root / "own/a.csv", HEADER + line(2))
    (place.root / "own/link.csv").symlink_to(place.root / "other/secret.csv")
    (place.root / "own/sub.csv").mkdir()
    place.names = [b"../other/secret.csv", b"/other/secret.csv", b"..", b"x\ny.csv",
                   b"\xb0\xb1.csv", b"n" * 300 + b".csv"]  # fmt: skip
    connector = await watch(bench, place, settings={"folder": "own"})
    assert await bench.pull(connector) == 1
    assert {each.rpartition("/")[2] for each in place.reads} == {"a.csv"}
    told = (await bench.state(connector))["problem"]
    assert told["code"] == "files-left"
    assert "\n" not in told["detail"]
    assert [time.hour for _, time in await bench.fixes()] == [2]


async def test_a_folder_without_end_is_not_read_to_its_end(
    bench: Bench, place: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp, "LISTED_MAX", 50)
    place.names = [b"%d.tmp" % n for n in range(60)]
    connector = await watch(bench, place, settings={"pattern": "*.csv"})
    assert await bench.pull(connector) == 0
    assert await bench.code(connector) == "folder-too-full"


async def test_only_public_addresses_are_asked_unless_the_operator_names_the_server(
    bench: Bench, place: Drop
) -> None:
    drop(place.root / "a.csv", HEADER + line(1))
    for base, code in (
        (None, "address-refused"), ("sftp://127.0.0.1:1", "address-refused"),
        ("sftp://localhost", "address-refused"), ("https://127.0.0.1", "address-refused"),
    ):  # fmt: skip
        connector = await watch(bench, place)
        bench.bases = {} if base is None else {"sftp": base}
        assert await bench.pull(connector) == 0
        assert await bench.code(connector) == code
    assert place.logins == []
    nowhere = await watch(bench, place, settings={"host": "no-such-host.invalid"})
    assert await bench.pull(nowhere) == 0
    assert await bench.code(nowhere) == "provider-unreachable"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False),
        ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False), ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True), ("2002:0a00:0001::", False), ("64:ff9b::a00:1", False),
        ("64:ff9b::808:808", True), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False),
    ],
)  # fmt: skip
def test_what_is_public_is_told_through_every_wrapping(address: str, *, public: bool) -> None:
    assert sftp.is_public(address) is public


@pytest.mark.parametrize(
    "more",
    [
        {"host_keys": []}, {"host_keys": ["SHA256:short"]}, {"host_keys": ["MD5:aa"]},
        {"folder": "../x"}, {"folder": "a/../b"}, {"folder": ".."}, {"folder": "a;b"},
        {"pattern": "a/*"}, {"host": "user@host"}, {"host": "a b"}, {"port": 0}, {"password": "x"},
    ],
)  # fmt: skip
def test_settings_that_could_mean_something_else_are_refused(more: dict[str, Any]) -> None:
    sound = Drop(Path(), port=22).settings()
    assert sftp.Settings.model_validate(sound).folder == "."
    assert sftp.Settings.model_validate(sound | {"folder": "/out/a..b/c"}).port == 22
    with pytest.raises(ValidationError):
        sftp.Settings.model_validate(sound | more)
