"""Every example of every guide, carried out from top to bottom as a reader would."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import httpx2
import pytest
from playwright.sync_api import BrowserContext

from app import deliver, demo, operate
from app.api.guides import GUIDES, ORDER
from app.store import simulated
from app.store.engine import Store
from tests.clients.test_map import apart
from tests.guides.examples import Example, MalformedError, Shell, differs, examples, shell

ADDRESS = "http://127.0.0.1:8000"
END = datetime(2026, 6, 1, tzinfo=UTC)
VENDOR = Path(__file__).parents[2] / "app/viewer/vendor"
CLIENTS = ("curl", "jq", "ogr2ogr", "pg_dump", "chromium-headless-shell")

pytestmark = [
    pytest.mark.timeout(900),  # a guide is some thirty programs, one after the other
    pytest.mark.skipif(
        not all(map(shutil.which, CLIENTS)),
        reason=f"not all of {', '.join(CLIENTS)} are installed",
    ),
]


def carry_out(
    name: str, sh: Shell, given: Mapping[str, str], context: BrowserContext | None = None
) -> None:
    """
    Run a guide; fail where a command fails, and at the end if an answer was another one.

    `given` are words of the guide, each with what stands for it here: an address, a key.
    """
    wrong = []
    for example in examples((GUIDES / f"{name}.md").read_text()):
        if example.reason:
            continue
        code = replaced(example.code, given)
        got = replaced(_done(example, code, sh, context), {v: k for k, v in given.items()})
        found = differs(*example.answer, got) if example.answer else None
        wrong += [f"{name}.md, line {example.line}: {found}"] if found else []
    assert not wrong, "\n".join(wrong)


def replaced(text: str, words: Mapping[str, str]) -> str:
    for word, stand_in in words.items():
        text = text.replace(word, stand_in)
    return text


def _done(example: Example, code: str, sh: Shell, context: BrowserContext | None) -> str:
    try:
        if example.language == "sh":
            return sh.run(code)
        if example.language == "python":
            (sh.folder / "example.py").write_text(code)
            return sh.run("python example.py\n")
        assert context is not None
        return _shown(code, sh.folder, context)
    except AssertionError as error:
        error.add_note(f"at line {example.line}:\n{code}")
        raise


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _shown(page: str, folder: Path, context: BrowserContext) -> str:
    """Open a page of another origin than the service's; give its text once it has drawn."""
    (folder / "index.html").write_text(page)
    shutil.copytree(VENDOR / "maplibre-gl", folder / "maplibre-gl", dirs_exist_ok=True)
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = Thread(target=web.serve_forever)
    thread.start()
    opened, complaints = context.new_page(), []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("requestfailed", lambda failed: complaints.append(failed.url))
    opened.on("response", lambda got: got.status >= 400 and complaints.append(got.url))
    try:
        opened.goto(f"http://127.0.0.1:{web.server_port}/")
        opened.wait_for_function("() => document.body.dataset.drawn === 'yes'")
        # A browser asks for an icon by itself.
        assert [each for each in complaints if not each.endswith("/favicon.ico")] == []
        return opened.inner_text("body")
    finally:
        opened.close()
        web.shutdown()
        thread.join()
        web.server_close()


async def _partner(dsn: str) -> dict[str, str]:
    async with operate.opened(dsn) as store:
        return await operate.add_partner(store, "Institute of the Amur", "RU")


def test_partner_institute(service: str, database: str, environ, tmp_path: Path) -> None:
    partner = apart(_partner, database)
    given = {ADDRESS: service, "flw_YOUR_KEY": partner["key"]}
    with shell(tmp_path, environ) as sh:
        carry_out("partner-institute", sh, given)


def test_tag_vendor(service: str, database: str, environ, tmp_path: Path) -> None:
    partner = apart(_partner, database)
    with httpx2.Client(
        base_url=service, headers={"Authorization": f"Bearer {partner['key']}"}
    ) as client:
        study = client.post("/api/v1/studies", json={"name": "Cranes"}).json()["id"]
        token, signed, basic, github = (
            client.post(
                "/api/v1/sources", json={"study": study, "name": scheme, "scheme": scheme}
            ).json()
            for scheme in ("token", "standard-webhooks", "basic", "github")
        )
    given = {
        f"{ADDRESS}/push/TOKEN_SOURCE": f"{service}{token['push']}",
        f"{ADDRESS}/push/SIGNED_SOURCE": f"{service}{signed['push']}",
        f"{ADDRESS}/push/BASIC_SOURCE": f"{service}{basic['push']}",
        f"{ADDRESS}/push/GITHUB_SOURCE": f"{service}{github['push']}",
        "flws_BASIC_SECRET": basic["secret"],
        "flws_GITHUB_SECRET": github["secret"],
        "flws_YOUR_TOKEN": token["secret"],
        "whsec_YOUR_SECRET": signed["secret"],
        ADDRESS: service,
    }
    with shell(tmp_path, environ) as sh:
        carry_out("tag-vendor", sh, given)


async def _flock(dsn: str, folder: Path) -> None:
    store = Store(dsn, pool_size=3, statement_timeout_s=60)
    try:
        async with store.write() as conn:
            study = await simulated.create(conn, "Simulated flock")
        (folder / "flock.csv").write_bytes(demo.flock(END, birds=2, days=400.0))
        kept = await deliver.push(store, folder / "flock.csv", study)
        await deliver.settled(store, kept)
    finally:
        await store.close()


def test_map_developer(
    service: str, database: str, environ, tmp_path: Path, context: BrowserContext
) -> None:
    apart(_flock, database, tmp_path)
    with shell(tmp_path, environ) as sh:
        carry_out("map-developer", sh, {ADDRESS: service}, context)


@contextmanager
def _open_folder() -> Iterator[Path]:
    """Give a short folder that the database's own account may enter."""
    with tempfile.TemporaryDirectory(prefix="flyways-guide-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def test_operator(environ, tmp_path: Path) -> None:
    """The whole life of an installation, by real processes on a database of its own."""
    port = str(_free_port())
    del environ["FLYWAYS_DATABASE_URL"]
    with _open_folder() as place, shell(tmp_path, environ) as sh:
        given = {
            "/var/lib/flyways": str(place / "data"),
            "8000": port,
        }
        carry_out("operator", sh, given)


@pytest.mark.parametrize("name", ORDER)
def test_no_example_of_any_guide_is_left_out(name: str) -> None:
    found = examples((GUIDES / f"{name}.md").read_text())
    assert found or name in {"codes", "feeds", "validation"}


@pytest.mark.parametrize(
    "block",
    [
        "```json\n{}\n```\n", "```\nls\n```\n", "```java\nx\n```\n", "    ls\n",
        "```sh untested:\nls\n```\n", "```sh untested: no\nls\n```\n",
        "```sh\nls\n```\n\n```text\na\n```\n\n```text\na\n```\n",
        "```sh\nls\n```\n\n## Other\n\n```text\na\n```\n",
    ],
)  # fmt: skip
def test_a_block_that_nobody_would_run_is_an_error(block: str) -> None:
    with pytest.raises(MalformedError):
        examples(block)


@pytest.mark.parametrize(
    ("kind", "wanted", "got"),
    [
        ("json", '{"a": "…", "b": ["x…", "…"], "…": "…"}', '{"a": 1, "b": ["xy", 2], "c": 3}'),
        ("json", '{"a": [1, 2]}', '{"a": [1, 2]}'),
        ("text", "a … c\n…\nz", "a b c\n1\n2\nz\n"),
        ("http", "HTTP/1.1 200 OK\n…\n\n{}", "HTTP/1.1 200 OK\r\na: b\r\n\r\n{}"),
    ],
)
def test_an_answer_as_promised(kind: str, wanted: str, got: str) -> None:
    assert differs(kind, wanted, got) is None


@pytest.mark.parametrize(
    ("kind", "wanted", "got"),
    [
        ("json", '{"a": "…"}', '{"a": 1, "b": 2}'),
        ("json", '{"a": 1}', '{"a": true}'),
        ("json", '{"a": 1, "…": "…"}', '{"b": 1}'),
        ("json", "[1]", "[1, 2]"),
        ("json", '[1, 2, "…"]', "[1]"),
        ("json", "{}", "no json"),
        ("text", "a … c", "a b d"),
        ("text", "a", "a\nb"),
        ("text", "a.c", "abc"),
    ],
)
def test_an_answer_that_was_not_promised(kind: str, wanted: str, got: str) -> None:
    assert differs(kind, wanted, got) is not None


def test_a_command_that_fails_fails_its_guide(tmp_path: Path) -> None:
    with shell(tmp_path, {"PATH": "/usr/bin:/bin"}) as sh:
        sh.run("word=kept\n")
        assert sh.run('echo "$word"\n') == "kept\n"
        with pytest.raises(AssertionError, match="no such"):
            sh.run("echo no such >&2\nexit 3\n")
