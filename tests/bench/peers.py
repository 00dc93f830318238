"""Other feature servers, installed beside ours by their package names, on a table of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx2
import psycopg

from tests.faults.conftest import kill, until

ROOT = Path(__file__).parents[2]
PLACE = ROOT / ".cache/peers"
PACKAGES = ("tipg", "pygeoapi", "uvicorn", "psycopg2-binary", "geoalchemy2", "sqlalchemy")
LIMIT_MAX = 20_000
SCHEMA, TABLE = "peer", "fix_table"

FIXES = f"""
create schema {SCHEMA};
create table {SCHEMA}.{TABLE} as
select row_number() over (order by f.time, f.tag_id)::int as id, i.local_identifier as individual,
  i.ref::text as individual_id, i.species_key as species, i.taxon as species_name,
  s.name as study, 'exact'::text as precision, s.simulated, f.time, t.local_identifier as tag,
  'gps'::text as sensor, f.variant::text as variant, f.error_m, f.height_m, f.ground_speed_m_s,
  f.heading_deg, f.argos_class, st_setsrid(st_makepoint(f.lon, f.lat), 4326) as geom
from fix f
join deployment d on d.tag_id = f.tag_id and d.replaced_at is null and d.during @> f.time
join individual i on i.id = d.individual_id
join study s on s.id = f.study_id
join tag t on t.id = f.tag_id
where f.live and (f.visible or {{hidden}});
alter table {SCHEMA}.{TABLE} add primary key (id);
create index on {SCHEMA}.{TABLE} (individual_id, time desc);
create index on {SCHEMA}.{TABLE} using gist (geom);
"""
"""The rows and columns that our feed gives, with the indexes that suit the question best."""


def copy_fixes(dsn: str, *, hidden: bool = False) -> None:
    """Make the peers' table anew, of what our feed shows; with hidden fixes, as an export has."""
    with psycopg.connect(dsn, autocommit=True) as conn:
        conn.execute(f"drop schema if exists {SCHEMA} cascade")
        conn.execute(FIXES.format(hidden=hidden))
        conn.execute(f"vacuum analyze {SCHEMA}.{TABLE}")


def install() -> Path:
    """Give the folder of the peers' programs, installed once."""
    programs = PLACE / "bin"
    if not (programs / "uvicorn").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", PLACE], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", *PACKAGES], check=True)
    return programs


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def served(application: str, environ: dict[str, str], ready: str) -> Iterator[str]:
    """Run one uvicorn process, as ours is; give the root of its addresses."""
    port = free_port()
    root = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [install() / "uvicorn", application, "--port", str(port), "--log-level", "error",
         "--no-access-log"],
        cwd=PLACE, env=os.environ | environ,
    )  # fmt: skip

    def answers() -> bool:
        assert process.poll() is None
        try:
            return httpx2.get(f"{root}{ready}", timeout=20).status_code == 200
        except httpx2.TransportError:
            return False

    try:
        until(answers, within_s=90)
        yield root
    finally:
        kill(process)


@contextmanager
def tipg(dsn: str) -> Iterator[str]:
    """Serve the table by tipg; give the address of its items."""
    where = psycopg.conninfo.conninfo_to_dict(dsn)
    url = f"postgresql://{where['user']}@{quote(str(where['host']), safe='')}/{where['dbname']}"
    environ = {
        "DATABASE_URL": url,
        "TIPG_DB_SCHEMAS": json.dumps([SCHEMA]),
        "TIPG_MAX_FEATURES_PER_QUERY": str(LIMIT_MAX),
    }
    with served("tipg.main:app", environ, "/collections") as root:
        yield f"{root}/collections/{SCHEMA}.{TABLE}/items"


@contextmanager
def pygeoapi(dsn: str, folder: Path) -> Iterator[str]:
    """Serve the table by pygeoapi; give the address of its items."""
    where = psycopg.conninfo.conninfo_to_dict(dsn)
    provider = {
        "type": "feature", "name": "PostgreSQL", "id_field": "id", "table": TABLE,
        "geom_field": "geom", "time_field": "time",
        "data": {
            "host": where["host"], "port": where.get("port", 5432), "dbname": where["dbname"],
            "user": where["user"], "password": "", "search_path": [SCHEMA, "public"],
        },
    }  # fmt: skip
    collection = {
        "type": "collection", "title": "fixes", "description": "fixes", "keywords": ["fixes"],
        "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}}, "providers": [provider],
        "links": [],
    }  # fmt: skip
    limits = {"default_items": 1_000, "max_items": LIMIT_MAX}
    said = dict.fromkeys(("title", "description", "terms_of_service"), "peer")
    said |= {"keywords": ["peer"], "keywords_type": "theme", "url": "http://peer"}
    contact = ("name", "position", "address", "city", "stateorprovince", "postalcode", "country",
               "phone", "fax", "email", "url", "hours", "instructions", "role")  # fmt: skip
    config = {
        "server": {
            "bind": {"host": "127.0.0.1", "port": 5000}, "url": "http://127.0.0.1:5000",
            "mimetype": "application/json; charset=UTF-8", "encoding": "utf-8", "gzip": False,
            "languages": ["en-US"], "limits": limits, "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": said,
            "license": {"name": "none", "url": "http://peer"},
            "provider": {"name": "peer", "url": "http://peer"},
            "contact": dict.fromkeys(contact, "peer"),
        },
        "resources": {"fixes": collection},
    }  # fmt: skip
    # YAML holds JSON, so that no writer of YAML is needed.
    (folder / "config.yml").write_text(json.dumps(config))
    environ = {
        "PYGEOAPI_CONFIG": str(folder / "config.yml"),
        "PYGEOAPI_OPENAPI": str(folder / "openapi.yml"),
    }
    subprocess.run(
        [install() / "pygeoapi", "openapi", "generate", folder / "config.yml", "--output-file",
         folder / "openapi.yml"],
        env=os.environ | environ, check=True, capture_output=True,
    )  # fmt: skip
    with served("pygeoapi.starlette_app:APP", environ, "/collections?f=json") as root:
        yield f"{root}/collections/fixes/items"
