"""Find the submissions in folders and patterns, and name their pages."""

from __future__ import annotations

import glob
import itertools
import os
from collections.abc import Iterator, Sequence

import click

from gradproof.errors import DataError
from gradproof.text import typed, visible

SUFFIXES = (".py", ".ipynb")
ASIDE = ("__pycache__", "node_modules", "site-packages")  # folders without submissions
INDEX = "index.html"
LONGEST = 100  # characters of a path kept in the name of its page
NAMED = 5  # most skipped files that are named


def are_several(submissions: Sequence[str]) -> bool:
    """Whether this is not a single file or module, but several, a folder that is not a package, or a pattern."""
    if len(submissions) != 1:
        return True
    package = os.sep not in submissions[0] and os.path.isfile(os.path.join(submissions[0], "__init__.py"))
    return (os.path.isdir(submissions[0]) and not package) or _is_pattern(submissions[0])


def gathered(submissions: Sequence[str]) -> list[str]:
    """Return every file that is named, matches a pattern or lies in a folder, once each, and report skipped files.

    Raises DataError if there is nothing to judge.
    """
    found: dict[str, None] = {}
    others: dict[str, None] = {}
    for given in submissions:
        if not _is_pattern(given) and not os.path.isdir(given):
            found[given] = None
            continue
        for path in sorted(glob.glob(given, recursive=True)) if _is_pattern(given) else [given]:
            for file in sorted(_inside(path)) if os.path.isdir(path) else [path]:
                (found if file.endswith(SUFFIXES) else others)[os.path.normpath(file)] = None
    if others:
        some = ", ".join(map(visible, list(others)[:NAMED])) + ", …" * (len(others) > NAMED)
        said = f"{len(others)} file{'s' * (len(others) != 1)} skipped, neither .py nor .ipynb: {some}"
        click.echo(f"gradproof: {said}", err=True)
    if not found:
        raise DataError(f"{' '.join(map(typed, submissions))}: there is no .py or .ipynb file to judge")
    return list(found)


def _is_pattern(given: str) -> bool:
    return not os.path.lexists(given) and glob.has_magic(given)


def _inside(folder: str) -> Iterator[str]:
    """Yield the files in a folder and below it, except hidden ones and those of virtual environments and the like."""
    for place, folders, names in os.walk(folder):
        aside = [name for name in folders if os.path.exists(os.path.join(place, name, "pyvenv.cfg"))]
        folders[:] = [name for name in folders if not name.startswith(".") and name not in (*ASIDE, *aside)]
        yield from (os.path.join(place, name) for name in names if not name.startswith("."))


def page_names(paths: Sequence[str]) -> list[str]:
    """Return the name of each page: the path with - for separators, and a number if the name is taken."""
    names: dict[str, None] = {INDEX: None}
    for path in paths:
        name = "-".join(part for part in path.split(os.sep) if part not in ("", os.curdir, os.pardir))[-LONGEST:]
        number = next(n for n in itertools.count(1) if f"{name}{f'-{n}' * (n > 1)}.html" not in names)
        names[f"{name}{f'-{number}' * (number > 1)}.html"] = None
    return list(names)[1:]
