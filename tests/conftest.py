"""Set how many examples Hypothesis draws and which cases of costly tests run. Every run draws new ones, also in CI."""

import gc
import os
import signal
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# The tests run in parallel, so NumPy's own threads would only wait for each other, here and in child processes.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Every process of every run uses what XLA has compiled once, because compilation was half of the tests' time.
CACHE = Path(__file__).parents[1] / ".jax_cache"
OWN = os.access(CACHE if CACHE.exists() else CACHE.parent, os.W_OK)  # else this is somebody else's checkout
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(CACHE) if OWN else tempfile.mkdtemp(prefix="gradproof-jax-"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")

# JAX writes an entry in place. A process that reads it meanwhile, as in two runs at once, warns and compiles it again.
os.environ.setdefault("PYTHONWARNINGS", "ignore:Error reading persistent compilation cache entry")


# With as little effort as possible, XLA compiles in a sixth of the time; see pytest_configure.
LITTLE_EFFORT = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_parallel_codegen_split_count=1"
)
if tuple(map(int, version("jaxlib").split(".")[:2])) <= (0, 10):  # a flag unknown to XLA ends the process
    LITTLE_EFFORT += " --xla_cpu_use_fusion_emitters=false"

# Many objects of JAX are alive here, and searching them for garbage again and again took a tenth of the time.
gc.set_threshold(1_000_000, 50, 100)

# A process that ignores a signal passes that on to its children, as a shell does for background jobs, and `nohup`:
# children of the tests would then not hear Ctrl-C. A handler, as here, leaves them the default.
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)

# Hypothesis switches to a derandomised profile by itself if it detects a CI, and a profile registered without a parent
# inherits from the one in force, so every run would replay the same examples. Hence the parent.
fresh = settings(
    settings.get_profile("default"),
    derandomize=False,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("quick", fresh, max_examples=15)
settings.register_profile("thorough", fresh, max_examples=2000)
settings.load_profile("quick")  # --hypothesis-profile is read after this and wins


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--sample-seed", help="of tests marked sample(n), draw the cases that this number draws")
    parser.addoption("--every-case", action="store_true", help="of tests marked sample(n), run every case")


@pytest.hookimpl(trylast=True)  # when the profile of Hypothesis is known
def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "sample(n): in the quick profile n of its cases are drawn, others in every run")
    config.addinivalue_line("markers", "turns(n): in the quick profile n of its file's tests marked so are drawn")
    if config.option.sample_seed is None:  # the workers of xdist inherit this and draw the same cases
        config.option.sample_seed = os.environ.setdefault("SAMPLE_SEED", str(int.from_bytes(os.urandom(4))))
    # In the quick profile XLA compiles with little effort in the workers of xdist and their children. A test that wants
    # what users get sets XLA_FLAGS="".
    if "PYTEST_XDIST_WORKER" in os.environ and settings().max_examples <= 100:
        os.environ.setdefault("XLA_FLAGS", LITTLE_EFFORT)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep n of the selected cases of each test marked `sample(n)`, and n of a file's tests marked `turns(n)`, others
    in every run. A single case or test that is asked for by name thus always runs."""
    if config.option.every_case or settings().max_examples > 100:
        return
    cases, tests = defaultdict[str, list[pytest.Item]](list), defaultdict[str, dict[str, None]](dict)
    for item in items:
        name = item.nodeid.partition("[")[0]
        if marks := list(item.iter_markers("sample")):  # a case may have its own mark
            count = min(mark.args[0] for mark in marks)
            cases[f"{name} {count}"].append(item)
        if mark := item.get_closest_marker("turns"):
            tests[f"{name.partition('::')[0]} {mark.args[0]}"][name] = None
    drawn = [item for group, own in cases.items() for item in _drawn(config, group, own)]
    left_out = {item for own in cases.values() for item in own}.difference(drawn)
    waiting = {name for group, own in tests.items() for name in set(own).difference(_drawn(config, group, list(own)))}
    left_out |= {item for item in items if item.nodeid.partition("[")[0] in waiting}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _drawn(config: pytest.Config, group: str, own: list[Any]) -> list[Any]:
    """Draw the number that the last word of the group says; the same --sample-seed draws the same ones."""
    count = int(group.rpartition(" ")[2])
    return Random(f"{config.option.sample_seed} {group}").sample(own, min(count, len(own)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if terminalreporter.stats.get("failed"):
        terminalreporter.write_line(f"the same cases again: --sample-seed {config.option.sample_seed}")
        if getattr(config.option, "numprocesses", None) and settings().max_examples <= 100:
            terminalreporter.write_line(f"as they were compiled: XLA_FLAGS='{LITTLE_EFFORT}'")


def pytest_make_parametrize_id(val: object) -> str | None:
    """Name bytes by their repr: with escaping switched off, as for the mutants, pytest would name them by bytes."""
    return repr(val) if isinstance(val, bytes) else None


def pytest_unconfigure() -> None:
    """Collect once what was dropped without being closed, and freeze the rest; pytest would collect five times."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def few_edits(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of other reports on wrong code: in the quick profile, give up the search for a correction early."""
    if settings().max_examples <= 100:
        from tests.judge.start_with_few_edits import FEW, __file__ as start  # noqa: I001

        monkeypatch.setattr("gradproof.judge.isolation.assessment.START", Path(start))
        monkeypatch.setattr("gradproof.judge.lines.repair.RUNS", FEW)
        monkeypatch.setattr("gradproof.judge.trial.repair.RUNS", FEW)


@pytest.fixture(scope="session", autouse=True)
def closed_browser() -> Iterator[None]:
    yield
    if browser := sys.modules.get("tests.browser"):
        browser.close()
