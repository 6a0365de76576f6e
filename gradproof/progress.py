"""Shows the progress of a long call in a notebook: a line with the time left, which disappears at the end."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

AFTER, EVERY = 1.0, 0.5  # seconds until a call shows anything, and between updates


@contextmanager
def in_notebook(unit: str) -> Iterator[Callable[[int, int], None]]:
    """Provide a function to call with (done, total) at any time; outside a notebook it does nothing."""
    ipython = sys.modules.get("IPython")  # a notebook has imported it, and nothing else needs it
    shell = ipython.get_ipython() if ipython else None
    if ipython is None or getattr(shell, "kernel", None) is None:
        yield lambda done, total: None
        return
    display, html = ipython.display.display, ipython.display.HTML
    begun = shown = time.monotonic()
    handle = None

    def tell(done: int, total: int) -> None:
        nonlocal handle, shown
        now = time.monotonic()
        if now - begun < AFTER or now - shown < EVERY or not done:
            return
        left, shown = (now - begun) / done * (total - done), now
        line = html(f"{done:,} of {total:,} {unit}, about {left:.0f} s left")
        if handle is None:
            handle = display(line, display_id=True)
        else:
            handle.update(line)

    try:
        yield tell
    finally:
        if handle is not None:
            handle.update(html(""))
