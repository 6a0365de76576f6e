"""Training over many devices and several processes: real processes on loopback, one of them killed for real."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import settings

import gradproof
from gradproof.commands.child import explained
from gradproof.train import mnist
from gradproof.train.saved_run import load, run_hash
from tests.commands import ended_here
from tests.thorough import THOROUGH
from tests.train.small import idx, put_digits

COMPILED = ("JAX_COMPILATION_CACHE_", "JAX_PERSISTENT_CACHE_", "XLA_FLAGS")  # what is compiled once serves all these
OTHERS = ("JAX_", "XLA_", "SLURM", "OMPI")
ENVIRONMENT = {k: v for k, v in os.environ.items() if k.startswith(COMPILED) or not k.startswith(OTHERS)}
ENVIRONMENT |= {"PYTHONPATH": str(Path(gradproof.__file__).parents[1])}
TRAIN = [sys.executable, "-m", "gradproof", "train"]
HEARTBEAT = 5
SHORT = ["--epochs", "2", "--batch", "10", "--no-page", "--json"]
# The judge is compiled for each size of mini-batch and number of devices: here for one that no number of them divides,
# in the thorough profile for ten examples and the last five.
PROVEN = [*SHORT, "--batch", "10" if THOROUGH else "7", "--verify"]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_digits(tmp_path_factory.mktemp("digits"))


def begin(digits: Path, *arguments: str) -> list[str]:
    return [*TRAIN, "--backend", "reference", "--sizes", "12,8,10", "--data", str(digits), *arguments]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def started(line: Sequence[str], processes: int, *last: str) -> list[subprocess.Popen[str]]:
    """The same command once for each process, as one would type it on each host."""
    where = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", str(processes), "--heartbeat", str(HEARTBEAT)]
    return [
        subprocess.Popen(
            [*line, *where, "--process", str(process), *last],
            env=ENVIRONMENT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in range(processes)
    ]


WAITING = r"gradproof: waiting for \d processes at 127\.0\.0\.1:\d+, for 300 s at most\n"


def ended(running: Sequence[subprocess.Popen[str]], seconds: float = 120) -> list[tuple[int, str, str]]:
    """Exit code, stdout, and stderr after each has said whom it waits for; none outlives the test."""
    until = time.monotonic() + seconds
    try:
        said = [process.communicate(timeout=max(1, until - time.monotonic())) for process in running]
    finally:
        for process in running:
            process.kill()
    assert all(re.match(WAITING, err) for _, err in said), said
    return [
        (process.returncode, out, re.sub(WAITING, "", err, count=1))
        for process, (out, err) in zip(running, said, strict=True)
    ]


def alone(line: Sequence[str]) -> dict[str, object]:
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    result: dict[str, object] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def expected(digits: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    """The run hash of the reproducible run on one device."""
    place = tmp_path_factory.mktemp("one") / "run"
    return alone(begin(digits, *SHORT, "--reproducible", "--out", str(place)))["run_hash"]


@pytest.mark.turns(1)
def test_reproducible_means_the_same_hash_on_eight_devices(digits: Path, expected: object, tmp_path: Path) -> None:
    """Ten examples on eight devices, and a last mini-batch of five."""
    on_eight = alone(begin(digits, *SHORT, "--reproducible", "--devices", "8", "--out", str(tmp_path / "8")))
    assert on_eight["run_hash"] == expected
    fast = alone(begin(digits, *SHORT, "--devices", "8", "--out", str(tmp_path / "fast")))
    assert fast["run_hash"] != expected  # in another order, and so in other last bits


@pytest.mark.turns(1)
def test_of_two_processes_the_first_writes_and_speaks_and_the_hash_is_the_same(
    digits: Path, expected: object, tmp_path: Path
) -> None:
    line = begin(digits, *SHORT, "--reproducible", "--devices", "2", "--out", str(tmp_path / "run"))
    first, second = ended(started(line, 2))
    assert second == (0, "", "")
    assert (first[0], first[2]) == (0, "")
    assert json.loads(first[1])["run_hash"] == expected == run_hash(*load(tmp_path / "run"))
    assert os.listdir(tmp_path) == ["run"]


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("processes", [1, 2], ids=["four devices", "two processes"])
def test_every_step_over_devices_and_processes_is_proven(processes: int, digits: Path, tmp_path: Path) -> None:
    """The sum over devices is in another order, and within the bound of a sum in any order."""
    line = begin(digits, *PROVEN, "--out", str(tmp_path / "run"))
    if processes == 1:
        found = alone([*line, "--devices", "4"])
    else:
        first, second = ended(started(line, 2))
        assert (first[0], second) == (0, (0, "", ""))
        found = json.loads(first[1])
    assert found["verified_steps"] == found["steps"]
    assert 0 < float(str(found["worst_ratio"])) <= 1


WRONG = """
import jax
from gradproof.__main__ import main
from gradproof.train.data_parallel import Spread
descend, steps = Spread.descend, iter(range(1, 10**9))
def planted(*arguments):
    weights, biases = descend(*arguments)
    return ([2 * w for w in weights] if next(steps) == 7 else weights), biases
Spread.descend = planted
main()
"""


@pytest.mark.turns(1)
def test_a_wrong_step_over_devices_is_named(digits: Path, tmp_path: Path) -> None:
    line = begin(digits, *PROVEN, "--out", str(tmp_path / "run"), "--devices", "4")
    line[1:3] = ["-c", WRONG]
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "step 7 is refuted: update at layer 1" in done.stderr
    assert (tmp_path / "run" / "step-7.safetensors").exists()


TRAP = """
import jax
from gradproof.__main__ import main
from reference import mesh
def summed(parameters, x, y, live, m):
    def own(parameters, x, y, live):
        gradient = jax.grad(lambda p: mesh.part(p[0], p[1], x, y, live, m))(parameters)
        return jax.lax.psum(jax.lax.pcast(gradient, mesh.EXAMPLES, to="varying"), mesh.EXAMPLES)
    return jax.shard_map(own, out_specs=mesh.WHOLE)(parameters, x, y, live)
mesh.summed = summed
main()
"""


@pytest.mark.turns(1)
def test_the_sum_that_jax_has_made_already_made_again_is_refuted_in_the_first_step(
    digits: Path, tmp_path: Path
) -> None:
    """Replicated parameters and a psum besides: two devices, twice the gradient, and it would learn all the same."""
    line = begin(digits, *PROVEN, "--out", str(tmp_path / "run"), "--devices", "2")
    line[1:3] = ["-c", TRAP]
    done = subprocess.run(line, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "step 1 is refuted: update at layer" in done.stderr


@pytest.mark.skipif(settings().max_examples <= 100, reason="thorough: seven trainings on real digits")
def test_on_real_digits_the_hash_is_the_same_on_any_number_of_devices_and_processes(tmp_path: Path) -> None:
    data = tmp_path / "digits"
    data.mkdir()
    for part, images, labels in (("train", *mnist.load().train[:2]), ("t10k", *mnist.load().test[:2])):
        (data / f"{part}-images-idx3-ubyte.gz").write_bytes(idx(images[:600].reshape(-1, 28, 28)))
        (data / f"{part}-labels-idx1-ubyte.gz").write_bytes(idx(labels[:600]))
    line = [*TRAIN, "--backend", "reference", "--sizes", "784,30,10", "--data", str(data), *SHORT, "--reproducible"]
    hashes = [
        alone([*line, "--devices", str(devices), "--out", str(tmp_path / f"{devices}")])["run_hash"]
        for devices in (1, 2, 4, 8)
    ]
    for processes in (1, 2, 4):
        results = ended(started([*line, "--out", str(tmp_path / f"of {processes}")], processes), 300)
        assert [code for code, _, _ in results] == [0] * processes, results
        hashes.append(json.loads(results[0][1])["run_hash"])
    assert hashes == hashes[:1] * 7


# Whether the first is killed, which all others report to, is tried in the thorough profile.
@pytest.mark.turns(1)
@pytest.mark.parametrize("victim", [1, 0] if settings().max_examples > 100 else [1])
def test_a_process_that_is_killed_is_named_by_the_others_and_the_run_goes_on(
    victim: int, digits: Path, tmp_path: Path
) -> None:
    """SIGKILL; the others end within the heartbeat, with one line; what is kept goes on to the hash of a whole run."""
    long = [*SHORT, "--reproducible", "--epochs", "150", "--checkpoint", "0"]
    place = tmp_path / "run"
    running = started(begin(digits, *long, "--out", str(place)), 3)
    try:
        until = time.monotonic() + 60
        while not (place / "log.jsonl").exists() or '"epoch": 5' not in (place / "log.jsonl").read_text():
            assert time.monotonic() < until
            time.sleep(0.05)
        running[victim].send_signal(signal.SIGKILL)
        killed = time.monotonic()
        survivors = [process for process in running if process is not running[victim]]
        for process in survivors:
            process.wait(60)
        assert time.monotonic() - killed < 3 * HEARTBEAT
    finally:
        results = ended(running, 60)
    assert results[victim][0] == -signal.SIGKILL
    for process, (code, _, err) in enumerate(results):
        if process != victim:
            assert code == 4, err
            assert re.fullmatch(rf"gradproof: process {victim}\b[^\n]* is lost[^\n]*\n", err), err
    assert not list(place.glob(".unfinished*"))
    resumed = alone([*TRAIN, "--resume", str(place), "--no-page", "--json", "--devices", "2"])
    whole = alone(begin(digits, *long, "--checkpoint", "999", "--out", str(tmp_path / "whole")))
    assert resumed["run_hash"] == whole["run_hash"]


DYING = """
import os, signal, sys
from gradproof.__main__ import main
from gradproof.train.data_parallel import Spread
where = sys.argv.pop()
own, calls = getattr(Spread, where), iter(range(10**9))
def planted(*arguments):
    import jax
    if jax.process_index() == 1 and next(calls) == (2 if where == "any" else 0):
        os.kill(os.getpid(), signal.SIGKILL)
    return own(*arguments)
setattr(Spread, where, planted)
main()
"""
ALL_TOGETHER = ["any", "longest", "insist_on_the_same"]


@pytest.mark.turns(1)
@pytest.mark.parametrize("where", ALL_TOGETHER if settings().max_examples > 100 else ALL_TOGETHER[:1])
def test_a_process_that_is_lost_where_all_speak_together_is_one_line(where: str, digits: Path, tmp_path: Path) -> None:
    """Process 1 ends by SIGKILL where the others wait for its word; they say so and no more, the first as well."""
    line = begin(digits, "--epochs", "150", "--no-page", "--out", str(tmp_path / "run"))
    line[1:3] = ["-c", DYING]
    running = started(line, 2, where)
    (code, out, err), (_, _, of_the_lost) = ended(running, 90)
    assert code == 4, err
    if where == "insist_on_the_same":
        assert re.fullmatch(r"gradproof: process 1\b[^\n]* is lost[^\n]*; no step was taken[^\n]*\n", err), err
    else:
        assert re.fullmatch(r"gradproof: process 1\b[^\n]* is lost[^\n]*\n", err), err
        assert f"with: gradproof train --resume {tmp_path / 'run'} --coordinator" in err
        assert f"in '{tmp_path / 'run'}'" in out
    assert "ended early" not in out
    assert re.fullmatch(r"gradproof: this process was ended by SIGKILL[^\n]*\n", of_the_lost)


@pytest.mark.turns(1)
def test_processes_that_differ_are_refused(digits: Path, tmp_path: Path) -> None:
    line = begin(digits, *SHORT, "--out", str(tmp_path / "run"))
    running = started(line, 2)
    running[1].kill()
    where = running[0].args[running[0].args.index("--coordinator") :][:-1]  # type: ignore[union-attr,index,arg-type]
    running[1].communicate(timeout=60)
    other = [*line, "--eta", "1.0", *where, "1"]
    running[1] = subprocess.Popen(other, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for code, out, err in ended(running):
        assert (code, out) == (2, ""), err
        assert re.fullmatch(r"gradproof: the processes differ in settings[^\n]*\n", err)


UNEQUAL = """
from gradproof.__main__ import main
from gradproof.train import loop
begin = loop.begin
def planted(settings):
    import jax
    state = begin(settings)
    state.biases[0][0, 0] += jax.process_index() * 2**-20
    return state
loop.begin = planted
main()
"""


@pytest.mark.turns(1)
def test_replicas_that_start_unequal_are_refused(digits: Path, tmp_path: Path) -> None:
    """In one bias, by a few roundings: descent would keep them apart, and nothing else would tell."""
    line = begin(digits, *SHORT, "--out", str(tmp_path / "run"))
    line[1:3] = ["-c", UNEQUAL]
    for code, out, err in ended(started(line, 2)):
        assert (code, out) == (2, ""), err
        assert re.fullmatch(r"gradproof: the processes differ in settings[^\n]* weights [^\n]*\n", err)


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM] if settings().max_examples > 100 else [signal.SIGINT]
)
def test_one_that_waits_alone_says_for_whom_and_ends_at_once(
    number: signal.Signals, digits: Path, tmp_path: Path
) -> None:
    alone, absent = started(begin(digits, *SHORT, "--out", str(tmp_path / "run")), 2)
    absent.kill()
    absent.communicate(timeout=60)
    try:
        assert alone.stderr
        assert re.fullmatch(WAITING, alone.stderr.readline())
        time.sleep(1)  # by now it waits in C++
        alone.send_signal(number)
        assert alone.communicate(timeout=5) == ("", "gradproof: interrupted\n")
    finally:
        alone.kill()
    assert alone.returncode == 130
    assert os.listdir(tmp_path) == []


@pytest.mark.turns(1)
def test_a_cluster_launcher_says_who_is_who(digits: Path, expected: object, tmp_path: Path) -> None:
    """As SLURM sets it for one task on one host: --coordinator auto and nothing else."""
    slurm = {"SLURM_JOB_ID": "1234", "SLURM_STEP_NODELIST": "127.0.0.1", "SLURM_NTASKS": "1", "SLURM_PROCID": "0"}
    slurm |= {"SLURM_LOCALID": "0", "SLURM_STEP_NUM_NODES": "1"}
    line = begin(digits, *SHORT, "--reproducible", "--coordinator", "auto", "--out", str(tmp_path / "run"))
    done = subprocess.run(line, env=ENVIRONMENT | slurm, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["run_hash"] == expected


@pytest.mark.turns(1)
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--processes", "2"], "--processes needs --coordinator HOST:PORT"),
        (["--heartbeat", "9"], "--heartbeat needs --coordinator HOST:PORT"),
        (["--devices", "0"], "not in the range"),
        (["--devices", "2", "--backend", "handcrafted"], "need --backend reference"),
        (["--reproducible", "--backend", "handcrafted"], "--reproducible needs --backend reference"),
        (["--coordinator", "auto"], "there is no launcher (SLURM, Open MPI, …) to ask; give --coordinator HOST:PORT"),
        (["--coordinator", "127.0.0.1:1", "--processes", "2", "--process", "2"], "--process must be below 2"),
        (["--coordinator", "localhost"], "'localhost' is not HOST:PORT; say where process 0 is, such as"),
        (["--coordinator", "127.0.0.1:abc"], "'127.0.0.1:abc' is not HOST:PORT; say where process 0 is, such as"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_is_one_line(arguments: list[str], reason: str, digits: Path, tmp_path: Path) -> None:
    line = begin(digits, *SHORT, *arguments)
    if "--coordinator" in arguments:  # JAX is set up for many processes there
        done = subprocess.run(line, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    else:
        done = ended_here(line, tmp_path)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert re.fullmatch(r"gradproof: [^\n]+\n", done.stderr)
    assert reason in done.stderr
    assert os.listdir(tmp_path) == []


def test_what_cpp_says_becomes_the_number_of_the_lost_process() -> None:
    said = "UNAVAILABLE: The following tasks are unhealthy (stopped sending heartbeats):\n1\n3\nThe tasks have crashed."
    assert explained(said, 6).startswith("process 1, 3 is lost: ")
    assert explained("Failed to send RPC to coordination service.", 6).startswith("process 0, ")
    assert explained(said, 6, "gradproof train --resume 1").endswith("this one with: gradproof train --resume 1")
    assert explained("", 11).startswith("this process was ended by SIGSEGV; ")
