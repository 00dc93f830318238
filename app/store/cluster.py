"""The embedded PostGIS: a private cluster in the data directory, shared by who uses it.

Every process that needs the database holds a shared lock on `users.lock` while it does; the last
one to let go stops the server. Locks belong to the kernel, so a killed process counts as gone.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from app.errors import SetupError
from app.store.postgres import Account, find_binaries, server_account

DATABASE = "flyways"
PORT = 5432  # names the socket file only: the cluster never listens on the network
SOCKET_PATH_MAX_BYTES = 107  # sockaddr_un.sun_path on Linux, less the closing zero
SOCKET_NAME = f".s.PGSQL.{PORT}"
START_TIMEOUT_S = 60  # crash recovery of a day's WAL on a slow disk took under 20 s
LOG_MAX_BYTES = 10_000_000  # the log starts anew beyond this size

SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "shared_preload_libraries": "postgis-3",  # else each connection loads it, for 15 ms
    "unix_socket_permissions": "0700",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "max_locks_per_transaction": "256",  # partitioned tables lock each of their parts
    "random_page_cost": "1.1",  # solid state disks
    "jit": "off",  # costs more than it saves on queries of a few milliseconds
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_error_statement": "panic",  # a statement may hold coordinates of a nest
    "log_parameter_max_length_on_error": "0",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FLEETING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "autovacuum": "off",  # a database lives for a test; dropping it would wait for the autovacuum
    "wal_recycle": "off",  # what is written may lie in memory: it goes when it is done with
    "max_wal_size": "4GB",  # no checkpoint but those of making and dropping databases
    "checkpoint_timeout": "1h",
}

# The service's own role is no superuser: it reads no files of the server and loads no code into it.
PREPARE = """
set client_min_messages = warning;
select 'create role flyways login createdb createrole'
 where not exists (select from pg_roles where rolname = 'flyways') \\gexec
select 'create database flyways owner flyways'
 where not exists (select from pg_database where datname = 'flyways') \\gexec
\\connect flyways
set client_min_messages = warning;
create extension if not exists postgis;
create extension if not exists btree_gist;
"""


class Cluster:
    """One PostgreSQL cluster with PostGIS, reached over a Unix socket only."""

    def __init__(self, data_dir: Path, *, durable: bool = True) -> None:
        self.data_dir = data_dir.expanduser().absolute()
        self.durable = durable
        self.pgdata = self.data_dir / "postgres"
        self.log = self.data_dir / "postgres.log"

    @contextmanager
    def use(self) -> Iterator[str]:
        """Give the URL of a running, prepared database; stop the server after its last user."""
        self._claim_data_dir()
        with _locked(self.data_dir / "users.lock", fcntl.LOCK_SH) as users:
            try:
                with _locked(self.data_dir / "start.lock", fcntl.LOCK_EX):
                    url = self._started()
                yield url
            finally:
                with _locked(self.data_dir / "start.lock", fcntl.LOCK_EX):
                    if _take_over(users):
                        self._stop()

    def _started(self) -> str:
        """Find or start the server and make its database ready."""
        account, bin_dir = server_account(), self._binaries()
        self._initialise(account, bin_dir)
        socket_dir = self._wait_until_ready(account, bin_dir)
        self._prepare(account, bin_dir, socket_dir)
        return f"postgresql://{DATABASE}@/{DATABASE}?host={quote(str(socket_dir))}&port={PORT}"

    def _claim_data_dir(self) -> None:
        """Create the data directory, and refuse one that the server's account can't reach."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The data directory {self.data_dir} can't be made ({error.strerror}). "
                "Set FLYWAYS_DATA_DIR to a folder that you may write to."
            ) from error
        if self.data_dir.stat().st_uid != os.geteuid():
            raise SetupError(
                f"The data directory {self.data_dir} belongs to another user. "
                "Run as that user or set FLYWAYS_DATA_DIR to a folder of your own."
            )
        if server_account().run("/bin/sh", "-c", 'cd -- "$0"', self.data_dir).returncode:
            raise SetupError(
                f"The database's user can't enter {self.data_dir} (a folder above it is closed). "
                "Set FLYWAYS_DATA_DIR to an open place such as /var/lib/flyways."
            )

    def _binaries(self) -> Path:
        version = self.pgdata / "PG_VERSION"
        return find_binaries(version.read_text().strip() if version.exists() else None)

    def _initialise(self, account: Account, bin_dir: Path) -> None:
        """Make the cluster beside its place and move it there whole: a kill leaves no half."""
        if self.pgdata.exists():
            return
        fresh = self.data_dir / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        account.own(fresh, 0o700)
        done = account.run(
            bin_dir / "initdb",
            f"--pgdata={fresh}",
            "--username=postgres",
            "--auth-local=trust",
            "--auth-host=reject",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--data-checksums",
            *(() if self.durable else ("--no-sync",)),
        )
        if done.returncode:
            raise SetupError(f"initdb failed: {_last_line(done)} Free some disk and try again.")
        with (fresh / "postgresql.conf").open("a") as conf:
            conf.write("include 'flyways.conf'\n")
        fresh.rename(self.pgdata)

    def _start(self, account: Account, bin_dir: Path) -> None:
        """Start the server, waiting out back ends that a killed predecessor left behind."""
        self._configure(account)
        deadline = time.monotonic() + START_TIMEOUT_S
        while True:
            _open_log(self.log, account)
            done = account.run(
                *(bin_dir / "pg_ctl", "start", "--wait", f"--timeout={START_TIMEOUT_S}"),
                *("--silent", f"--pgdata={self.pgdata}", f"--log={self.log}"),
            )
            if done.returncode == 0:
                return
            orphans = "shared memory block" in _tail(self.log)
            if not orphans or time.monotonic() > deadline:
                raise SetupError(
                    f"PostgreSQL did not start. Its log {self.log} ends with:\n{_tail(self.log)}"
                )
            time.sleep(0.2)

    def _configure(self, account: Account) -> None:
        """Write the settings and clear away what an unclean end left."""
        socket_dir = self._make_socket_dir(account)
        settings = SETTINGS | (DURABLE if self.durable else FLEETING)
        settings["unix_socket_directories"] = f'"{socket_dir}"'
        lines = [f"{key} = '{_escaped(value)}'\n" for key, value in settings.items()]
        conf = self.pgdata / "flyways.conf"
        conf.write_text("".join(lines))
        account.own(conf, 0o600)
        # PostgreSQL takes any process with the number in these files for its predecessor, even
        # a dead one that was not collected. None runs (that was checked by name), and a back
        # end that lingers is found by its shared memory all the same.
        for left in (self.pgdata / "postmaster.pid", socket_dir / f"{SOCKET_NAME}.lock"):
            left.unlink(missing_ok=True)

    def _make_socket_dir(self, account: Account) -> Path:
        """Choose a folder for the socket whose path fits into a socket address."""
        place = self.data_dir / "run"
        if len(os.fsencode(place / SOCKET_NAME)) > SOCKET_PATH_MAX_BYTES:
            digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:12]
            place = Path(tempfile.gettempdir()) / f"flyways-{account.uid}-{digest}"
        if not place.exists():
            place.mkdir(mode=0o700)
            account.own(place, 0o700)
        if place.is_symlink() or place.stat().st_uid != account.uid:
            raise SetupError(f"{place} belongs to someone else. Remove it and start again.")
        return place

    def _wait_until_ready(self, account: Account, bin_dir: Path) -> Path:
        """Wait until the server answers; one found running may be recovering or stopping."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if _postmaster(self.pgdata) is None:
                self._start(account, bin_dir)
            socket_dir = _socket_dir(self.pgdata)
            if socket_dir is not None:
                asked = (f"--host={socket_dir}", f"--port={PORT}", "--quiet")
                if account.run(bin_dir / "pg_isready", *asked).returncode == 0:
                    return socket_dir
            time.sleep(0.05)
        raise SetupError(f"PostgreSQL does not answer. Its log is {self.log}:\n{_tail(self.log)}")

    def _prepare(self, account: Account, bin_dir: Path, socket_dir: Path) -> None:
        """Make the role, the database and its extensions where they are missing."""
        done = account.run(
            *(bin_dir / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1"),
            *(f"--host={socket_dir}", f"--port={PORT}", "--username=postgres", "postgres"),
            stdin=PREPARE,
        )
        if done.returncode:
            raise SetupError(f"The database can't be prepared: {_last_line(done)}")

    def _stop(self) -> None:
        """Stop the server; fast first, then at once."""
        for mode in ("fast", "immediate"):
            if _postmaster(self.pgdata) is None:
                return
            server_account().run(
                *(self._binaries() / "pg_ctl", "stop", "--wait", "--timeout=30", "--silent"),
                *(f"--mode={mode}", f"--pgdata={self.pgdata}"),
            )


@contextmanager
def _locked(path: Path, kind: int) -> Iterator[int]:
    """Hold a lock on a file; the kernel lets go of it when the process dies."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
        yield descriptor
    finally:
        os.close(descriptor)


def _take_over(users: int) -> bool:
    """Tell whether nobody else uses the cluster, by asking for the lock alone."""
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _postmaster(pgdata: Path) -> int | None:
    """Give the number of the server that runs on these data, not of a later namesake."""
    try:
        pid = int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIG_DFL)
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except PermissionError:
        return None  # another user's process: never a server on data that only we can read
    except (OSError, ValueError):
        return None
    is_server = Path(os.fsdecode(command[0])).name in {"postgres", "postmaster"}
    return pid if is_server and os.fsencode(pgdata) in command else None


def _socket_dir(pgdata: Path) -> Path | None:
    """Read where the server listens from the fifth line of its postmaster.pid."""
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return None
    return Path(lines[4]) if len(lines) > 4 and lines[4] else None


def _escaped(value: str) -> str:
    return value.replace("'", "''")


def _open_log(log: Path, account: Account) -> None:
    if log.exists() and log.stat().st_size > LOG_MAX_BYTES:
        log.write_bytes(b"")
    log.touch()
    account.own(log, 0o600)


def _tail(log: Path, lines: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    return (done.stderr or done.stdout).strip().rpartition("\n")[2]
