"""The guides: Markdown from `app/guides`, served as pages that need nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from app.api.shell import shell

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

GUIDES = Path(__file__).parents[1] / "guides"

ORDER = (
    "partner-institute",
    "tag-vendor",
    "map-developer",
    "operator",
    "feeds",
    "codes",
    "validation",
)
"""The guides as the index lists them: by reader, then what all of them look up."""

UNTESTED = "untested:"
"""What follows it on the line that opens an example is why no test runs the example."""

_CACHE = {"Cache-Control": "no-cache"}
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'"


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide: its title, its first paragraph, and its page."""

    title: str
    summary: str
    page: str


def routes() -> list[Route]:
    """Return the routes of the index, of each guide, and of their style sheet."""
    return [
        Route("/guides", _index, methods=["GET"], name="guides"),
        Route("/guides/guides.css", _style, methods=["GET"], name="guides-style"),
        Route("/guides/{figure}.svg", _figure, methods=["GET"], name="guides-figure"),
        Route("/guides/{name}", _one, methods=["GET"], name="guide"),
    ]


async def _index(_: Request) -> Response:
    return _answer(index())


async def _one(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ORDER:
        raise HTTPException(404)
    return _answer(guide(name).page)


async def _style(_: Request) -> Response:
    return FileResponse(GUIDES / "guides.css", headers=_CACHE)


async def _figure(request: Request) -> Response:
    path = GUIDES / f"{request.path_params['figure']}.svg"
    if path.parent != GUIDES or not path.is_file():
        raise HTTPException(404)
    return FileResponse(path, headers=_CACHE)


def _answer(page: str) -> Response:
    return HTMLResponse(page, headers={**_CACHE, "Content-Security-Policy": _POLICY})


@cache
def guide(name: str) -> Guide:
    """Return one guide, rendered once a process."""
    return rendered((GUIDES / f"{name}.md").read_text(encoding="utf-8"))


@cache
def index() -> str:
    """Return the page that lists the guides."""
    rows = "\n".join(
        f'<li><a href="guides/{name}">{escape(each.title)}</a><p>{escape(each.summary)}</p></li>'
        for name, each in ((name, guide(name)) for name in ORDER)
    )
    body = f'<h1>Guides</h1>\n<p>Every example that has no note beside it is run by the tests.</p>\n<ul class="guides">\n{rows}\n</ul>'  # noqa: E501 - one piece of markup
    return shell("Guides", body, styles=["guides/guides.css"], here="guides")


def rendered(text: str) -> Guide:
    """Render a guide: a level-one heading, a paragraph that says for whom, and the rest."""
    parser = _parser()
    tokens = parser.parse(text)
    headings = _name_headings(tokens)
    title = next(words for level, words, _ in headings if level == 1)
    summary = next(token for token in tokens if token.type == "paragraph_open")
    said = tokens[tokens.index(summary) + 1]
    contents = "\n".join(
        f'<li><a href="#{anchor}">{escape(words)}</a></li>'
        for level, words, anchor in headings
        if level == 2
    )
    nav = f'<nav aria-labelledby="contents"><p id="contents">On this page</p>\n<ul>\n{contents}\n</ul></nav>'  # noqa: E501 - one piece of markup
    first = tokens.index(summary) + 3
    body = "\n".join(
        (
            parser.renderer.render(tokens[:first], parser.options, {}),
            nav,
            parser.renderer.render(tokens[first:], parser.options, {}),
        )
    )
    return Guide(title, _plain(said), shell(title, body, styles=["guides/guides.css"], up="../"))


def anchor_of(words: str) -> str:
    """
    Return the anchor of a heading, as forges that show Markdown make it.

    Examples
    --------
    >>> anchor_of("A push that can't be read")
    'a-push-that-cant-be-read'
    """
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


def _plain(inline: Token) -> str:
    return "".join(each.content for each in inline.children or ())


def _name_headings(tokens: list[Token]) -> list[tuple[int, str, str]]:
    """Give every heading an anchor; return (level, words, anchor)."""
    found = []
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = _plain(inline)
            opening.attrSet("id", anchor_of(words))
            found.append((int(opening.tag[1:]), words, anchor_of(words)))
    return found


def _parser() -> MarkdownIt:
    """Return a parser that takes no markup but Markdown's own, with our ways of a few tokens."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - slow to load, and few read guides here

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    rules: dict[str, Callable[..., str]] = {
        "fence": _fence, "table_open": _table_open, "table_close": _table_close,
        "link_open": _link_open,
    }  # fmt: skip
    for kind, rule in rules.items():
        parser.add_render_rule(kind, rule)
    return parser


def _fence(_self: object, tokens: list[Token], at: int, _options: object, _env: object) -> str:
    """Render an example; a wide one scrolls, by the keyboard as well."""
    language, _, reason = tokens[at].info.partition(f" {UNTESTED}")
    name = escape(language.split()[0] if language else "text")
    note = f'<p class="untested">Not run by the tests: {escape(reason.strip())}.</p>\n'
    return (
        f'<pre tabindex="0" role="group" aria-label="Example, {name}">'
        f'<code class="language-{name}">{escape(tokens[at].content)}</code></pre>\n'
        f"{note if reason else ''}"
    )


def _table_open(*_: object) -> str:
    return '<div class="wide" tabindex="0" role="group" aria-label="Table">\n<table>\n'


def _table_close(*_: object) -> str:
    return "</table>\n</div>\n"


def _link_open(self: object, tokens: list[Token], at: int, options: object, env: object) -> str:
    """Lead a link to another guide's file to its page."""
    href = str(tokens[at].attrGet("href"))
    if "://" not in href:
        tokens[at].attrSet("href", re.sub(r"^([\w-]+)\.md(?=#|$)", r"\1", href))
    return self.renderToken(tokens, at, options, env)  # type: ignore[attr-defined,no-any-return]  # its renderer
