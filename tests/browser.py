"""A real browser for the pages: Debian's chromium, headless, told to reach nothing."""

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


class Opened(NamedTuple):
    """A page in the browser, and what went wrong there or was asked of anywhere."""

    page: Any
    errors: list[str]
    requested: list[str]

    @property
    def requests(self) -> list[str]:
        """What was asked of anywhere but this file, so far."""
        return [url for url in self.requested if not url.startswith(("file:", "data:"))]


@contextmanager
def opened(file: Path, javascript: bool = True, **options: Any) -> Iterator[Opened]:
    """The file in a new browser; `options` are those of a playwright context, such as color_scheme or viewport."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            context = browser.new_context(java_script_enabled=javascript, offline=True, **options)
            page = context.new_page()
            errors: list[str] = []
            requested: list[str] = []
            page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
            page.on("pageerror", lambda error: errors.append(str(error)))
            page.on("request", lambda asked: requested.append(asked.url))
            page.goto(file.resolve().as_uri())
            yield Opened(page, errors, requested)
        finally:
            browser.close()
