"""What every page without a script has in common: its head, and the way to the other pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

_PAGES = (("", "Map"), ("morning", "Morning report"), ("guides", "Guides"), ("docs", "API"))
_CURRENT = ' aria-current="page"'


def shell(title: str, body: str, *, styles: Sequence[str], up: str = "", here: str = "") -> str:
    """
    Put a page together; addresses are relative, so that a prefix before the service holds.

    `up` leads from the page to the root, `here` is the page of the navigation that this one is.
    """
    sheets = "\n".join(f'<link rel="stylesheet" href="{up}{sheet}">' for sheet in styles)
    ways = "\n".join(
        f'<a href="{up + page or "."}"{_CURRENT if page and page == here else ""}>{name}</a>'
        for page, name in _PAGES
        if page != "morning" or page == here  # it is for those who have signed in
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)} - Flyways</title>
<link rel="icon" href="{up}viewer/icon.svg" type="image/svg+xml">
{sheets}
</head>
<body>
<a class="skip" href="#main">Skip to the text</a>
<header>
<nav aria-label="Flyways">
{ways}
</nav>
</header>
<main id="main" tabindex="-1">
{body}
</main>
</body>
</html>
"""
