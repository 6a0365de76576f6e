"""How many examples Hypothesis draws. Every run draws new ones, also where a CI is detected."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# The tests run side by side: NumPy's own threads would only wait for each other, here and in what the tests start.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# And what XLA has compiled once serves every process of every run: half of the time of the tests was compilation.
CACHE = Path(__file__).parents[1] / ".jax_cache"
OWN = os.access(CACHE if CACHE.exists() else CACHE.parent, os.W_OK)  # or this is somebody else's checkout
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE) if OWN else tempfile.mkdtemp(prefix="gradproof-jax-"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# JAX writes an entry in place: who reads it meanwhile, as where the tests run twice at once, says so and compiles it.
os.environ.setdefault("PYTHONWARNINGS", "ignore:Error reading persistent compilation cache entry")


# What ignores a signal hands that down, as a shell does to what runs in the background, and `nohup`: what the tests
# start would not hear its Ctrl-C. What only hears it, as here, hands down what is the default.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# Hypothesis switches to a derandomised profile by itself where it detects a CI, and a profile registered without a
# parent inherits from the one in force: every run would replay the same examples. Hence the parent.
fresh = settings(
    settings.get_profile("default"),
    derandomize=False,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", fresh, max_examples=50)
settings.register_profile("thorough", fresh, max_examples=2000)
settings.load_profile("quick")  # --hypothesis-profile is read after this and wins


@pytest.fixture(scope="session", autouse=True)
def closed_browser() -> Iterator[None]:
    yield
    if browser := sys.modules.get("tests.browser"):
        browser.close()
