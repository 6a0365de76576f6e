"""What a shell completes beside options and files: ids of lines, conventions, words of mistakes.

Somebody waits for it at each key, so nothing large is imported: the names are read where they are written.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import BashComplete, FishComplete, add_completion_class

HOME = Path(__file__).parent.parent
NOTES = HOME / "study" / "notes.toml"
TABLES = HOME / "judge" / "float64" / "mistakes.py", HOME / "judge" / "float64" / "families.py"
CONVENTIONS = (
    *("ours", "rows", "transposed", "flat", "row-biases", "single", "vector", "float32"),
    *("sum", "no-half", "downhill", "mean-outputs"),
)


def line_ids(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The ids of the lines of the notes, or of --notes; none of a file that cannot be read."""
    import tomllib

    try:
        text = Path(context.params.get("notes") or NOTES).read_text("utf-8-sig")
        ids = [line["id"] for line in tomllib.loads(text)["line"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [name for name in ids if isinstance(name, str) and name.lower().startswith(begun.lower())]


def conventions(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The words of --convention that are not there yet, behind those that are."""
    before, comma, last = begun.rpartition(",")
    said = before.split(",")
    return [before + comma + word for word in CONVENTIONS if word.startswith(last) and word not in said]


def words_of_mistakes(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """The next word of the names that have all the words before it: a shell completes one at a time."""
    wanted = [word.casefold() for word in context.params.get("words") or ()]
    found = [name for name in names() if all(word in name.casefold() for word in wanted)]
    if not wanted and not begun:
        found = [name.partition(" ")[0] for name in found]  # where it goes wrong, to begin with
    words = dict.fromkeys(word for name in found for word in re.findall(r"[\w′-]+", name))
    return [word for word in words if word.casefold().startswith(begun.casefold()) and word.casefold() not in wanted]


def names() -> Iterator[str]:
    """Place and name of everything in the catalogue."""
    from gradproof.judge.lines.names import NAMES

    for table in TABLES:
        calls = (node for node in ast.walk(ast.parse(table.read_text("utf8"))) if isinstance(node, ast.Call))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id in ("Mistake", "Family"):
                match call.args[:2]:
                    case [ast.Constant(value=str(place)), ast.Constant(value=str(name))]:
                        yield f"{place} {name}"
    yield from (f"line {name}" for name in NAMES.values())
    yield from (f"convention {word}" for word in CONVENTIONS)


class Bash(BashComplete):
    """To bash the = in --cost=quadratic is a word of its own."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, begun = super().get_completion_args()
        return [arg for arg in args if arg != "="], begun


class Fish(FishComplete):
    """A comma in what is completed, as in --convention rows,single, does not end it."""

    source_template = FishComplete.source_template.replace('split ","', 'split --max 1 ","')


def prepare() -> None:
    """Have click use these."""
    for kind in (Bash, Fish):
        add_completion_class(kind)
