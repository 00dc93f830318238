"""The morning report as a page: plain HTML that needs no script and nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any

from starlette.responses import HTMLResponse, Response

from app.api.shell import shell
from app.seeds import profile_of

_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"
    ),
}

WORDS = {
    "suspected_dead_or_dropped": "suspected dead or dropped",
    "silent_unexpectedly": "silent unexpectedly",
    "not_heard_yet": "not heard yet",
    "silent_as_expected": "silent as expected",
    "moving": "moving",
    "stopover": "stopover",
    "roosting": "roosting",
}
"""States as a person reads them."""

_URGENT = {"suspected_dead_or_dropped", "silent_unexpectedly", "not_heard_yet"}

BIRDS = (
    "State", "Bird", "Species", "Study", "Tag", "Last fix [UTC]", "Age", "24 h [km]", "7 d [km]",
    "Beyond habit [d]", "Battery [V]", "Battery read [UTC]",
)  # fmt: skip
ARRIVALS = (
    "Study", "Source", "Pushes", "Unreadable", "Fixes stored", "Units refused", "Suspect pushes",
    "Fixes flagged",
)  # fmt: skip


def answer(html: str, *, status: int = 200) -> Response:
    """Send a page of one reader: no cache keeps it."""
    return HTMLResponse(html, status_code=status, headers=_HEADERS)


def page(report: dict[str, Any]) -> str:
    """Return the page of a report."""
    counts = ", ".join(f"{n} {WORDS[state]}" for state, n in report["states"].items())
    birds = [_bird(row) for row in report["birds"]]
    came = [_arrival(row) for row in report["arrivals"]]
    since = f"What came since {_time(report['since'])} UTC"
    more = "" if report["birds_complete"] else "<p>There are more birds: ask by study.</p>"
    return _whole(
        f"<h1>Morning report</h1>\n"
        f"<p>{_time(report['now'])} UTC. {counts or 'No bird of yours wears a tag now.'}</p>\n"
        f"{_table('birds', 'Birds, the worst first', BIRDS, birds)}{more}\n"
        f"{_table('came', since, ARRIVALS, came)}\n"
        '<p class="quiet">The same as <a href="api/v1/reports/morning?format=csv">CSV</a> or '
        '<a href="api/v1/reports/morning">JSON</a>. A bird is silent unexpectedly when it is'
        " silent for longer than 99 of 100 of its own intervals and the usual lag of its fixes,"
        " and none of your birds was ever silent for as long near where it was last seen.</p>"
    )


def sign_in() -> str:
    """Return the page for who has not signed in: the report is of one's own birds."""
    return _whole(
        "<h1>Morning report</h1>\n<p>This report is of your own birds, so it needs to know who you"
        " are. Open the address with which Flyways signs you in (<code>flyways up</code> prints"
        " it), then this page again. Programs send their key to"
        " <code>/api/v1/reports/morning</code>.</p>"
    )


def _bird(row: dict[str, Any]) -> str:
    state = row["state"]
    mark = f'<strong class="urgent">{WORDS[state]}</strong>' if state in _URGENT else WORDS[state]
    if row["still_since"] is not None:
        mark += f'<br><span class="quiet">since {_time(row["still_since"])}</span>'
    simulated = ' <span class="quiet">(simulated)</span>' if row["simulated"] else ""
    name = f'<th scope="row">{escape(row["individual"]["local_identifier"])}{simulated}</th>'
    return (
        f"<td>{mark}</td>{name}"
        + _prose(profile_of(row["species"]).english_name, row["study_name"])
        + _cells(row["tag"]["local_identifier"], _time(row["last_time"]))
        + _numbers(_age(row["silence_s"]), _fixed(row["moved_24h_km"], 1),
                   _fixed(row["moved_7d_km"], 1), _fixed(row["days_beyond_habit"], 1),
                   _fixed(row["battery_v"], 2))
        + _cells(_time(row["battery_time"]))
    )  # fmt: skip


def _arrival(row: dict[str, Any]) -> str:
    source = row["source_name"] or row["connector_name"] or "pushed by hand"
    flagged = f"{row['n_flagged']:,}{'' if row['flagged_complete'] else ' or more'}"
    api = f"api/v1/studies/{row['study']}"
    refused = f'<a href="{api}/refusals">{row["n_refused"]:,}</a>' if row["n_refused"] else "0"
    suspects = f'<a href="{api}/suspects">{row["n_suspect_pushes"]:,}</a>'
    return (
        f'<th scope="row">{escape(row["study_name"])}</th>'
        + _cells(source)
        + _numbers(f"{row['n_pushes']:,}", f"{row['n_failed']:,}", f"{row['n_stored']:,}")
        + f'<td class="number">{refused}</td>'
        + f'<td class="number">{suspects if row["n_suspect_pushes"] else "0"}</td>'
        + _numbers(flagged)
    )


def _cells(*texts: str) -> str:
    return "".join(f"<td>{escape(text)}</td>" for text in texts)


def _prose(*texts: str) -> str:
    """Cells that may break between words, so that the numbers beside them stay in the window."""
    return "".join(f'<td class="prose">{escape(text)}</td>' for text in texts)


def _numbers(*texts: str) -> str:
    return "".join(f'<td class="number">{escape(text)}</td>' for text in texts)


def _table(name: str, caption: str, heads: Sequence[str], rows: Sequence[str]) -> str:
    """Put a table together; a wide one scrolls, by the keyboard as well."""
    if not rows:
        return f'<h2 id="{name}">{escape(caption)}</h2>\n<p>None.</p>\n'
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "\n".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<h2 id="{name}">{escape(caption)}</h2>\n'
        f'<div class="wide" role="group" tabindex="0" aria-labelledby="{name}">\n'
        f'<table aria-labelledby="{name}"><thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>\n"
    )


def _time(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _fixed(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _age(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"


def _whole(body: str) -> str:
    return shell(
        "Morning report", body, styles=["guides/guides.css", "viewer/morning.css"], here="morning"
    )
