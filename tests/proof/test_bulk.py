"""`gradproof prove --log FOLDER`: the proof in parts, each judged once, none lost, one verdict."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import handcrafted
from gradproof.commands import bulk as logs
from gradproof.commands.prove import command
from gradproof.errors import DataError, UsageError
from gradproof.proof import bulk, theorem
from gradproof.proof.part import part as part_of
from gradproof.proof.summary import summary
from gradproof.proof.total import Total
from tests.commands import ended_here
from tests.processes import slowed
from tests.proof.planted import PLANTED
from tests.thorough import THOROUGH, some

pytestmark = pytest.mark.usefixtures("few_digits")
COUNT, SEED = 90, 4
CHECK = [sys.executable, "-m", "gradproof", "prove", "--architectures", "1200", "--seed", "4"]


def judge(place, process=0, processes=1, count=COUNT, seed=SEED):
    return sorted(logs.judge(place, process, processes, count, seed, "float64", quiet=True).parts())


def told(result):
    """A summary without the networks themselves."""
    faults = [(f.equation, f.layer, f.networks, f.elements, f.judged.first, f.worst.network) for f in result.faults]
    worst = result.worst and (result.worst[0].first, result.worst[1].equation, result.worst[1].ratio)
    return result._replace(faults=faults, worst=worst)


def both(parts):
    """What the parts come to, and what one process says of the same run."""
    whole = summary(list(theorem.everything(handcrafted, COUNT, SEED)))
    return told(bulk.merged(handcrafted, Total(parts), COUNT, SEED, "float64")), told(whole)


@pytest.mark.turns(1)
def test_three_processes_come_to_what_one_comes_to(tmp_path):
    assert {part.unit % 3 for part in judge(tmp_path, 2, 3)} == {2}
    assert {part.unit % 3 for part in judge(tmp_path, 0, 3)} == {0, 2}
    merged, whole = both(judge(tmp_path, 1, 3))
    assert merged == whole
    assert whole.architectures == COUNT


@pytest.mark.turns(1)
@pytest.mark.parametrize("error", some(list(PLANTED)[::15], PLANTED))
def test_a_planted_error_is_the_same_fault_in_parts(error, tmp_path, monkeypatch):
    name, wrong, _ = PLANTED[error]
    from handcrafted import equations

    monkeypatch.setattr(equations, name, wrong)
    judge(tmp_path, 0, 2)
    merged, whole = both(judge(tmp_path, 1, 2))
    assert merged.verdict == "refuted"
    assert merged == whole


def told_of_a_half(place, error, capsys, monkeypatch):
    """Exit code and JSON document of process 0 of two, with a planted error or none."""
    from handcrafted import equations

    if error:
        name, wrong, _ = PLANTED[error]
        monkeypatch.setattr(equations, name, wrong)
    arguments = ["--architectures", str(COUNT), "--log", str(place), "--processes", "2", "--process", "0", "--json"]
    code = command.main(arguments, standalone_mode=False)
    return code, json.loads(capsys.readouterr().out)


def test_a_share_tells_what_is_known_and_refutes_as_soon_as_it_can(tmp_path, capsys, monkeypatch):
    total, half = theorem.units(COUNT), len(range(0, theorem.units(COUNT), 2))
    assert told_of_a_half(tmp_path / "right", None, capsys, monkeypatch) == (
        0,
        {"verdict": None, "judged": half, "of": total, "refuted": 0},
    )
    code, said = told_of_a_half(tmp_path / "wrong", next(iter(PLANTED)), capsys, monkeypatch)
    assert said.pop("refuted") > 0
    assert (code, said) == (1, {"verdict": "refuted", "judged": half, "of": total})


def test_a_log_is_replayed_line_by_line(tmp_path):
    for part in judge(tmp_path)[3:9]:
        (again,) = theorem.chosen(handcrafted, [part.unit], COUNT, SEED)
        assert json.loads(json.dumps(part_of(part.unit, again)._asdict())) == json.loads(json.dumps(part._asdict()))


@pytest.mark.turns(1)
def test_the_first_network_of_a_line_is_judged_again_by_its_number(tmp_path, capsys):
    """`first` is what --network takes."""
    judge(tmp_path)
    lines = (tmp_path / "check-0-of-1.jsonl").read_text().splitlines()[1:]
    part = next(said for said in map(json.loads, lines) if said["source"] != "digits" and said["first"])
    (again,) = theorem.one_architecture(handcrafted, COUNT, SEED, part["first"])
    _, _, drawn = theorem.unit(part["unit"], COUNT, SEED, "float64")
    for got, expected in zip(again.stack.of_network(0)[:2], drawn.of_network(0)[:2], strict=True):
        for one, other in zip(got, expected, strict=True):
            assert (one == other).all()
    line = ["--architectures", str(COUNT), "--seed", str(SEED), "--network", str(part["first"]), "--json"]
    assert command.main(line, standalone_mode=False) == 0
    assert json.loads(capsys.readouterr().out)["architectures"] == 1


def test_nothing_is_judged_twice(tmp_path, monkeypatch):
    parts = judge(tmp_path)
    monkeypatch.setattr(theorem, "ask", None)  # would raise
    assert judge(tmp_path) == parts


def test_half_a_line_at_the_end_is_judged_again(tmp_path):
    parts = judge(tmp_path)
    log = tmp_path / "check-0-of-1.jsonl"
    log.write_bytes(log.read_bytes()[:-10])
    assert judge(tmp_path) == parts
    assert len(log.read_bytes().splitlines()) == 1 + theorem.units(COUNT)


def test_a_damaged_line_or_another_run_is_one_line(tmp_path):
    judge(tmp_path, 0, 2)
    log = tmp_path / "check-0-of-2.jsonl"
    with pytest.raises(UsageError, match="seed 5"):
        judge(tmp_path, 1, 2, seed=5)
    with pytest.raises(UsageError, match="is about 90 networks"):
        judge(tmp_path, 1, 2, count=91)
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join([*lines[:2], b'{"unit": "x"}\n', *lines[2:]]))
    (tmp_path / "check-1-of-2.jsonl").unlink(missing_ok=True)
    with pytest.raises(DataError, match="line 3"):
        judge(tmp_path, 1, 2)


ON_FEW_DIGITS = """
from gradproof.__main__ import main
from gradproof.proof import theorem
theorem.DIGITS, theorem.DIGIT_NETWORKS = 40, theorem.DIGIT_NETWORKS[:2]
main()
"""


@pytest.mark.turns(1)
def test_a_log_does_not_speak_for_other_code(tmp_path):
    """A copy of the claim with a planted factor 2 is refuted by itself, and refused the log of the right one."""
    root, other = Path(handcrafted.__file__).parents[1], tmp_path / "other"
    shutil.copytree(root / "handcrafted", other / "handcrafted")
    for room in ("reference", "gradproof"):
        (other / room).symlink_to(root / room)
    equations = other / "handcrafted" / "equations.py"
    right = equations.read_text()
    equations.write_text(right.replace("return delta.sum(", "return 2 * delta.sum("))
    assert equations.read_text() != right

    def check(log):
        line = [CHECK[0], "-c", ON_FEW_DIGITS, "prove", "--architectures", "3", "--log", str(log), "--processes", "2"]
        environment = os.environ | {"PYTHONPATH": str(other), "XLA_FLAGS": ""}  # compiled as for everybody
        return subprocess.run(line, cwd=other, env=environment, capture_output=True, text=True, timeout=120)

    judge(tmp_path / "log", 1, 2, count=3, seed=0)
    stale = check(tmp_path / "log")
    assert (stale.returncode, stale.stdout) == (2, ""), stale.stderr
    assert re.fullmatch(r"gradproof: \S+ is about 3 networks[^\n]* sources [^\n]*choose another --log\n", stale.stderr)
    planted = check(tmp_path / "new")
    assert (planted.returncode, planted.stderr) == (1, "")
    assert "refuted already: " in planted.stdout


SHALLOW = slowed(
    "gradproof.proof.theorem.ask",
    0.2,
    """
from gradproof.proof import architectures, theorem
architectures.DEEPEST, theorem.DIGIT_NETWORKS = 1, theorem.DIGIT_NETWORKS[:1]""",
)


@pytest.mark.turns(1)
def test_killed_and_interrupted_nothing_is_lost_and_nothing_judged_twice(tmp_path):
    """Two real processes, one killed by SIGKILL and one by Ctrl-C, and both started again."""
    # What is lost or judged twice is tried here, and not what XLA makes of networks of every depth.
    line, count, units = ([*CHECK], 1200, 4 + 30) if THOROUGH else ([CHECK[0], "-c", SHALLOW, *CHECK[3:]], 6000, 1 + 24)
    place = tmp_path / "log"
    line += ["--architectures", str(count), "--log", str(place), "--processes", "2", "--process"]

    def start(process):
        return subprocess.Popen([*line, str(process)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def written():
        return sum(len(log.read_bytes().splitlines()) - 1 for log in place.glob("*.jsonl"))

    running = [start(0), start(1)]
    until = time.monotonic() + 90
    while not place.exists() or written() < 4:
        assert time.monotonic() < until
        time.sleep(0.02)
    running[0].send_signal(signal.SIGKILL)
    running[1].send_signal(signal.SIGINT)
    ended = [process.communicate(timeout=60) for process in running]
    assert [process.returncode for process in running] == [-signal.SIGKILL, 130]
    assert ended[1] == ("", "gradproof: interrupted\n")
    assert written() < units
    running = [start(0), start(1)]
    texts = [process.communicate(timeout=120)[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert sum(f"agrees with autodiff on {count:,} random architectures" in text for text in texts) >= 1
    said = [json.loads(text) for log in place.glob("*.jsonl") for text in log.read_text().splitlines()]
    assert sorted(part["unit"] for part in said if "unit" in part) == list(range(units))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--processes", "2"], "--processes needs --log FOLDER"),
        (["--log", ""], "--processes needs --log FOLDER"),
        (["--processes", "2", "--process", "2", "--log", "x"], "--process must be below 2"),
        (["--network", "1", "--log", "x"], "leave out --log"),
        (["mine.py", "--log", "x"], "mine.py is not a recorded step; for your own code: gradproof check FILE.py"),
        (["step-7.safetensors", "--seed", "1"], "--seed does not apply to a recorded step"),
    ],
)
def test_wrong_usage_is_one_line(arguments, reason, tmp_path):
    done = ended_here([*CHECK[:4], *arguments], tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"gradproof: [^\n]+\n", done.stderr)
    assert reason in done.stderr
    assert not list(Path(tmp_path).iterdir())
