"""Draws docs/run.svg, what `make run` shows, and docs/page.png, the top of the page of a run: real output, in pictures.

python docs/picture.py

The page is photographed by Debian's chromium.
"""

import shutil
import subprocess
import sys
import tempfile
from html import escape
from pathlib import Path

from PIL import Image

COMMANDS = (
    ["prove"],
    ["train", "--backend", "handcrafted", "--epochs", "1"],
    ["train", "--backend", "reference", "--epochs", "1"],
    ["study"],
)
STUDY = 26  # lines of the study that the picture has room for
WIDTH, LINE, LEFT = 100, 17, 16  # characters, pixels, pixels


def lines() -> list[str]:
    """The commands and what they print."""
    shown: list[str] = []
    with tempfile.TemporaryDirectory() as place:  # where no run is yet
        for command in COMMANDS:
            line = [sys.executable, "-m", "gradproof", *command]
            done = subprocess.run(line, cwd=place, capture_output=True, text=True, check=True, timeout=600)
            printed = done.stdout.splitlines()
            if command == ["study"]:
                printed = [*printed[:STUDY], "…"]
            shown += [f"$ gradproof {' '.join(command)}", *printed, ""]
    return shown


def pre(line: str) -> str:
    """No browser runs blanks together that do not break."""
    return escape(line).replace(" ", "\N{NO-BREAK SPACE}")


def svg(shown: list[str]) -> str:
    """The lines as text on a dark ground, in whatever monospaced letters there are."""
    height = LINE * (len(shown) + 1) + 8
    rows = []
    for number, line in enumerate(shown, start=1):
        colour = "#7ee787" if line.startswith("verified") else "#79c0ff" if line.startswith("$") else "#e6edf3"
        rows.append(f'<text x="{LEFT}" y="{LINE * number + 6}" fill="{colour}">{pre(line)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{8 * WIDTH + 2 * LEFT}" height="{height}" '
        f'font-family="ui-monospace, SFMono-Regular, Menlo, DejaVu Sans Mono, monospace" font-size="13">'
        f'<rect width="100%" height="100%" rx="8" fill="#0d1117"/>'
        f"{''.join(rows)}</svg>\n"
    )


def page(picture: Path) -> None:
    """The top of the page of a run of 30 epochs."""
    from playwright.sync_api import sync_playwright

    train = ["train", "--backend", "handcrafted", "--sizes", "784,100,10", "--init", "scaled"]
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        run = Path(place, "run")
        subprocess.run([sys.executable, "-m", "gradproof", *train, "--out", str(run)], check=True, timeout=600)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1100, "height": 1720}, color_scheme="light")
        shown.goto((run / "run.html").as_uri())
        shown.screenshot(path=picture)
        browser.close()
    Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=64).save(picture, optimize=True)


if __name__ == "__main__":
    Path(__file__).with_name("run.svg").write_text(svg(lines()), "utf8")
    page(Path(__file__).with_name("page.png"))
