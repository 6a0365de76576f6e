"""Draws docs/trains_anyway.svg: a network that trains with a wrong gradient, and the line that gradproof check names.

    python docs/picture.py

The picture shows what the two commands print, wrapped at its width.
"""

import subprocess
import sys
import textwrap
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[1]
EXAMPLE = "docs/trains_anyway.py"
COMMANDS = (["python", EXAMPLE], ["gradproof", "check", EXAMPLE])
WIDTH, LINE, LEFT = 100, 18, 18  # characters, pixels, pixels
COLOURS = {"$": "#79c0ff", "refuted": "#ff7b72", "    should be": "#7ee787"}


def lines() -> list[str]:
    """The commands and what they print."""
    drawn: list[str] = []
    for command in COMMANDS:
        started = [sys.executable, *(command[1:] if command[0] == "python" else ["-m", *command])]
        done = subprocess.run(started, cwd=ROOT, capture_output=True, text=True, timeout=600)
        if done.stderr:
            raise SystemExit(done.stderr)
        drawn += [f"$ {' '.join(command)}", *done.stdout.splitlines(), ""]
    return drawn[:-1]


def wrapped(line: str) -> list[str]:
    """A line in pieces that fit, the rest indented further."""
    indent = line[: len(line) - len(line.lstrip())]
    return textwrap.wrap(line, WIDTH, subsequent_indent=indent + "  ", break_on_hyphens=False) or [""]


def svg(drawn: list[str]) -> str:
    """The lines as text on a dark ground, in whatever monospaced font there is."""
    rows, y = [], LINE
    for line in drawn:
        colour = next((colour for start, colour in COLOURS.items() if line.startswith(start)), "#e6edf3")
        for piece in wrapped(line):
            text = escape(piece).replace(" ", "\N{NO-BREAK SPACE}")  # a browser collapses ordinary blanks
            rows.append(f'<text x="{LEFT}" y="{y + 8}" fill="{colour}">{text}</text>')
            y += LINE
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{8 * WIDTH + 2 * LEFT}" height="{y + 8}" '
        'font-family="ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono, monospace" font-size="13">'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>{"".join(rows)}</svg>\n'
    )


if __name__ == "__main__":
    (ROOT / EXAMPLE).with_suffix(".svg").write_text(svg(lines()), "utf8")
