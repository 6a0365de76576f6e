"""A real browser for the pages: Debian's chromium, headless, told to reach nothing."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Debian's package chromium is not installed")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STARTED: list[Any] = []  # playwright and its browser, once a page is looked at


class Opened(NamedTuple):
    """A page in the browser, and what went wrong there or was asked of anywhere."""

    page: Any
    errors: list[str]
    requested: list[str]

    @property
    def requests(self) -> list[str]:
        """What was asked of anywhere but this file, so far."""
        return [url for url in self.requested if not url.startswith(("file:", "data:"))]


def browser() -> Any:
    """The one browser of this process; each page has a context of its own there: cookies, cache and settings."""
    if not STARTED:
        from playwright.sync_api import sync_playwright

        STARTED.append(sync_playwright().start())
        STARTED.append(STARTED[0].chromium.launch(executable_path=CHROMIUM, args=list(FLAGS)))
    return STARTED[1]


def close() -> None:
    """End the browser, if there is one, and what drives it."""
    while STARTED:
        last = STARTED.pop()
        last.close() if STARTED else last.stop()


@contextmanager
def opened(file: Path, javascript: bool = True, **options: Any) -> Iterator[Opened]:
    """The file as nobody has seen it; `options` are those of a playwright context, such as color_scheme or viewport."""
    context = browser().new_context(java_script_enabled=javascript, offline=True, **options)
    try:
        page = context.new_page()
        errors: list[str] = []
        requested: list[str] = []
        page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda asked: requested.append(asked.url))
        page.goto(file.resolve().as_uri())
        yield Opened(page, errors, requested)
    finally:
        context.close()


PAPER = {"width": 687, "height": 1016}  # A4 without the margins of 14 mm
SPILLED = """all => all.filter(one => {
    const ends = box => box.getBoundingClientRect().right;
    const cut = getComputedStyle(one).overflowX != "visible" && one.scrollWidth > one.clientWidth + 1;
    return cut || ends(one) > Math.min(ends(one.parentElement), innerWidth) + 1;
}).map(one => one.outerHTML.slice(0, 120))"""


def printed(page: Any) -> tuple[int, list[str]]:
    """How many pages of paper the page is on, and what there is cut or runs over its neighbour."""
    page.emulate_media(media="print")
    page.set_viewport_size(PAPER)
    spilled = page.eval_on_selector_all("main :not(svg *, math, math *)", SPILLED)
    return len(re.findall(rb"/Type /Page\b", page.pdf(format="A4", prefer_css_page_size=True))), spilled
