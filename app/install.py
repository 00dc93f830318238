"""Bring a bare machine to where `flyways up` and the tests can run. Standard library only.

`python3 -m app.install` runs before any package is there: it installs PostGIS from Debian's
packages, the locked Python packages into `.venv`, and the viewer's browser files. What is
already in place is left alone; `--tests` adds the programs that the tests drive as clients.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.errors import SetupError
from app.store.postgres import find_binaries

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
LOCK = ROOT / "requirements.lock"
# Packages that carry data files: their own code is never run, so what it needs is left out.
DATA_LOCK = ROOT / "app/data.lock"
VIEWER = ROOT / "app/viewer"
CHECKS = ROOT / "tests/viewer"
CHECKED = ROOT / ".cache/axe-core"
LOG = ROOT / ".cache/install.log"
STAMP = "flyways-installed"
PYTHON = (3, 11)

POSTGIS = "postgresql-15-postgis-3"
CLIENTS = {
    "chromium-headless-shell": "chromium-headless-shell", "curl": "curl", "jq": "jq",
    "ogr2ogr": "gdal-bin", "pg_dump": "postgresql-client-15",
}  # fmt: skip
FONTS = (Path("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc"), "fonts-noto-cjk")
# Debian makes a server for the whole machine at installation unless told; ours is private.
NO_MAIN_CLUSTER = Path("/etc/postgresql-common/createcluster.d/flyways.conf")


def main(arguments: Sequence[str] | None = None) -> int:
    """Install what is missing; answer 0, or 1 after one clear line of what went wrong."""
    parser = argparse.ArgumentParser(prog="python3 -m app.install", description=__doc__)
    parser.add_argument("--tests", action="store_true", help="also what the tests need")
    wanted = parser.parse_args(arguments)
    LOG.parent.mkdir(exist_ok=True)
    LOG.write_text("")
    try:
        _check_python()
        _step("Debian packages", _missing_debian(tests=wanted.tests), _install_debian)
        find_binaries_or_url()
        _step("Python packages", _missing_python(), _install_python)
        _at_once(
            ("compiled kernels", _missing_kernels(), _compile_kernels),
            ("map viewer's files", _missing_viewer(), _install_viewer),
            ("accessibility checks", _missing_checks() if wanted.tests else [], _install_checks),
            ("compiled modules", _missing_modules(), _compile_modules),
        )
    except SetupError as error:
        print(f"flyways: {error}", file=sys.stderr)
        return 1
    return 0


def find_binaries_or_url() -> None:
    """Make sure that there is a database to use."""
    if not os.environ.get("FLYWAYS_DATABASE_URL"):
        find_binaries()


def _check_python() -> None:
    if sys.version_info[:2] != PYTHON:
        raise SetupError(
            f"Python 3.11 is needed and this is {platform.python_version()}. "
            "Name one: make PYTHON=/usr/bin/python3.11 run"
        )


def _step(name: str, missing: list[str], install: Callable[[list[str]], None]) -> None:
    """Carry out a step if something is missing, and say how long it took."""
    if not missing:
        return
    print(f"flyways: installing {name}: {' '.join(missing)}", file=sys.stderr, flush=True)
    began = time.monotonic()
    install(missing)
    print(f"flyways: {name} ready after {time.monotonic() - began:.0f} s", file=sys.stderr)


def _at_once(*steps: tuple[str, list[str], Callable[[list[str]], None]]) -> None:
    """Carry out steps that need nothing of each other: one compiles while another downloads."""
    with ThreadPoolExecutor(len(steps)) as pool:
        for done in [pool.submit(_step, *step) for step in steps]:
            done.result()


def _run(
    *command: str | Path,
    remedy: str,
    cwd: Path = ROOT,
    environ: dict[str, str] | None = None,
) -> None:
    """Run a program with its output in the log; turn its failure into one line and a remedy."""
    done = subprocess.run(  # noqa: S603 - the programs are named in this file
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env=os.environ | (environ or {}),
        text=True,
        errors="replace",
        check=False,
    )
    with LOG.open("a") as log:
        log.write(done.stdout)
    if done.returncode:
        said = [line for line in done.stdout.splitlines() if line.strip()]
        last = said[-1] if said else f"exit code {done.returncode}"
        raise SetupError(f"{Path(command[0]).name} failed: {last}\n{remedy} (all of it: {LOG})")


# Debian packages --------------------------------------------------------------------------------


def _missing_debian(*, tests: bool) -> list[str]:
    """List the distribution's packages that are wanted and not there."""
    missing = []
    if not _has_database():
        missing.append(POSTGIS)
    if not VENV.exists() and importlib.util.find_spec("ensurepip") is None:
        missing.append("python3-venv")
    if tests:
        missing += [package for program, package in CLIENTS.items() if not shutil.which(program)]
        missing += [] if FONTS[0].exists() else [FONTS[1]]
    return missing


def _has_database() -> bool:
    try:
        find_binaries_or_url()
    except SetupError:
        return False
    return True


def _install_debian(packages: list[str]) -> None:
    """Install with apt as root or through a sudo that asks nothing; else say the one line."""
    by_hand = f"sudo apt-get install --yes {' '.join(packages)}"
    if shutil.which("apt-get") is None:
        raise SetupError(
            f"This is no Debian: install what {' '.join(packages)} hold there in your system's "
            "way, or set FLYWAYS_DATABASE_URL to a PostGIS database."
        )
    as_root = _as_root()
    if as_root is None:
        needed = [name for name in packages if name in {POSTGIS, "python3-venv"}]
        if needed:
            raise SetupError(f"Missing: {' '.join(needed)}. Run this once, then again: {by_hand}")
        print(f"flyways: some tests will be skipped; for all: {by_hand}", file=sys.stderr)
        return
    remedy = f"Mend what apt says, or run by hand: {by_hand}"
    apt = (*as_root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes")
    apt += ("-o", "DPkg::Lock::Timeout=300")
    if POSTGIS in packages:
        line = f"echo create_main_cluster = false > {NO_MAIN_CLUSTER}"
        make = f"mkdir -p {NO_MAIN_CLUSTER.parent} && {line}"
        _run(*as_root, "sh", "-c", make, remedy=remedy)
    _run(*apt, "update", remedy=remedy)
    _run(*apt, "install", "--no-install-recommends", *packages, remedy=remedy)


def _as_root() -> list[str] | None:
    """Give the prefix that makes a command run as root, or None if there is no way."""
    if os.geteuid() == 0:
        return []
    sudo = shutil.which("sudo")
    if sudo is None:
        return None
    asked = subprocess.run([sudo, "-n", "true"], capture_output=True, check=False)  # noqa: S603 - fixed
    return [sudo, "-n"] if asked.returncode == 0 else None


# Python packages --------------------------------------------------------------------------------


def _python_digest() -> str:
    """Digest what decides the contents of `.venv`."""
    parts = [
        LOCK.read_bytes(),
        DATA_LOCK.read_bytes(),
        (ROOT / "pyproject.toml").read_bytes(),
        bytes(ROOT),
    ]
    parts.append(platform.python_version().encode())
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _missing_python() -> list[str]:
    stamp = VENV / STAMP
    if stamp.exists() and stamp.read_text() == _python_digest():
        return []
    locked = re.findall(r"^[\w.\[\]-]+==", LOCK.read_text(), re.MULTILINE)
    return [f"{len(locked)} from {LOCK.name}"]


def _install_python(_: list[str]) -> None:
    """Install exactly the lock: by uv, itself checked against the lock, or by pip."""
    (VENV / STAMP).unlink(missing_ok=True)
    remedy = "Check the network and `pip config list`, then run the same command again"
    python = VENV / "bin/python"
    _run(sys.executable, "-m", "venv", "--clear", VENV, remedy="Remove .venv and try again")
    own = ("install", "--no-deps", "--no-build-isolation", "--editable", ROOT)
    try:
        _install_uv(python)
        uv = (VENV / "bin/uv", "pip")
        index = os.environ.get("PIP_INDEX_URL")
        environ = {"UV_DEFAULT_INDEX": index} if index else {}
        into = ("--python", python, "--system-certs")
        locked = (*uv, "install", *into, "--require-hashes", "-r")
        _run(*locked, LOCK, remedy=remedy, environ=environ)
        _run(*locked, DATA_LOCK, "--no-deps", remedy=remedy, environ=environ)
        _run(*uv, *own, *into, "--offline", remedy=remedy)
    except SetupError as error:
        print(f"flyways: {error}\nflyways: trying pip alone, which is slower", file=sys.stderr)
        pip = (python, "-m", "pip", "--disable-pip-version-check")
        _run(*pip, "install", "--require-hashes", "-r", LOCK, remedy=remedy)
        _run(*pip, "install", "--require-hashes", "--no-deps", "-r", DATA_LOCK, remedy=remedy)
        _run(*pip, *own, remedy=remedy)
    (VENV / STAMP).write_text(_python_digest())


def _install_uv(python: Path) -> None:
    """Install the fast installer alone, by the lines that the lock has for it."""
    lines = re.search(r"^uv==(?:.*\\\n)*.*\n", LOCK.read_text(), re.MULTILINE)
    if lines is None:
        raise SetupError(f"{LOCK.name} has no uv. Renew it: make lock")
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as only_uv:
        only_uv.write(lines.group())
        only_uv.flush()
        pip = (python, "-m", "pip", "--disable-pip-version-check", "install", "--require-hashes")
        _run(*pip, "-r", only_uv.name, remedy="Check the network and `pip config list`")


# Compiled kernels -------------------------------------------------------------------------------

COMPILE = """
from app.movement.itinerary import Place
from app.movement.kernels import compile_all
from app.seeds import profiles, rows
sites = [Place(row["name"], float(row["lon"]), float(row["lat"])) for row in rows("sites")]
assert compile_all(profiles()["hooded_crane"], sites)
"""


def _kernel_digest() -> str:
    sources = sorted((ROOT / "app/movement").glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()


def _missing_kernels() -> list[str]:
    stamp = VENV / "flyways-compiled"
    if stamp.exists() and stamp.read_text() == _kernel_digest():
        return []
    return ["screening", "stopovers"]


def _compile_kernels(_: list[str]) -> None:
    """Compile once what otherwise the first push, or each parallel test, would wait for."""
    remedy = "This is a defect of Flyways or of its packages: please report it"
    _run(VENV / "bin/python", "-c", COMPILE, remedy=remedy, environ=KEEP_BYTECODE)
    (VENV / "flyways-compiled").write_text(_kernel_digest())


# Modules of Python ------------------------------------------------------------------------------

# Containers often tell Python to keep no bytecode; then each start would compile 1,500 modules,
# which takes longer than all else that a start does.
KEEP_BYTECODE = {"PYTHONDONTWRITEBYTECODE": ""}


def _missing_modules() -> list[str]:
    stamp = VENV / "flyways-bytecode"
    if stamp.exists() and stamp.read_text() == _python_digest():
        return []
    return ["web", "worker"]


def _compile_modules(_: list[str]) -> None:
    """Load once what both processes load, so that Python keeps it compiled."""
    load = "import app.cli, app.demo, app.deliver, app.main, app.worker"
    remedy = "This is a defect of Flyways or of its packages: please report it"
    _run(VENV / "bin/python", "-c", load, remedy=remedy, environ=KEEP_BYTECODE)
    (VENV / "flyways-bytecode").write_text(_python_digest())


# Browser files ----------------------------------------------------------------------------------


def _digest(*paths: Path) -> str:
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def _missing_viewer() -> list[str]:
    """List the browser packages to fetch; their files are never part of the repository."""
    if not (VIEWER / "package.json").exists():
        return []
    return _missing_npm(VIEWER, VIEWER / "vendor", VIEWER / "vendor.json")


def _missing_checks() -> list[str]:
    """List the browser packages that tests alone load: the service serves none of them."""
    return _missing_npm(CHECKS, CHECKED)


def _missing_npm(folder: Path, into: Path, *more: Path) -> list[str]:
    stamp = into / STAMP
    if stamp.exists() and stamp.read_text() == _digest(folder / "package-lock.json", *more):
        return []
    return sorted(json.loads((folder / "package.json").read_text())["dependencies"])


def _install_viewer(_: list[str]) -> None:
    """Keep the files that `vendor.json` names."""
    named = VIEWER / "vendor.json"
    _install_npm(VIEWER, VIEWER / "vendor", json.loads(named.read_text()))
    (VIEWER / "vendor" / STAMP).write_text(_digest(VIEWER / "package-lock.json", named))


def _install_checks(_: list[str]) -> None:
    """Keep the program that finds what a reader with other senses could not use."""
    files = ("axe.min.js", "LICENSE")
    _install_npm(CHECKS, CHECKED, [{"from": f"axe-core/{name}", "to": name} for name in files])
    (CHECKED / STAMP).write_text(_digest(CHECKS / "package-lock.json"))


def _install_npm(folder: Path, into: Path, files: list[dict[str, str]]) -> None:
    """Fetch the locked npm packages of a folder and copy some of their files."""
    shutil.rmtree(into, ignore_errors=True)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(folder / name, place)
        _run(
            *(VENV / "bin/npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"),
            cwd=place,
            remedy="Check the network and `npm config list`, then run the same command again",
            environ={"PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"},
        )
        for file in files:
            target = into / file["to"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(place / "node_modules" / file["from"], target)


if __name__ == "__main__":
    sys.exit(main())
