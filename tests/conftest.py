"""What every test may ask for: a database of its own, the real data, settled hypothesis."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import typer.testing
from hypothesis import HealthCheck, settings

from app.store.cluster import Cluster

# Test processes share the cores among them; in each, polars and BLAS would start a thread a core,
# and those that wait for one another took a tenth of the time. Both read this when first loaded.
for _threads in ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")

# Typer makes its tree of commands anew for every command that a test types.
typer.testing._get_command = cache(typer.testing._get_command)

ROOT = Path(__file__).parents[1]
MEMORY_MIN_BYTES = 12_000_000_000  # the databases of a run hold up to 4 GB at a time
KEEP_S = 3600  # a database of a killed test run is swept away after this time
EXAMPLES = 50  # of a property where nothing else is said; the suite has more than two hundred

# The same examples on every machine: a change that passes here passes there. Others are tried by
# `pytest --hypothesis-profile=explore`, and by `make fuzz`.
settings.register_profile(
    "settled",
    derandomize=True,
    deadline=None,
    max_examples=EXAMPLES,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
)
settings.register_profile("explore", deadline=None, max_examples=4 * EXAMPLES)
settings.load_profile("settled")


def pytest_collection() -> None:
    """Collect no garbage while modules and tests are made, which stay."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Spare the collector what lasts as long as the run: modules, tests, compiled kernels.

    Tests and modules are three quarters of a million objects; to walk all of them again and again
    took a tenth of the time of the suite. To look for the garbage among them takes seconds of each
    process, and frees 20 MB: it stays.
    """
    gc.enable()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


LONG = ("guides/test_examples.py", "test_up.py", "faults/test_kills.py", "test_containers.py")
"""Modules with tests of half a minute and more."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long: else one process waits for the other's last test."""
    items.sort(key=lambda item: not item.path.as_posix().endswith(LONG))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Give the folder of real telemetry, which is never part of the repository."""
    place = Path(os.environ.get("FLYWAYS_TEST_DATA", ROOT.parent / "shared/data"))
    if not place.is_dir():
        pytest.skip("no real data: set FLYWAYS_TEST_DATA to their folder")
    return place


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Give the URL of a database server for tests, shared by all test processes of this tree.

    The cluster stays on disk between runs, so that only the first pays for making it.
    """
    given = os.environ.get("FLYWAYS_TEST_DATABASE_URL")
    if given:
        yield given
        return
    digest = hashlib.sha256(bytes(ROOT)).hexdigest()[:8]
    place = _quickest_place() / f"flyways-tests-{os.geteuid()}-{digest}"
    with Cluster(place, durable=False).use() as url:
        yield url


def _quickest_place() -> Path:
    """Choose memory where there is plenty: a database is 600 files, made and removed for a test."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= MEMORY_MIN_BYTES
    return memory if roomy else Path(tempfile.gettempdir())


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """Give the name of a migrated database to clone, made once for each state of the migrations."""
    name = f"template_{_fingerprint()}"
    with _one_at_a_time(), psycopg.connect(server, autocommit=True) as admin:
        _sweep(admin, keep=name)
        if not admin.execute("select 1 from pg_database where datname = %s", [name]).fetchone():
            building = _fresh_name()
            admin.execute(f"create database {building} template flyways")
            _migrate(_with_database(server, building))
            admin.execute(f"alter database {building} rename to {name}")
    return name


@contextmanager
def _databases(server: str) -> Iterator[Callable[[str], str]]:
    """Give a maker of copies of a database, which are dropped at the end of the block.

    Each is some six hundred files: hundreds of them at once take a minute to be removed.
    """
    made: list[str] = []

    def make(template: str) -> str:
        name = _fresh_name()
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"create database {name} template {template} strategy file_copy")
        made.append(name)
        return _with_database(server, name)

    yield make
    with psycopg.connect(server, autocommit=True) as admin:
        for name in made:
            _drop(admin, name)


@pytest.fixture(scope="session")
def new_lasting_database(server: str, template: str) -> Iterator[Callable[[], str]]:
    """Give a maker of migrated, empty databases; they last as long as the session."""
    with _databases(server) as make:
        yield lambda: make(template)


@pytest.fixture(scope="module")
def new_database(server: str, template: str) -> Iterator[Callable[[], str]]:
    """Give a maker of migrated, empty databases; they last as long as the module of tests."""
    with _databases(server) as make:
        yield lambda: make(template)


@pytest.fixture(scope="module")
def copy_of(server: str) -> Iterator[Callable[[str], str]]:
    """Give a maker of copies of a database, told by its URL, to which nobody is connected now."""
    with _databases(server) as make:
        yield lambda url: make(urlsplit(url).path.removeprefix("/"))


@pytest.fixture
def database(server: str, template: str) -> Iterator[str]:
    """Give the URL of a migrated, empty database that is this test's own."""
    with _databases(server) as make:
        yield make(template)


def _drop(admin: psycopg.Connection, name: str) -> None:
    """Drop a database with whoever is still connected, the autovacuum included."""
    try:
        admin.execute(f"drop database if exists {name} with (force)")
    except psycopg.errors.InsufficientPrivilege:
        # Only a superuser may end an autovacuum; a plain drop asks it to leave and waits.
        admin.execute(f"drop database if exists {name}")


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _fingerprint() -> str:
    """Digest everything that shapes a freshly migrated database."""
    digest = hashlib.sha256()
    for folder in ("migrations", "app/store/tables", "app/seeds"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".sql", ".csv"}:
                digest.update(bytes(path.relative_to(ROOT)) + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def _migrate(url: str) -> None:
    """Bring a database to the newest schema the way operators do."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", "upgrade", "head"],
        cwd=ROOT,
        env=os.environ | {"FLYWAYS_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.exit(f"The migrations fail:\n{done.stderr}", returncode=3)


def _fresh_name() -> str:
    """Name a database by its birth, so that a later run can tell a leftover."""
    return f"test_{int(time.time())}_{uuid.uuid4().hex[:8]}"


def _sweep(admin: psycopg.Connection, keep: str) -> None:
    """Drop what killed runs and earlier states of the migrations left."""
    leftovers = admin.execute(
        "select datname from pg_database d"
        " where (datname like 'template\\_%%' and datname <> %s"
        "        or datname like 'test\\_%%' and split_part(datname, '_', 2)::bigint < %s)"
        " and not exists (select from pg_stat_activity a where a.datname = d.datname)",
        [keep, int(time.time()) - KEEP_S],
    ).fetchall()
    for (name,) in leftovers:
        admin.execute(f"drop database if exists {name}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep parallel test processes from building the same template twice."""
    path = Path(tempfile.gettempdir()) / f"flyways-template-{os.geteuid()}.lock"
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
