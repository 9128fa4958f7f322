"""Generator of grafana/consoles/runbooks.html, a page that Prometheus serves, from docs/runbooks.md."""

import sys
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

SOURCE = Path(__file__).parents[1] / "docs" / "runbooks.md"
TEMPLATE_MARK = "{{"
PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Runbooks</title>
<style>
body { margin: 2rem auto; max-width: 50rem; padding: 0 1rem; font: 1rem/1.5 system-ui, sans-serif; }
pre { background: #f2f2f2; overflow-x: auto; padding: .75rem; }
h2 { border-top: 1px solid #ccc; margin-top: 2.5rem; padding-top: 1rem; }
h2:target { background: #fff3c4; }
</style>
</head>
<body>
BODY</body>
</html>
"""


def page(markdown: str) -> str:
    """Return the runbooks as HTML; the id of a section is its title with hyphens for spaces, as in `#ServiceDown`.

    Raises ValueError when the text contains `{{`: Prometheus serves the page as a template.
    """
    if TEMPLATE_MARK in markdown:
        raise ValueError(f"{SOURCE.name} contains {TEMPLATE_MARK}, which begins an action in Prometheus's templates")
    parser = MarkdownIt("commonmark", {"html": False})
    tokens = parser.parse(markdown)
    for opening, title in pairwise(tokens):
        if opening.type == "heading_open":
            opening.attrSet("id", _section_id(title))
    return PAGE.replace("BODY", parser.renderer.render(tokens, parser.options, {}))


def _section_id(title: Token) -> str:
    return title.content.replace(" ", "-")


if __name__ == "__main__":
    sys.stdout.write(page(SOURCE.read_text(encoding="utf-8")))
