"""The database server's programs on this machine, and the account that may run them."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from app.errors import SetupError

DEBIAN_PACKAGES = "postgresql postgresql-15-postgis-3"


@dataclass(frozen=True, slots=True)
class Account:
    """Who runs the server: initdb and postgres refuse root."""

    uid: int
    gid: int

    def run(
        self, *command: str | Path, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account, with no setting of the caller's leaking in."""
        drop = _is_root()
        return subprocess.run(  # noqa: S603 - the programs are those of the cluster
            [str(part) for part in command],
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
            umask=0o077,
            user=self.uid if drop else None,
            group=self.gid if drop else None,
            extra_groups=[] if drop else None,
        )

    def own(self, path: Path, mode: int) -> None:
        """Hand a file or folder to this account."""
        path.chmod(mode)
        if _is_root():
            os.chown(path, self.uid, self.gid)


def _is_root() -> bool:
    return os.geteuid() == 0


def server_account() -> Account:
    """Choose who runs the server: this user, or an unprivileged one when this is root."""
    if not _is_root():
        return Account(os.geteuid(), os.getegid())
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise SetupError("There is no user postgres. Create it: useradd --system postgres")


def find_binaries(version: str | None = None) -> Path:
    """Find PostgreSQL's programs beside an installed PostGIS, newest first.

    `version` asks for the major version that made an existing cluster.
    """
    candidates = [Path(p) for p in (os.environ.get("FLYWAYS_PG_BIN"), _pg_config_bin()) if p]
    candidates += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    usable = [place for place in candidates if _has_postgis(place)]
    for place in usable:
        if version is None or str(_program_major(place)) == version:
            return place
    if usable:
        raise SetupError(
            f"The data directory was made by PostgreSQL {version}, which is not installed. "
            f"Install postgresql-{version} and postgresql-{version}-postgis-3, or move the data."
        )
    raise SetupError(
        "PostgreSQL with PostGIS is not installed. Run: "
        f"sudo apt-get install --yes {DEBIAN_PACKAGES} (or set FLYWAYS_PG_BIN or "
        "FLYWAYS_DATABASE_URL)."
    )


def _pg_config_bin() -> str | None:
    program = shutil.which("pg_config")
    if program is None:
        return None
    asked = subprocess.run(  # noqa: S603 - the distribution's own program
        [program, "--bindir"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip() or None


def _has_postgis(bin_dir: Path) -> bool:
    """Tell whether a server's folder of programs is whole and its PostGIS installed."""
    if not all((bin_dir / name).exists() for name in ("initdb", "postgres", "pg_ctl", "psql")):
        return False
    places = (
        Path("/usr/share/postgresql") / bin_dir.parent.name,  # Debian
        bin_dir.parent / "share",
        bin_dir.parent / "share/postgresql",
    )
    return any((place / "extension/postgis.control").exists() for place in places)


def _major(bin_dir: Path) -> int:
    name = bin_dir.parent.name
    return int(name) if name.isdecimal() else 0


def _program_major(bin_dir: Path) -> int:
    asked = subprocess.run(  # noqa: S603 - the distribution's own program
        [bin_dir / "postgres", "--version"], capture_output=True, text=True, check=False
    )
    found = re.search(r"(\d+)[.\w]*", asked.stdout)
    return int(found.group(1)) if found else 0
