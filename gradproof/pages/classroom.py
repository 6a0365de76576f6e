"""The index of a class's pages: a count of each mistake, and each submission with its verdict."""

import os
import re
from collections.abc import Sequence
from urllib.parse import quote

from gradproof.judge import register
from gradproof.judge.register import Row
from gradproof.pages.page import rendered


def index(rows: Sequence[Row], count: int) -> str:
    """Return the index as HTML: the rows judged so far of `count` submissions, with links to their pages beside it."""
    links = {row.file: quote(os.fsencode(row.page)) for row in rows if row.page}
    mistakes = [
        (name, len(whose), [(file, links.get(file, "")) for file in whose]) for name, whose in register.counted(rows)
    ]
    return rendered(
        "classroom.html",
        first=register.summary(rows)[0],
        rows=[(row, links.get(row.file, "")) for row in rows],
        mistakes=mistakes,
        count=len(rows),
        missing=count - len(rows),
        graded=any(row.points for row in rows),
        pieces=_pieces,
    )


def _pieces(file: str) -> list[str]:
    """Split a path after each / and _, where a line may be broken."""
    return re.split(r"(?<=[/_])(?=[^/_])", file)
