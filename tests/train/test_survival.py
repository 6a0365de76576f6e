"""Nothing is lost: not by a file system that fails at any operation, not by SIGKILL at any moment."""

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from itertools import product
from pathlib import Path

import pytest
from hypothesis import settings

import gradproof
from gradproof import files
from gradproof.__main__ import main
from gradproof.backends import NAMES
from gradproof.errors import DataError, MachineError
from gradproof.train import checkpoint, folder, loop, paired_runs
from gradproof.train.saved_run import load, run_hash
from tests.processes import slowed, started
from tests.thorough import THOROUGH, some
from tests.train.failing import FAULTS, FailingOs
from tests.train.small import SIZES, put_digits

# Memory where there is such a folder: hundreds of runs would wait for the disk at every fsync.
FAST = "/dev/shm" if os.path.isdir("/dev/shm") else None
ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(gradproof.__file__).parents[1])}


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_digits(tmp_path_factory.mktemp("small"))


def begin(digits: Path, out: Path, *arguments: str) -> list[str]:
    sizes = ",".join(map(str, SIZES))
    line = ["--backend", "handcrafted", "--sizes", sizes, "--data", str(digits), "--out", str(out), *arguments]
    return ["gradproof", "train", *line]


def resume(out: Path) -> list[str]:
    return ["gradproof", "train", "--resume", str(out)]


ALWAYS = ["--checkpoint", "0", "--no-page", "--json"]


def typed_here(line: list[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command, in this process."""
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as out, redirect_stderr(StringIO()) as err:
        patch.setattr(sys, "argv", line)
        with pytest.raises(SystemExit) as end:
            main()
    return int(str(end.value.code)), out.getvalue(), err.getvalue()


# ---- the file system fails -------------------------------------------------------------------------------------


def operations() -> range:
    """Which operations fail, one a run: all in the thorough profile, else every third, from another one each time."""
    every = 1 if THOROUGH else 3
    return range(random.randrange(every), 10_000, every)


def assert_survives(fault: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One run for each operation that may fail, resumed after that."""
    thorough, written = settings().max_examples > 50, checkpoint.save
    monkeypatch.setattr(loop, "CHUNK", 2 if thorough else 6)
    epochs = ["--epochs", "3" if thorough else "1", *ALWAYS]
    code, out, _ = typed_here(begin(digits, tmp_path / "whole", *epochs))
    expected = json.loads(out)["run_hash"]
    assert code == 0
    failed = tried = 0
    for n in operations():
        place, kept = tmp_path / "run", []
        system = FailingOs(n, fault, place)  # what is read elsewhere is no part of the run

        def save(path: Path, at: checkpoint.Checkpoint, kept: list[int] = kept) -> None:
            written(path, at)
            kept.append(at.generation)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folder, "os", system)
            patch.setattr(files, "os", system)
            patch.setattr(checkpoint, "save", save)
            code, out, err = typed_here(begin(digits, place, *epochs))
        if system.count <= n:  # a run has so many operations
            break
        tried += 1
        if fault == "a short write":
            assert (code, err) == (0, "")
            assert json.loads(out)["run_hash"] == expected
        elif code:
            failed += 1
            assert code == 4
            assert re.fullmatch(r"gradproof: cannot [^\n]+\n", err), err
        if kept:
            back, faults = checkpoint.load(place)
            assert faults == []
            assert back.generation >= max(kept)
            if code:
                again = f"continue with: gradproof train --resume {place} {' '.join(ALWAYS)}\n"
                assert err.endswith(again) or "log.jsonl" in err
            code, out, err = typed_here([*resume(place), *ALWAYS])
            assert (code, err) == (0, "")
            assert json.loads(out)["run_hash"] == expected == run_hash(*load(place))
        for line in (place / "log.jsonl").read_text().splitlines() if kept else ():
            json.loads(line)
        assert not list(place.glob(".*")) if place.exists() else True
        shutil.rmtree(place, ignore_errors=True)
    assert n > 60, "so many operations at least, or nothing was tried"
    assert failed > tried / 3 or fault == "a short write"


@pytest.fixture
def fast() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=FAST) as place:
        yield Path(place)


@pytest.mark.turns(1)
@pytest.mark.sample(2)
@pytest.mark.parametrize("fault", FAULTS)
def test_whichever_file_operation_fails_no_checkpoint_is_lost_and_the_run_goes_on_to_the_same_hash(
    fault: str, digits: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_survives(fault, digits, fast, monkeypatch)


def assert_resumed_run_survives(fault: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run resumed once for each operation that may fail then, reading among them, and once more after that."""
    monkeypatch.setattr(loop, "CHUNK", 6)
    longer = ["--epochs", "2", *ALWAYS]
    _, out, _ = typed_here(begin(digits, tmp_path / "whole", *longer))
    expected = json.loads(out)["run_hash"]
    typed_here(begin(digits, tmp_path / "begun", "--epochs", "1", *ALWAYS))
    ended: dict[int, int] = {0: 0, 3: 0, 4: 0}
    for n in operations():
        place, system = tmp_path / "run", FailingOs(n, fault)
        shutil.copytree(tmp_path / "begun", place)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folder, "os", system)
            patch.setattr(files, "os", system)
            code, out, err = typed_here([*resume(place), *longer])
        if system.count <= n:
            break
        ended[code] += 1
        if code:
            assert re.fullmatch(r"gradproof: [^\n]+\n", err), err
            back, faults = checkpoint.load(place)
            assert (faults, back.state.steps >= 11) == ([], True)
            code, out, _ = typed_here([*resume(place), *longer])
        elif err:
            assert re.fullmatch(r"gradproof: [^\n]+; the previous checkpoint is used\n", err), err
        assert code == 0
        assert json.loads(out)["run_hash"] == expected == run_hash(*load(place))
        assert checkpoint.load(place)[1] == []
        for line in (place / "log.jsonl").read_text().splitlines():
            json.loads(line)
        assert not list(place.glob(".*"))
        shutil.rmtree(place)
    assert n > 60, "so many operations at least, or nothing was tried"
    assert ended[4] > sum(ended.values()) / 3 or fault == "a short write"


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("fault", some(["ENOSPC", "half a write"], FAULTS))
def test_whichever_file_operation_fails_in_a_resumed_run_it_goes_on_to_the_same_hash(
    fault: str, digits: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_resumed_run_survives(fault, digits, fast, monkeypatch)


def common(place: Path) -> set[checkpoint.Position]:
    """Where both networks have kept a sound checkpoint."""
    return set.intersection(*({each.position for each in checkpoint.sound(place / name)[0]} for name in NAMES))


def assert_both_survive(fault: str, failing: str, step: int, digits: Path, tmp_path: Path) -> None:
    """One run of both networks for every so many operations that may fail, in the folder of one alone."""
    line, place = ["--sizes", ",".join(map(str, SIZES)), "--data", str(digits), "--epochs", "1"], tmp_path / "run"
    begin = ["gradproof", "train", "--both", *line, *ALWAYS, "--out"]

    def hashes(out: str) -> list[str]:
        return [one["run_hash"] for one in json.loads(out)["runs"].values()]

    code, out, _ = typed_here([*begin, str(tmp_path / "whole")])
    expected = hashes(out)
    failed = 0
    for n in range(0, 10_000, step):
        system = FailingOs(n, fault, place / failing)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(folder, "os", system)
            patch.setattr(files, "os", system)
            code, out, err = typed_here([*begin, str(place)])
        if system.count <= n:
            break
        if code:
            failed += 1
            assert code == 4
            assert re.fullmatch(r"gradproof: cannot [^\n]+\n", err), err
        if place.exists():
            assert "continue with" in err or not code, err
            assert common(place) or not (place / "reference" / checkpoint.FILES[0]).exists()
            code, out, err = typed_here([*resume(place), *ALWAYS])
            assert (code, err) == (0, "")
        if not code:
            assert hashes(out) == expected
        shutil.rmtree(place, ignore_errors=True)
    assert n > 60, "so many operations at least, or nothing was tried"
    assert failed > n / step / 3 or fault == "a short write"


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("failing", "fault"), some([("handcrafted", "ENOSPC"), ("reference", "half a write")], product(NAMES, FAULTS))
)
def test_whichever_file_operation_fails_in_one_folder_both_networks_go_on_from_a_common_step(
    failing: str, fault: str, digits: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    thorough = settings().max_examples > 50
    monkeypatch.setattr(paired_runs, "EVERY", 3 if thorough else 6)
    assert_both_survive(fault, failing, 1 if thorough else 7, digits, fast)


def test_a_file_is_on_the_disk_before_it_has_its_name_and_its_name_is_before_the_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system = FailingOs(-1, "")
    monkeypatch.setattr(files, "os", system)
    files.write(tmp_path / "checkpoint", b"all of it")
    temporary, place = ".unfinished-checkpoint", tmp_path.name
    assert system.called == [
        ("unlink", temporary),  # what stands there is not written through
        ("open", temporary),
        ("write", temporary),
        ("fsync", temporary),
        ("close", temporary),
        ("replace", temporary),
        ("open", place),
        ("fsync", place),
        ("close", place),
        ("unlink", temporary),  # which is gone already: it is for what went wrong before
    ]


@pytest.mark.parametrize("read", [False, True])
def test_a_pipe_in_the_place_of_the_log_is_told_and_not_waited_for(read: bool, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "log.jsonl")
    reader = os.open(tmp_path / "log.jsonl", os.O_RDONLY | os.O_NONBLOCK) if read else None
    with pytest.raises(MachineError, match=r"^cannot write .*log\.jsonl: "):
        files.append(tmp_path / "log.jsonl", b"{}")
    if reader is not None:
        os.close(reader)


def in_place(path: Path, content: bytes) -> None:
    """What `files.write` must not be."""
    handle = files.os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        files._write(handle, content)
    except OSError as error:
        raise MachineError(f"cannot write {path}: {error.strerror}") from None
    finally:
        files.os.close(handle)


def test_a_checkpoint_that_is_written_in_place_does_not_survive(
    digits: Path, fast: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "write", in_place)
    with pytest.raises(AssertionError):
        assert_survives("half a write", digits, fast, monkeypatch)


def test_a_run_with_one_generation_does_not_survive_a_damaged_file(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FILES", checkpoint.FILES[:1] * 2)
    typed_here(begin(digits, tmp_path / "run", "--epochs", "1", *ALWAYS))
    (tmp_path / "run" / checkpoint.FILES[0]).write_bytes(b"")
    with pytest.raises(DataError):
        checkpoint.load(tmp_path / "run")


# ---- the process is killed -------------------------------------------------------------------------------------


REPORTING = """
import os, sys
from gradproof.__main__ import main
from gradproof.train import checkpoint
saved, pipe = checkpoint.save, int(sys.argv.pop())
def save(place, at):
    saved(place, at)
    os.write(pipe, at.generation.to_bytes(4, "little"))
checkpoint.save = save
main()
"""


def killed_at(moment: float, begun: bool, line: list[str]) -> tuple[int, str, str, int]:
    """Exit code, stdout and stderr of a command that SIGKILL ends after so many seconds, and the last generation that
    it said it had on the disk, −1 for none. With `begun` the clock runs from its first checkpoint on."""
    told, tell = os.pipe()
    line = [sys.executable, "-c", REPORTING, *line[1:], str(tell)]
    with started(
        line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, pass_fds=[tell]
    ) as running:
        os.close(tell)
        if begun:
            select.select([told], [], [], 60)
        with suppress(subprocess.TimeoutExpired):
            running.wait(moment)
        running.kill()
        out, err = running.communicate(timeout=60)
    with open(told, "rb") as reports:
        generation = int.from_bytes(reports.read()[-4:] or b"\xff" * 4, "little", signed=True)
    return running.returncode, out, err, generation


@pytest.mark.turns(1)
def test_killed_at_random_moments_a_run_reaches_the_same_hash(digits: Path, fast: Path) -> None:
    """Six times, 200 times in the thorough profile: no checkpoint unreadable, none lost that was on the disk.

    Every third kill comes at any moment from the process's start on, the others after its first checkpoint, or most
    would come while it still imports.
    """
    kills, seed = max(6, settings().max_examples // 10), int.from_bytes(os.urandom(4))
    moments, epochs = random.Random(seed), ["--epochs", "400", "--batch", "2", *ALWAYS]
    code, out, _ = typed_here(begin(digits, fast / "whole", *epochs))
    expected = json.loads(out)["run_hash"]
    assert code == 0
    runs = killed = finished = 0
    newest, place = -1, fast / "0"
    while killed < kills or not finished:
        line = [*resume(place), *ALWAYS] if newest >= 0 else begin(digits, place, *epochs)
        begun = killed % 3 > 0
        moment = 120 if killed == kills else moments.uniform(0, 0.5 if begun else 1.5)
        code, out, err, told = killed_at(moment, begun, line)
        where = f"seed {seed}, kill {killed}, run {runs}: {err}"
        if code == -signal.SIGKILL:
            killed += 1
            found, faults = checkpoint.sound(place)
            assert faults == [], where
            generations = sorted(each.generation for each in found)
            assert max(generations, default=-1) >= max(told, newest), where
            newest = max(generations, default=-1)
            assert generations == list(range(max(0, newest - 1), newest + 1)), where
        else:
            assert (code, err) == (0, ""), where
            assert json.loads(out)["run_hash"] == expected == run_hash(*load(place)), where
            runs, finished, newest = runs + 1, finished + 1, -1
            place = fast / str(runs)
    assert killed == kills


@pytest.mark.turns(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint_and_the_command_to_go_on(
    number: signal.Signals, digits: Path, tmp_path: Path
) -> None:
    epochs = ["--epochs", "60", "--no-page", "--checkpoint", "999"]
    _, out, _ = typed_here(begin(digits, tmp_path / "whole", *epochs, "--json"))
    expected = json.loads(out)["run_hash"]
    place = tmp_path / "it's one"
    line = [sys.executable, "-m", *begin(digits, place, *epochs)]
    # Slowed down, so that the signal finds it at work.
    line[1:3] = ["-c", slowed("handcrafted.descend", 0.05)]
    with started(line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        while not running.stdout.readline().startswith("epoch  2"):
            assert running.poll() is None
        asked = time.monotonic()
        running.send_signal(number)
        _, err = running.communicate(timeout=60)
        assert time.monotonic() - asked < 30
    assert running.returncode == 130
    said = re.fullmatch(r"gradproof: interrupted; continue with: (.*)\n", err)
    assert said
    back, faults = checkpoint.load(place)
    assert faults == []
    assert 22 <= back.state.steps < 660
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m {said[1]} --no-page"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert f"continues in epoch {back.state.epoch}, after {back.state.steps} mini-batches" in done.stdout
    assert f"run hash {expected}" in done.stdout


@pytest.mark.parametrize("which", [["--backend", "handcrafted"], ["--both"]], ids=["one", "both"])
def test_a_signal_while_a_run_begins_ends_it_with_the_command_to_go_on(
    which: list[str], digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, told = checkpoint.save, iter([signal.SIGTERM])

    def save(place: Path, at: checkpoint.Checkpoint) -> None:
        for number in told:
            os.kill(os.getpid(), number)
        saved(place, at)

    monkeypatch.setattr(checkpoint, "save", save)
    line = ["--sizes", ",".join(map(str, SIZES)), "--data", str(digits), "--out", str(tmp_path / "run"), *which]
    code, _, err = typed_here(["gradproof", "train", *line, *ALWAYS])
    assert code == 130
    assert err.startswith(f"gradproof: interrupted; continue with: gradproof train --resume {tmp_path / 'run'} ")
