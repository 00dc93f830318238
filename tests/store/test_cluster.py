"""The embedded PostGIS: started once, shared, stopped by its last user, whole after any kill."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from app.errors import SetupError
from app.store import cluster as clusters
from app.store import postgres
from app.store.cluster import Cluster

ROOT = Path(__file__).parents[2]

USER = """
import sys
from pathlib import Path
from app.store.cluster import Cluster
with Cluster(Path(sys.argv[1])).use() as url:
    print(url, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """Give one cluster's folder, where the server's own account may enter."""
    place = Path(tempfile.mkdtemp(prefix="flyways-cluster-"))
    place.chmod(0o755)
    yield place
    shutil.rmtree(place)


@pytest.fixture
def cluster(data_dir: Path) -> Cluster:
    return Cluster(data_dir, durable=False)


def ask(url: str, sql: str) -> object:
    with psycopg.connect(url) as conn:
        return conn.execute(sql).fetchone()[0]


def running(cluster: Cluster) -> bool:
    return clusters._postmaster(cluster.pgdata) is not None


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate(timeout=30)


Other = tuple[subprocess.Popen[str], str]


@pytest.fixture
def other(cluster: Cluster) -> Iterator[Other]:
    """Give another process that uses the cluster, and the URL it got."""
    command = [sys.executable, "-c", USER, str(cluster.data_dir)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        yield process, process.stdout.readline().strip()
        process.kill()


def test_the_database_is_prepared_and_the_role_is_no_superuser(cluster: Cluster) -> None:
    with cluster.use() as url:
        assert str(ask(url, "select postgis_version()")).startswith("3.")
        assert ask(url, "select count(*) from pg_extension where extname = 'btree_gist'") == 1
        assert ask(url, "show is_superuser") == "off"
        assert ask(url, "show listen_addresses") == ""
        assert ask(url, "show data_checksums") == "on"
    assert not running(cluster)


def test_data_outlive_the_server(cluster: Cluster) -> None:
    with cluster.use() as url, psycopg.connect(url) as conn:
        conn.execute("create table kept as select 7 as n")
    with cluster.use() as url:
        assert ask(url, "select n from kept") == 7
        with psycopg.connect(url) as conn:
            conn.execute("drop table kept")


def test_the_last_user_stops_the_server(cluster: Cluster, other: Other) -> None:
    process, url = other
    with cluster.use() as own:
        assert own == url
        process.communicate(timeout=30)
        assert process.returncode == 0
        assert ask(own, "select 1") == 1
    assert not running(cluster)


def test_a_killed_user_counts_as_gone(cluster: Cluster, other: Other) -> None:
    kill(other[0])
    assert running(cluster)
    with cluster.use() as url:  # adopts the server that was left
        assert ask(url, "select 1") == 1
    assert not running(cluster)


def test_the_next_start_mends_a_kill_of_everything(cluster: Cluster, other: Other) -> None:
    with psycopg.connect(other[1]) as conn:
        conn.execute("create table before_kill as select 1 as n")
    postmaster = clusters._postmaster(cluster.pgdata)
    assert postmaster is not None
    kill(other[0])
    os.kill(postmaster, signal.SIGKILL)
    with cluster.use() as again:
        assert ask(again, "select n from before_kill") == 1


def test_a_number_that_another_process_has_now_is_no_server(cluster: Cluster) -> None:
    stale = cluster.pgdata / "postmaster.pid"
    lines = [str(os.getpid()), str(cluster.pgdata), "1", "5432", "/nowhere", "", "", "ready"]
    with cluster.use():
        pass
    stale.write_text("\n".join(lines))
    assert not running(cluster)
    with cluster.use() as url:
        assert ask(url, "select 1") == 1


def test_half_a_cluster_is_made_anew() -> None:
    with tempfile.TemporaryDirectory(prefix="flyways-half-") as folder:
        Path(folder).chmod(0o755)
        (Path(folder) / "postgres.new/base").mkdir(parents=True)
        with Cluster(Path(folder), durable=False).use() as url:
            assert ask(url, "select 1") == 1


def test_settings_of_a_durable_cluster_keep_what_was_acknowledged(data_dir: Path) -> None:
    with Cluster(data_dir).use() as url:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert ask(url, f"show {setting}") == "on"


def test_a_long_path_gets_a_short_socket(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    account = postgres.server_account()
    place = Cluster(long)._make_socket_dir(account)
    assert len(os.fsencode(place / clusters.SOCKET_NAME)) <= clusters.SOCKET_PATH_MAX_BYTES
    assert place.stat().st_uid == account.uid
    place.rmdir()


def test_a_socket_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = postgres.Account(os.geteuid(), os.getegid())
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(SetupError, match="belongs to someone else"):
        Cluster(tmp_path)._make_socket_dir(mine)


def test_the_url_names_the_socket(cluster: Cluster) -> None:
    with cluster.use() as url:
        asked = parse_qs(urlsplit(url).query)
        assert Path(asked["host"][0], clusters.SOCKET_NAME).is_socket()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SetupError, match="Set FLYWAYS_DATA_DIR"),
        Cluster(tmp_path / "file/data").use(),
    ):
        pass


def test_missing_programs_are_told_with_the_line_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_has_postgis", lambda place: False)
    with pytest.raises(SetupError, match=r"sudo apt-get install --yes .*postgis"):
        postgres.find_binaries()


def test_data_of_another_version_are_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SetupError, match="made by PostgreSQL 9, which is not installed"):
        postgres.find_binaries("9")


def test_programs_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = postgres.find_binaries()
    monkeypatch.setenv("FLYWAYS_PG_BIN", str(found))
    assert postgres.find_binaries() == found
