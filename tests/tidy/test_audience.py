"""Every read of the store asks who is reading, or stands on a short list that says why not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.parsing import parsed

STAGES = "a stage of the worker: it derives rows from these and answers nobody"
WRITES = "a write: what comes back is a count or an id of the caller's own new row"
KNOCKS = "told apart who is asking: there is no audience before it"
OPERATES = "for the worker and the operator: what waits, what failed, how the service is"
REBUILDS = "`recompute --verify` compares digests of whole tables, at the database itself"
RUNS = "runs a statement that its caller, a read with an audience, has made"
CHECKED = "the caller has found the study or push with its own audience before"

WITHOUT = {
    "arrivals.store": STAGES,
    "arrivals.standing": STAGES,
    "known.fixes": STAGES,
    "known.held": STAGES,
    "work.alone_in_study": STAGES,
    "revisions.settle": STAGES,
    "verdicts.adopt": STAGES,
    "verdicts.choose": STAGES,
    "derived.bird": STAGES,
    "latest.renew": STAGES,
    "snapshots.body": CHECKED,
    "stillness.worn": STAGES,
    "stillness.ends": STAGES,
    "stillness.load": STAGES,
    "stillness.dismissals": STAGES,
    "stillness.replace": STAGES,
    "observations.in_force": STAGES,
    "parameters.profile_for": CHECKED,
    "screening.take": STAGES,
    "derived.replace_stays": STAGES,
    "derived.staying": STAGES,
    "derived.stopovers_of": STAGES,
    "derived.legs_of": STAGES,
    "windows.life": STAGES,
    "windows.visible_near": STAGES,
    "layers.current_layers": STAGES,
    "layers.boundary": STAGES,
    "layers.index_of": STAGES,
    "names.name_tags": STAGES,
    "names.name_individuals": STAGES,
    "inbox.bodies": STAGES,
    "decodings.small": STAGES,
    "smoothed.places": STAGES,
    "stops.saved": STAGES,
    "stops.beginning": STAGES,
    "density.public_places": STAGES,
    "ways.stale": STAGES,
    "measuring.due": STAGES,
    "measuring.waiting": OPERATES,
    "measuring.seasons": STAGES,
    "stayuse.stays": STAGES,
    "stayuse.ranged": STAGES,
    "measuring.measured": STAGES,
    "measuring.settle": WRITES,
    "keysites.waiting": OPERATES,
    "keysites.due": STAGES,
    "decodings.take": STAGES,
    "decodings.reference_before": STAGES,
    "decodings.reference_after": STAGES,
    "decodings.at_hand": STAGES,
    "decodings.outcomes": OPERATES,
    "decodings.replace_earlier": STAGES,
    "decodings.document": CHECKED,
    "decodings.problem": CHECKED,
    "corrections.held": CHECKED,
    "corrections.live": CHECKED,
    "corrections.named": CHECKED,
    "corrections.refused": CHECKED,
    "catalogue.replace_sites": WRITES,
    "implied.renew": STAGES,
    "names.forget_namings": STAGES,
    "stated.take_over": STAGES,
    "deployments.describe": STAGES,
    "reference.alias_rivals": STAGES,
    "reference.call": STAGES,
    "deployments.give_way": STAGES,
    "deployments.unsay": STAGES,
    "deployments.put": STAGES,
    "deployments.declare": WRITES,
    "deployments.amend": WRITES,
    "deployments.split": WRITES,
    "layers.add_polygon_layer": WRITES,
    "layers.add_raster_layer": WRITES,
    "layers.claim_builtin": WRITES,
    "partners.create_institute": WRITES,
    "partners.create_key": WRITES,
    "partners.create_ticket": WRITES,
    "simulated.create": WRITES,
    "studies.create": WRITES,
    "inbox.new_decoding": WRITES,
    "letters.keep_all": CHECKED,
    "decodings.count_attempts": WRITES,
    "inbox.keep": CHECKED,
    "inbox.standing": CHECKED,
    "inbox.by_idempotency_key": CHECKED,
    "audience.load_audience": KNOCKS,
    "catalogue.audience_of": KNOCKS,
    "partners.key_audience": KNOCKS,
    "partners.redeem_ticket": KNOCKS,
    "partners.session_audience": KNOCKS,
    "partners.cursor_secret": KNOCKS,
    "sources.sender": KNOCKS,
    "connectors.due": OPERATES,
    "connectors.take": STAGES,
    "connectors.advance": WRITES,
    "connectors.failing": OPERATES,
    "sources.named": KNOCKS,
    "sources.opened": KNOCKS,
    "sources.knows": KNOCKS,
    "sources.alarmed": OPERATES,
    "sources.count_alarmed": OPERATES,
    "letters.senders": KNOCKS,
    "health.revision": OPERATES,
    "health.backlog": OPERATES,
    "health.units": OPERATES,
    "health.worker_seen_s": OPERATES,
    "decodings.given_up": OPERATES,
    "simulated.is_empty": OPERATES,
    "work.mark_all_dirty": OPERATES,
    "work.queued": STAGES,
    "work.mark_dirty_from": OPERATES,
    "work.mark_catalogues_dirty": OPERATES,
    "work.open_span": OPERATES,
    "work.take_span": OPERATES,
    "work.take_catalogue": OPERATES,
    "work.today": OPERATES,
    "work.waiting": OPERATES,
    "failures.dead": OPERATES,
    "work.catalogues": OPERATES,
    "content.of_bird": REBUILDS,
    "content.of_catalogue": REBUILDS,
    "content.individuals": REBUILDS,
    "copying.copy_out": RUNS,
    "engine.driver": RUNS,
    "engine.execute": RUNS,
    "engine.fetch_rows": RUNS,
    "features.read": RUNS,
}


def _asks(node: ast.AsyncFunctionDef, kind: str) -> bool:
    arguments = [*node.args.args, *node.args.kwonlyargs]
    return any(a.annotation and ast.unparse(a.annotation) == kind for a in arguments)


def _reads(path: Path) -> Iterator[ast.AsyncFunctionDef]:
    """Give the public functions that work in a transaction and hand something back."""
    for node in parsed(path).body:
        if not isinstance(node, ast.AsyncFunctionDef) or node.name.startswith("_"):
            continue
        kinds = ("AsyncConnection", "Connection", "AsyncConnection | asyncpg.Connection")
        connected = any(_asks(node, kind) for kind in kinds)
        if connected and ast.unparse(node.returns or ast.Constant(None)) != "None":
            yield node


@pytest.fixture(scope="module")
def reads(root: Path) -> dict[str, ast.AsyncFunctionDef]:
    return {
        f"{path.stem}.{node.name}": node
        for path in sorted((root / "app/store").glob("*.py"))
        for node in _reads(path)
    }


def test_every_read_takes_an_audience_or_says_why_not(reads) -> None:
    missing = {name for name, node in reads.items() if not _asks(node, "Audience")}
    assert missing - WITHOUT.keys() == set(), "take an Audience, or join the list with a reason"


def test_the_list_names_only_reads_that_still_need_it(reads) -> None:
    needed = {name for name, node in reads.items() if not _asks(node, "Audience")}
    assert WITHOUT.keys() - needed == set(), "gone, or takes an Audience by now: strike it out"


def test_an_audience_is_used_not_only_taken(reads) -> None:
    """A read that takes the audience and forgets it would show every row to everybody."""
    for name, node in reads.items():
        used = {n.id for part in node.body for n in ast.walk(part) if isinstance(n, ast.Name)}
        assert not _asks(node, "Audience") or "audience" in used, name


def test_requests_reach_no_read_of_the_stages(root: Path) -> None:
    """What only the worker may read isn't called by the modules that answer requests."""
    forbidden = {name for name, why in WITHOUT.items() if why in (STAGES, REBUILDS)}
    called = {
        ast.unparse(node.func)
        for path in (root / "app/api").rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Call)
    }
    assert forbidden & called == set()
