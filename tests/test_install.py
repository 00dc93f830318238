"""The installation: what is there is left alone, and what fails is one line with its remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app import install
from app.errors import SetupError


@pytest.fixture
def place(monkeypatch, tmp_path) -> Path:
    """Give a tree that the installation takes for its own."""
    for name, path in {
        "ROOT": "", "VENV": ".venv", "LOCK": "requirements.lock", "DATA_LOCK": "data.lock",
        "VIEWER": "viewer", "CHECKS": "checks", "CHECKED": ".cache/axe", "LOG": ".cache/log",
    }.items():  # fmt: skip
        monkeypatch.setattr(install, name, tmp_path / path)
    for folder in (".venv/bin", ".cache", "viewer", "checks", "app/movement"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "requirements.lock").write_text("uv==1.0 \\\n    --hash=sha256:aa\nnumpy==2.0\n")
    (tmp_path / "data.lock").write_text("")
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "app/movement/one.py").write_text("x = 1\n")
    install.LOG.write_text("")
    return tmp_path


class Ran(list[list[str]]):
    """Commands in order; one that holds the word `failing` fails."""

    failing = ""


@pytest.fixture
def ran(monkeypatch) -> Ran:
    """Give the commands that would have run, and let those fail that a test names."""
    commands = Ran()

    def run(*command, remedy, **more):
        commands.append([str(part) for part in command])
        if commands.failing and commands.failing in " ".join(commands[-1]):
            raise SetupError(f"{commands.failing} failed\n{remedy}")

    monkeypatch.setattr(install, "_run", run)
    return commands


# A program ----------------------------------------------------------------------------------------


def test_a_program_that_fails_is_told_by_its_last_line_and_a_remedy(place) -> None:
    script = "print('much'); print('no space left'); print(); raise SystemExit(7)"
    with pytest.raises(SetupError) as told:
        install._run(sys.executable, "-c", script, remedy="Free some disk")
    assert "failed: no space left\nFree some disk" in str(told.value)
    assert str(install.LOG) in str(told.value)
    assert install.LOG.read_text() == "much\nno space left\n\n"
    with pytest.raises(SetupError, match="exit code 3"):
        install._run(sys.executable, "-c", "raise SystemExit(3)", remedy="x")


def test_a_program_that_succeeds_is_quiet_and_logged(place, capfd) -> None:
    script = "import os; print(os.environ['SAID'], os.getcwd())"
    install._run(sys.executable, "-c", script, remedy="x", environ={"SAID": "鶴"}, cwd=place)
    assert install.LOG.read_text().split() == ["鶴", str(place)]
    assert capfd.readouterr() == ("", "")


# Steps --------------------------------------------------------------------------------------------


def test_a_step_with_nothing_missing_is_not_taken(capsys) -> None:
    install._step("rest", [], lambda missing: pytest.fail("taken"))
    assert capsys.readouterr() == ("", "")
    taken: list[list[str]] = []
    install._step("rest", ["a", "b"], taken.append)
    assert taken == [["a", "b"]]
    assert "installing rest: a b" in capsys.readouterr().err


def test_steps_at_once_are_all_taken_and_one_that_fails_is_told() -> None:
    taken: list[list[str]] = []

    def fail(_missing):
        raise SetupError("the second")

    with pytest.raises(SetupError, match="the second"):
        install._at_once(
            ("one", ["1"], taken.append), ("two", ["2"], fail), ("three", ["3"], taken.append)
        )
    assert sorted(taken) == [["1"], ["3"]]


def test_another_python_is_refused_in_a_line_before_anything_is_done(
    place, ran, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(install, "PYTHON", (3, 99))
    assert install.main([]) == 1
    told = capsys.readouterr().err
    assert told.startswith("flyways: Python 3.11 is needed") and "make PYTHON=" in told
    assert ran == []


def test_where_all_is_there_nothing_is_done(place, ran, monkeypatch, capsys) -> None:
    for name in ("debian", "python", "kernels", "viewer", "checks", "modules"):
        monkeypatch.setattr(install, f"_missing_{name}", lambda **_: [])
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", "postgresql://elsewhere/flyways")
    assert install.main(["--tests"]) == 0
    assert (ran, capsys.readouterr().err) == ([], "")


# Debian packages ----------------------------------------------------------------------------------


def test_what_debian_lacks_is_told_by_package(place, monkeypatch) -> None:
    monkeypatch.setattr(install, "_has_database", lambda: False)
    monkeypatch.setattr(install.shutil, "which", lambda program: None)
    monkeypatch.setattr(install, "FONTS", (place / "none.ttc", "fonts-noto-cjk"))
    assert install._missing_debian(tests=False) == [install.POSTGIS]
    every = install._missing_debian(tests=True)
    assert every == [install.POSTGIS, *install.CLIENTS.values(), "fonts-noto-cjk"]
    monkeypatch.setattr(install, "_has_database", lambda: True)
    monkeypatch.setattr(install.shutil, "which", lambda program: f"/usr/bin/{program}")
    (place / "none.ttc").touch()
    assert install._missing_debian(tests=True) == []


def test_a_named_database_needs_no_server_here(monkeypatch) -> None:
    def missing():
        raise SetupError("no PostGIS")

    monkeypatch.setattr(install, "find_binaries", missing)
    monkeypatch.delenv("FLYWAYS_DATABASE_URL", raising=False)
    assert not install._has_database()
    monkeypatch.setenv("FLYWAYS_DATABASE_URL", "postgresql://elsewhere/flyways")
    assert install._has_database()


def test_no_debian_is_told_what_to_do_instead(ran, monkeypatch) -> None:
    monkeypatch.setattr(install.shutil, "which", lambda program: None)
    with pytest.raises(SetupError, match="FLYWAYS_DATABASE_URL"):
        install._install_debian([install.POSTGIS])
    assert ran == []


def test_who_may_not_install_is_told_the_line(ran, monkeypatch, capsys) -> None:
    monkeypatch.setattr(install.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(install, "_as_root", lambda: None)
    with pytest.raises(SetupError, match=f"sudo apt-get install --yes {install.POSTGIS}"):
        install._install_debian([install.POSTGIS])
    install._install_debian(["jq"])  # only some tests want it
    assert "some tests will be skipped" in capsys.readouterr().err
    assert ran == []


@pytest.mark.parametrize("prefix", [[], ["/usr/bin/sudo", "-n"]])
def test_no_server_for_the_whole_machine_is_made(ran, monkeypatch, prefix) -> None:
    monkeypatch.setattr(install.shutil, "which", lambda program: f"/usr/bin/{program}")
    monkeypatch.setattr(install, "_as_root", lambda: prefix)
    install._install_debian([install.POSTGIS, "jq"])
    assert all(command[: len(prefix)] == prefix for command in ran)
    assert "create_main_cluster = false" in ran[0][-1]
    assert ran[1][-1] == "update" and ran[2][-2:] == [install.POSTGIS, "jq"]
    ran.clear()
    install._install_debian(["jq"])
    assert len(ran) == 2


def test_root_needs_no_sudo_and_others_one_that_does_not_ask(monkeypatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert install._as_root() == []
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(install.shutil, "which", lambda program: None)
    assert install._as_root() is None
    monkeypatch.setattr(install.shutil, "which", lambda program: "/usr/bin/sudo")
    for code, prefix in ((0, ["/usr/bin/sudo", "-n"]), (1, None)):
        done = subprocess.CompletedProcess([], code)
        monkeypatch.setattr(install.subprocess, "run", lambda *_, done=done, **__: done)
        assert install._as_root() == prefix


# Python packages ----------------------------------------------------------------------------------


def test_packages_are_installed_once_for_each_lock(place, ran) -> None:
    assert install._missing_python() == ["2 from requirements.lock"]
    install._install_python([])
    assert install._missing_python() == []
    for changed in ("requirements.lock", "data.lock", "pyproject.toml"):
        before = (place / changed).read_text()
        (place / changed).write_text(before + "# more\n")
        assert install._missing_python() != []
        (place / changed).write_text(before)
    assert install._missing_python() == []


def test_every_package_is_checked_by_its_hash(place, ran) -> None:
    install._install_python([])
    installs = [c for c in ran if "install" in c and "--editable" not in c]
    assert len(installs) == 3 and all("--require-hashes" in command for command in installs)
    assert "--offline" in ran[-1]


def test_pip_alone_does_what_the_fast_installer_could_not(place, ran, capsys) -> None:
    ran.failing = "bin/uv"
    install._install_python([])
    assert "trying pip alone" in capsys.readouterr().err
    after = [c for c in ran if c[1:3] == ["-m", "pip"]][1:]
    assert len(after) == 3
    assert all("--require-hashes" in c for c in after[:2])
    assert install._missing_python() == []


def test_a_failure_leaves_no_stamp(place, ran) -> None:
    install._install_python([])
    ran.failing = "requirements.lock"
    with pytest.raises(SetupError, match="pip config list"):
        install._install_python([])
    assert install._missing_python() != []


def test_the_fast_installer_is_checked_against_the_lock_too(place, ran, monkeypatch) -> None:
    read: list[str] = []
    monkeypatch.setattr(
        install, "_run", lambda *c, **_: read.append(Path(c[c.index("-r") + 1]).read_text())
    )
    install._install_uv(place / "python")
    assert read == ["uv==1.0 \\\n    --hash=sha256:aa\n"]
    install.LOCK.write_text("numpy==2.0\n")
    with pytest.raises(SetupError, match="make lock"):
        install._install_uv(place / "python")


@pytest.mark.parametrize(
    ("missing", "act", "changed"),
    [
        (install._missing_kernels, install._compile_kernels, "app/movement/one.py"),
        (install._missing_modules, install._compile_modules, "requirements.lock"),
    ],
)
def test_what_is_compiled_is_compiled_again_after_a_change(
    place, ran, missing, act, changed
) -> None:
    assert missing()
    act([])
    assert missing() == [] and len(ran) == 1
    (place / changed).write_text("y = 2\n")
    assert missing()


# Browser files ------------------------------------------------------------------------------------


def packages(folder: Path) -> None:
    (folder / "package.json").write_text(json.dumps({"dependencies": {"map": "1", "axe": "2"}}))
    (folder / "package-lock.json").write_text("{}")


def test_only_the_named_files_are_kept(place, monkeypatch) -> None:
    packages(place / "viewer")
    named = [{"from": "map/dist/map.js", "to": "js/map.js"}]
    (place / "viewer/vendor.json").write_text(json.dumps(named))
    old = place / "viewer/vendor/old.js"
    old.parent.mkdir()
    old.touch()

    def npm(*command, cwd, remedy, environ):
        assert command[1:3] == ("ci", "--ignore-scripts")
        assert environ["PATH"].startswith(str(place / ".venv/bin"))
        for name in ("map/dist/map.js", "map/dist/more.js"):
            file = cwd / "node_modules" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)

    monkeypatch.setattr(install, "_run", npm)
    assert install._missing_viewer() == ["axe", "map"]
    install._install_viewer([])
    vendor = place / "viewer/vendor"
    assert (vendor / "js/map.js").read_text() == "map/dist/map.js"
    assert not old.exists() and not list(vendor.rglob("more.js"))
    assert install._missing_viewer() == []
    (place / "viewer/vendor.json").write_text(json.dumps([*named, named[0]]))
    assert install._missing_viewer() == ["axe", "map"]


def test_without_a_viewer_nothing_is_fetched(place) -> None:
    assert install._missing_viewer() == []


def test_the_checks_are_those_of_the_tests_alone(place, monkeypatch) -> None:
    packages(place / "checks")
    fetched: list[tuple[Path, Path]] = []

    def fetch(folder, into, files):
        fetched.append((folder, into))
        into.mkdir(parents=True)

    monkeypatch.setattr(install, "_install_npm", fetch)
    assert install._missing_checks() == ["axe", "map"]
    install._install_checks([])
    assert fetched == [(install.CHECKS, install.CHECKED)]
    assert install._missing_checks() == []
