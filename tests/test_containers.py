"""The container files say what is so: their commands run here, without an engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import typer.main
import yaml
from dockerfile_parse import DockerfileParser
from psycopg import sql

from app.cli import cli
from app.config import Settings
from app.store.cluster import Cluster
from app.store.postgres import find_binaries
from app.up import STOP_TIMEOUT_S

ROOT = Path(__file__).parents[1]
WORKDIR = "/srv/flyways"
GRACE_S = 30
PASSWORD = "p@ss%40 w/rd:#?&'$"
"""Each sign of it means something in an address."""
SETTINGS = {f"FLYWAYS_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def dockerfile() -> DockerfileParser:
    # Without `cache_content` and with a path, the parser only reads.
    return DockerfileParser(path=str(ROOT))


@pytest.fixture(scope="module")
def steps(dockerfile: DockerfileParser) -> list[tuple[str, str]]:
    return [
        (step["instruction"], re.sub(r"\s+", " ", step["value"]))
        for step in dockerfile.structure
        if step["instruction"] != "COMMENT"
    ]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def only(steps: list[tuple[str, str]], instruction: str) -> str:
    found = [value for name, value in steps if name == instruction]
    assert len(found) == 1, instruction
    return found[0]


def health_check(steps: list[tuple[str, str]]) -> list[str]:
    return json.loads(only(steps, "HEALTHCHECK").partition(" CMD ")[2])


# --- the image


def test_the_image_is_the_system_that_the_installer_knows(dockerfile, steps):
    assert dockerfile.baseimage == "debian:bookworm-slim"
    packages = next(value for name, value in steps if name == "RUN" and "apt-get install" in value)
    # What `make run` asks of a machine: Python with venv, make, and certificates to fetch with.
    assert {"python3", "python3-venv", "make", "ca-certificates"} <= set(packages.split())


def test_nothing_of_the_service_runs_as_root(steps):
    names = [name for name, _ in steps]
    user = only(steps, "USER")
    assert user not in {"root", "0"}
    assert any(f"useradd --create-home --uid 10001 {user}" in value for _, value in steps)
    assert names.index("USER") < names.index("COPY") < names.index("CMD")
    assert only(steps, "COPY") == f"--chown={user} . ."


def test_the_image_has_its_settings_by_their_names(dockerfile, steps):
    own = {name: value for name, value in dockerfile.envs.items() if name != "PATH"}
    assert own.keys() <= SETTINGS
    chosen = Settings(**{name.removeprefix("FLYWAYS_").lower(): v for name, v in own.items()})
    assert chosen.host == "0.0.0.0"  # the container's own network, or nobody could reach it
    assert str(chosen.port) == only(steps, "EXPOSE")
    assert only(steps, "WORKDIR") == WORKDIR
    assert dockerfile.envs["PATH"].startswith(f"{WORKDIR}/.venv/bin:")


def test_the_image_leaves_out_what_git_leaves_out_and_nothing_that_is_tracked():
    """A developer's packages are of another place, and `.env` holds secrets."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    for pattern in (ROOT / ".gitignore").read_text().split():
        name = pattern.rstrip("/")
        assert {name, f"**/{name}"} & set(ignored), f"{pattern} would go into the image"
    listed = subprocess.run(
        ["git", "ls-files", *(f":(glob){line}" for line in ignored)],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed.stdout == ""


def test_the_images_installation_asks_for_no_database_and_no_rights(steps, tmp_path):
    """Run as it stands in the file, in a tree that has all: it must find nothing missing."""
    line = [value for name, value in steps if name == "RUN"][-1]
    for program in ("apt-get", "sudo"):
        refusing = tmp_path / program
        refusing.write_text("#!/bin/sh\nexit 70\n")
        refusing.chmod(0o755)
    environ = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environ["FLYWAYS_PG_BIN"] = str(tmp_path)  # PostgreSQL's programs are not in the image
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=ROOT, env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


# --- what runs


@pytest.fixture
def empty_database() -> Iterator[str]:
    """Give a database as an engine would start it: nothing in it, and every commit on the disk."""
    with tempfile.TemporaryDirectory(prefix="flyways-containers-") as place:
        Path(place).chmod(0o755)
        with Cluster(Path(place), durable=True).use() as url:
            yield url


def locked(database: str, password: str) -> None:
    """Let nobody in as the service without this password, as a server on a network does."""
    with psycopg.connect(database, user="postgres", autocommit=True) as admin:
        admin.execute(sql.SQL("alter role flyways password {}").format(password))
        ((rules,),) = admin.execute("show hba_file").fetchall()
        file = Path(rules)
        file.write_text(f"local flyways flyways scram-sha-256\n{file.read_text()}")
        admin.execute("select pg_reload_conf()")


def interpolated(value: str, told: dict[str, str]) -> str:
    """Fill in what Compose fills in."""
    pattern = r"\$\{(\w+)(?::[?-]([^}]*))?\}"
    return re.sub(pattern, lambda found: told.get(found[1], found[2]), value)


def environ(
    dockerfile: DockerfileParser, compose: dict[str, Any], database: str, port: int
) -> dict[str, str]:
    """Give the environment that image and Compose set, moved to this tree and to loopback."""
    given = compose["services"]["serve"]["environment"].items()
    told = {name: interpolated(value, {"FLYWAYS_DB_PASSWORD": PASSWORD}) for name, value in given}
    path = dockerfile.envs["PATH"].replace(f"{WORKDIR}/", f"{ROOT}/") + os.environ["PATH"]
    return (
        dockerfile.envs
        | told
        | {
            "PATH": path,
            "HOME": os.environ["HOME"],
            "FLYWAYS_DATABASE_URL": database,
            "FLYWAYS_HOST": "127.0.0.1",
            "FLYWAYS_PORT": str(port),
        }
    )


@contextmanager
def running(command: list[str], environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(command, env=environ, cwd=ROOT) as process:
        try:
            yield process
            # An engine stops a container by SIGTERM, and kills it after its grace period.
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=GRACE_S) in {0, -signal.SIGTERM}
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def healthy(check: list[str], environ: dict[str, str]) -> bool:
    done = subprocess.run(check, env=environ, cwd=ROOT, capture_output=True, check=False)
    return done.returncode == 0


@pytest.mark.timeout(120)
def test_migrate_serve_worker_and_the_health_check(compose, dockerfile, steps, empty_database):
    port = free_port()
    around = environ(dockerfile, compose, empty_database, port)
    services = compose["services"]
    # The question of the database's health, asked of the one that is here.
    where = psycopg.conninfo.conninfo_to_dict(empty_database)
    asks = [
        f"--host={where.get('host', '127.0.0.1')}" if word.startswith("--host") else word
        for word in services["database"]["healthcheck"]["test"][1:]
    ]
    asks[0] = str(find_binaries() / asks[0])
    subprocess.run([*asks, f"--port={where.get('port', 5432)}"], check=True, capture_output=True)

    check = [word.replace(":8000/", f":{port}/") for word in health_check(steps)]
    assert check != health_check(steps)
    locked(empty_database, PASSWORD)
    migrate = services["migrate"]["command"]
    unknown = around | {"PGPASSWORD": "another"}
    assert subprocess.run(migrate, env=unknown, cwd=ROOT, check=False).returncode == 1
    subprocess.run(migrate, env=around, cwd=ROOT, check=True)
    serve = services["serve"].get("command", json.loads(only(steps, "CMD")))
    assert not healthy(check, around)
    with (
        running(services["worker"]["command"], around),
        running(serve, around),
    ):
        until = time.monotonic() + 100
        while not (well := healthy(check, around)) and time.monotonic() < until:
            time.sleep(0.3)
        assert well


# --- compose


def commands(compose: dict[str, Any]) -> dict[str, list[str]]:
    return {
        name: each["command"] for name, each in compose["services"].items() if "command" in each
    }


def test_every_command_is_a_verb(compose, steps):
    verbs = typer.main.get_command(cli).commands
    for name, words in commands(compose).items():
        assert words[0] == "flyways", name
        assert words[1] in verbs, name
    said = (ROOT / "compose.yaml").read_text().splitlines()[0]
    first_key = shlex.split(said.partition("serve ")[2])
    assert first_key[:3] == ["flyways", "partner", "add"]
    assert "add" in verbs["partner"].commands


def test_the_parts_start_in_their_order(compose):
    services = compose["services"]
    waits = {name: each.get("depends_on", {}) for name, each in services.items()}
    assert waits["migrate"] == {"database": {"condition": "service_healthy"}}
    for name in ("serve", "worker"):
        assert waits[name] == {"migrate": {"condition": "service_completed_successfully"}}
        assert services[name]["restart"] == "unless-stopped"
    assert services["database"]["restart"] == "unless-stopped"  # a machine may start anew
    assert "restart" not in services["migrate"]  # else "completed" would never come
    assert services["database"]["healthcheck"]["test"][:2] == ["CMD", "pg_isready"]


def test_everybody_gets_the_time_to_end_in_order(compose):
    assert GRACE_S > STOP_TIMEOUT_S  # as `flyways up` gives its parts
    for name in ("database", "serve", "worker"):
        assert compose["services"][name]["stop_grace_period"] == f"{GRACE_S}s"


def test_only_the_web_process_is_asked_for_its_health(compose):
    off = {n for n, s in compose["services"].items() if s.get("healthcheck") == {"disable": True}}
    assert off == {"migrate", "worker"}


def test_nothing_listens_beyond_this_machine(compose):
    published = {n: s["ports"] for n, s in compose["services"].items() if "ports" in s}
    assert published == {"serve": ["127.0.0.1:8000:8000"]}


def test_settings_and_passwords(compose):
    """No password stands in the file, and none is made up when it is forgotten."""
    services = compose["services"]
    for name in ("migrate", "serve", "worker"):
        given = services[name]["environment"]
        assert given.keys() - SETTINGS == {"PGPASSWORD"}, name
        assert re.findall(r"\$\{(\w+):\?[^}]+\}", given["PGPASSWORD"]) == ["FLYWAYS_DB_PASSWORD"]
        parts = urlsplit(given["FLYWAYS_DATABASE_URL"])
        assert parts.password is None
        own = services["database"]["environment"]
        assert (parts.hostname, parts.username) == ("database", own["POSTGRES_USER"])
        assert parts.path == f"/{own['POSTGRES_DB']}"
    assert services["database"]["environment"]["POSTGRES_PASSWORD"].startswith("${FLYWAYS_DB_PASS")


def test_what_env_says_reaches_the_containers_but_for_their_own_addresses(compose, dockerfile):
    for name in ("migrate", "serve", "worker"):
        service = compose["services"][name]
        assert service["env_file"] == [{"path": ".env", "required": False}], name
        # Such a file may be of the machine around: it tells where to listen, and a database.
        given = service["environment"]
        assert given["FLYWAYS_HOST"] == dockerfile.envs["FLYWAYS_HOST"]
        assert {"FLYWAYS_PORT", "FLYWAYS_DATABASE_URL"} <= given.keys()


def test_watched_folders_of_the_machine_are_read_in_the_containers(compose):
    service = compose["services"]["worker"]
    (mount,) = service["volumes"]
    outside, inside, how = interpolated(mount, {}).split(":")
    assert (inside, how) == (service["environment"]["FLYWAYS_INBOX_DIR"], "ro")
    assert interpolated(mount, {"FLYWAYS_INBOX_DIR": "/srv/sftp"}).startswith("/srv/sftp:")
    # Data of an institute go into no image.
    assert outside.removeprefix("./") in (ROOT / ".dockerignore").read_text().split()


def test_whoever_comes_by_the_published_port_is_believed(compose):
    (subnet,) = compose["networks"]["default"]["ipam"]["config"]
    believed = compose["services"]["serve"]["environment"]["FLYWAYS_PROXIES"]
    assert interpolated(believed, {}) == subnet["subnet"]
    assert ip_network(subnet["subnet"]).is_private
    assert interpolated(believed, {"FLYWAYS_PROXIES": "10.1.1.1"}) == "10.1.1.1"


def test_the_data_outlive_the_containers(compose):
    (volume,) = compose["services"]["database"]["volumes"]
    name, _, place = volume.partition(":")
    assert name in compose["volumes"]
    assert place == "/var/lib/postgresql/data"


def test_the_database_is_the_one_that_tests_run_on(compose, server):
    image, _, tag = compose["services"]["database"]["image"].partition(":")
    assert image == "postgis/postgis"
    with psycopg.connect(server) as conn:
        assert tag.partition("-")[0] == str(conn.info.server_version // 10_000)
