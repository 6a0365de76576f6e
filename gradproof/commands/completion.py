"""Shell completion besides options and files: ids of lines, conventions, words of mistakes.

A user waits for it at every Tab, so nothing large is imported; names are parsed from the files that define them.
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
    """Return the ids of the lines in the notes or in --notes; none if the file cannot be read."""
    import tomllib

    try:
        text = Path(context.params.get("notes") or NOTES).read_text("utf-8-sig")
        ids = [line["id"] for line in tomllib.loads(text)["line"]]
    except (OSError, ValueError, LookupError, TypeError):
        return []
    return [name for name in ids if isinstance(name, str) and name.lower().startswith(begun.lower())]


def conventions(_context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return what is typed, completed with each convention that it does not name yet."""
    before, comma, last = begun.rpartition(",")
    said = before.split(",")
    return [before + comma + word for word in CONVENTIONS if word.startswith(last) and word not in said]


def words_of_mistakes(context: click.Context, _option: click.Parameter, begun: str) -> list[str]:
    """Return the candidates for the next word: words of those names that contain all the words before it."""
    wanted = [word.casefold() for word in context.params.get("words") or ()]
    found = [name for name in names() if all(word in name.casefold() for word in wanted)]
    if not wanted and not begun:
        found = [name.partition(" ")[0] for name in found]  # first the equation or kind
    words = dict.fromkeys(word for name in found for word in re.findall(r"[\w′-]+", name))
    return [word for word in words if word.casefold().startswith(begun.casefold()) and word.casefold() not in wanted]


def names() -> Iterator[str]:
    """Yield "place name" for every entry of the catalogue."""
    from gradproof.judge.lines.names import NAMES, STEPS

    for table in TABLES:
        calls = (node for node in ast.walk(ast.parse(table.read_text("utf8"))) if isinstance(node, ast.Call))
        for call in calls:
            if isinstance(call.func, ast.Name) and call.func.id in ("Mistake", "Family"):
                match call.args[:2]:
                    case [ast.Constant(value=str(place)), ast.Constant(value=str(name))]:
                        yield f"{place} {name}"
    yield from (f"line {name}" for name in NAMES.values())
    yield from (f"step {name}" for name in STEPS)
    yield from (f"convention {word}" for word in CONVENTIONS)


class Bash(BashComplete):
    """Completion for bash, which passes the = in --cost=quadratic as a separate word."""

    def get_completion_args(self) -> tuple[list[str], str]:
        args, begun = super().get_completion_args()
        return [arg for arg in args if arg != "="], begun


class Fish(FishComplete):
    """Completion for fish in which a value may contain commas, as in --convention rows,single."""

    source_template = FishComplete.source_template.replace('split ","', 'split --max 1 ","')


def prepare() -> None:
    """Register these completion classes with click."""
    for kind in (Bash, Fish):
        add_completion_class(kind)
