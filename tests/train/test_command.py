"""gradproof train as it is typed: real processes, their output, their exit codes, and the files they leave."""

import ctypes
import json
import os
import pty
import re
import signal
import subprocess
import sys
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from safetensors import safe_open

import gradproof
from gradproof.backends import NAMES
from gradproof.commands import display
from gradproof.commands.train import command
from gradproof.pages import run as run_page
from gradproof.train import loop, mnist
from gradproof.train.loop import Settings
from gradproof.train.saved_run import load, run_hash
from tests.commands import ended_here
from tests.processes import started
from tests.train.small import SMALL, idx, put_digits

SIZES = "12,8,10"
FILES = ["checkpoint-0.safetensors", "checkpoint-1.safetensors", "log.jsonl", "run.json", "weights.safetensors"]
BEST = "best.safetensors"
EPOCH = re.compile(r"epoch +\d+  \d+/40 correct  cost \d\.\d{4}  \d+\.\d s")
# Also where the package is not installed, and whatever the terminal of the one who tests is set to.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
ENVIRONMENT |= {"PYTHONPATH": str(Path(gradproof.__file__).parents[1]), "TERM": "xterm"}


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_digits(tmp_path_factory.mktemp("digits"))


def typed(digits: Path, *arguments: str, backend: str = "handcrafted") -> list[str]:
    start = [sys.executable, "-m", "gradproof", "train", "--backend", backend]
    return [*start, "--data", str(digits), "--sizes", SIZES, "--no-page", *arguments]


AS_FOR_EVERYBODY = ENVIRONMENT | {"XLA_FLAGS": ""}  # compiled so: see conftest.py


def ended(line: list[str], place: Path, environment: dict[str, str] = ENVIRONMENT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=60)


def assert_refused(done: subprocess.CompletedProcess[str], code: int, reason: str) -> None:
    """One line on stderr that says why, nothing on stdout, the documented exit code."""
    assert re.fullmatch(r"gradproof: [^\n]+\n", done.stderr), done.stderr
    assert reason in done.stderr
    assert (done.returncode, done.stdout) == (code, "")


def assert_kept(place: Path, steps: int | None = None) -> dict[str, Any]:
    """The run in a folder is whole and tells one story; what run.json says."""
    result: dict[str, Any] = json.loads((place / "run.json").read_text())
    assert sorted(os.listdir(place)) == sorted([*FILES, *([BEST] if result["epochs"] else [])])
    assert result["run_hash"] == run_hash(*load(place))
    with safe_open(place / "weights.safetensors", framework="numpy") as stored:
        metadata = stored.metadata()
    assert metadata["steps"] == str(result["steps"])
    assert metadata["sizes"] == SIZES
    assert steps in (None, result["steps"])
    return result


@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", NAMES)
def test_a_run_is_told_in_plain_lines_and_its_weights_read_digits(backend: str, digits: Path, tmp_path: Path) -> None:
    done = ended(typed(digits, "--epochs", "10", "--batch", "4", backend=backend), tmp_path, AS_FOR_EVERYBODY)
    assert (done.returncode, done.stderr) == (0, "")
    first, second, *epochs, weights, best, python = done.stdout.splitlines()
    assert first == f"{backend} {SIZES}  epochs 10  batch 4  eta 3.0  seed 0  normal  float32"
    assert second == "105 images to train, 21 to validate, 40 to test"
    assert len(epochs) == 10
    assert all(EPOCH.fullmatch(line) for line in epochs)
    result = assert_kept(tmp_path / "runs/1", steps=10 * 27)
    most = max(result["epochs"], key=lambda epoch: epoch["validation"])
    shares = f"{most['validation'] / 21:.2%} of the validation images, {most['correct'] / 40:.2%} of the test images"
    assert best == f"best: epoch {most['epoch']}, {shares}: 'runs/1/best.safetensors'"
    assert weights == f"weights: 'runs/1', run hash {result['run_hash']}"
    assert python.startswith("in Python: import gradproof; gradproof.load('/")
    test = mnist.load(digits).test
    for reader in NAMES:
        read = load(tmp_path / "runs/1").classify(test.images, backend=reader)
        assert (read == test.labels).sum() == result["epochs"][-1]["correct"]


@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", NAMES)
def test_json_is_one_document_on_stdout_and_the_same_in_the_folder(backend: str, digits: Path, tmp_path: Path) -> None:
    done = ended(typed(digits, "--epochs", "2", "--json", "--out", "a/b", backend=backend), tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout)
    assert result == assert_kept(tmp_path / "a/b", steps=2 * 11)
    assert re.fullmatch("[0-9a-f]{64}", result.pop("run_hash"))
    kinds = {
        "epoch": int,
        "correct": int,
        "test": int,
        "validation": int,
        "training": int,
        "cost": float,
        "seconds": float,
    }
    for epoch in result["epochs"]:
        assert {key: type(value) for key, value in epoch.items()} == kinds
    assert [epoch["epoch"] for epoch in result.pop("epochs")] == [1, 2]
    best = result.pop("best")
    assert (best["test"], best["weights"]) == (40, BEST)
    assert result == {
        "ended": None,
        "undecided": None,
        "backend": backend,
        "sizes": [12, 8, 10],
        "steps": 22,
        "verified_steps": 0,
        "worst_ratio": None,
        "out": "a/b",
    }


def test_only_the_last_weights_are_kept_where_that_is_asked_for(digits: Path, tmp_path: Path) -> None:
    line = typed(digits, "--epochs", "10", "--batch", "4")
    both, last = (ended_here([*line, "--keep", keep], tmp_path).stdout.splitlines() for keep in ("best", "last"))
    kept, alone = (json.loads((tmp_path / "runs" / number / "run.json").read_text()) for number in "12")
    assert sorted(os.listdir(tmp_path / "runs/2")) == FILES
    assert sorted(os.listdir(tmp_path / "runs/1")) == sorted([*FILES, BEST])
    assert alone["run_hash"] == kept["run_hash"]
    assert alone["best"] == kept["best"] | {"weights": None}
    assert last[-2] == both[-2].replace(": 'runs/1/best.safetensors'", "; its weights are not kept")
    resumed = [sys.executable, "-m", "gradproof", "train", "--resume", "runs/1", "--keep", "last"]
    assert ended_here(resumed, tmp_path).returncode == 0
    assert sorted(os.listdir(tmp_path / "runs/1")) == sorted([*FILES, "run.html"])
    assert "best.safetensors" not in (tmp_path / "runs/1/run.html").read_text()


def test_runs_are_numbered_and_one_seed_means_one_hash(digits: Path, tmp_path: Path) -> None:
    for seed in ("0", "0", "1"):
        assert ended_here(typed(digits, "--epochs", "1", "--seed", seed), tmp_path).returncode == 0
    hashes = [assert_kept(tmp_path / "runs" / number)["run_hash"] for number in "123"]
    assert hashes[0] == hashes[1] != hashes[2]
    assert sorted(os.listdir(tmp_path / "runs")) == ["1", "2", "3"]


def test_defaults_are_those_of_the_settings() -> None:
    context = command.make_context("train", ["--backend", "handcrafted"])
    chosen = {key: context.params[key] for key in Settings._fields}
    assert Settings(**chosen) == Settings("handcrafted")


def test_help_waits_for_no_numpy_and_no_jax(tmp_path: Path) -> None:
    code = "import sys, gradproof.commands.train; sys.exit('numpy' in sys.modules or 'jax' in sys.modules)"
    assert ended([sys.executable, "-c", code], tmp_path).returncode == 0
    done = ended([sys.executable, "-m", "gradproof", "train", "--help"], tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"--{option}" in done.stdout for option in (*Settings._fields, "data", "out", "json"))


# What is typed after good arguments, and what the error then has to say.
WRONG: list[tuple[list[str], str]] = [
    (["--backend", "torch"], "'torch' is not one of 'handcrafted', 'reference'"),
    (["--sizes", "12,x,10"], "give whole numbers separated by commas, such as 784,30,10"),
    (["--sizes", ""], "give whole numbers"),
    (["--sizes", "12,,10"], "give whole numbers"),
    (["--sizes", "12,8.5,10"], "give whole numbers"),
    (["--sizes", "12"], "at least two numbers"),
    (["--sizes", "12,0,10"], "none below 1"),
    (["--sizes", "12,-8,10"], "none below 1"),
    (["--sizes", "784,30,10"], "--sizes must begin with 12"),
    (["--sizes", "12,8,11"], "--sizes must end with 10"),
    (["--sizes", "12,99999999999,10"], "more than 1 GiB"),
    (["--sizes", f"12,{'9' * 4000},10"], "more than 1 GiB"),
    (["--sizes", f"12,{'9' * 5000},10"], "give whole numbers"),
    (["--epochs", "0"], "--epochs must be at least 1, not 0"),
    (["--epochs", "-1"], "--epochs must be at least 1, not -1"),
    (["--epochs", "two"], "'two' is not a valid integer"),
    (["--batch", "0"], "--batch must be from 1 to 105, the number of training images, not 0"),
    (["--batch", "106"], "not 106"),
    (["--eta", "0"], "--eta must be a finite number above 0 in float32, not 0.0"),
    (["--eta", "-1"], "not -1.0"),
    (["--eta", "nan"], "not nan"),
    (["--eta", "1e999"], "not inf"),
    (["--seed", "-1"], "--seed must be at least 0, not -1"),
    (["--init", "zeros"], "'zeros' is not one of 'normal', 'scaled'"),
    (["--dtype", "float16"], "'float16' is not one of 'float32', 'float64'"),
    (["--nonsense"], "No such option"),
    (["extra"], "unexpected extra argument"),
]


@pytest.mark.parametrize(("arguments", "reason"), WRONG, ids=[" ".join(words)[:30] for words, _ in WRONG])
def test_wrong_usage_is_one_line_and_leaves_nothing(
    arguments: list[str], reason: str, digits: Path, tmp_path: Path
) -> None:
    assert_refused(ended_here(typed(digits, *arguments), tmp_path), 2, reason)
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("verb", "meant"), [("tain", "train"), ("chek", "check"), ("proof", "prove"), ("studie", "study")]
)
def test_a_mistyped_verb_is_told_which_one_was_meant(verb: str, meant: str, tmp_path: Path) -> None:
    done = ended_here([sys.executable, "-m", "gradproof", verb], tmp_path)
    assert_refused(done, 2, f"No such command '{verb}' (did you mean '{meant}'?); see gradproof --help")


def test_a_backend_must_be_chosen(tmp_path: Path) -> None:
    done = ended_here([sys.executable, "-m", "gradproof", "train"], tmp_path)
    assert_refused(done, 2, "Missing option '--backend'")


@pytest.mark.parametrize("fault", ["missing", "truncated", "label_10"])
def test_bad_data_is_one_line_and_leaves_nothing(fault: str, digits: Path, tmp_path: Path) -> None:
    bad, place = tmp_path / "bad", tmp_path / "place"
    place.mkdir()
    if fault != "missing":
        bad.mkdir()
        for file in digits.iterdir():
            (bad / file.name).write_bytes(file.read_bytes())
    if fault == "truncated":
        (bad / "train-images-idx3-ubyte.gz").write_bytes((bad / "train-images-idx3-ubyte.gz").read_bytes()[:-9])
    if fault == "label_10":
        (bad / "t10k-labels-idx1-ubyte.gz").write_bytes(idx(np.full(40, 10, np.uint8)))
    assert_refused(ended_here(typed(bad), place), 3, f"{bad}")
    assert os.listdir(place) == []


def test_an_earlier_run_is_never_written_over(digits: Path, tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_text("precious")
    done = ended_here(typed(digits, "--out", str(tmp_path)), tmp_path)
    assert_refused(done, 2, "already holds weights.safetensors, which is not overwritten; choose another --out")
    assert os.listdir(tmp_path) == ["weights.safetensors"]
    assert (tmp_path / "weights.safetensors").read_text() == "precious"


@pytest.mark.parametrize(
    ("out", "reason"), [("file", "Not a directory"), ("file/run", "Not a directory"), ("x" * 300, "")]
)
def test_a_folder_that_cannot_be_written_to_is_noticed_before_training(
    out: str, reason: str, digits: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = ended_here(typed(digits, "--epochs", "1000000", "--out", out), tmp_path)
    assert_refused(done, 4, f"cannot write to {out}: {reason}")
    assert "choose another --out" in done.stderr
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.sample(1)
@pytest.mark.parametrize(("backend", "json_too"), [("handcrafted", False), ("reference", False), ("handcrafted", True)])
def test_ctrl_c_keeps_the_weights_reached(backend: str, json_too: bool, digits: Path, tmp_path: Path) -> None:
    line = typed(digits, "--epochs", "1000000", *(["--json"] if json_too else []), backend=backend)
    running = subprocess.Popen(
        line, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with running:
        assert running.stdout is not None
        heard: list[str] = []
        if json_too:  # says nothing until the end: its folder shows that the training is about to begin
            while not (tmp_path / "runs/1").exists():
                assert running.poll() is None
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(0.5)
        else:  # each line comes as soon as it is true, though stdout is a pipe
            heard = [running.stdout.readline() for _ in range(5)]
            assert heard[4].startswith("epoch       3  ")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    again = f"gradproof train --resume {tmp_path}/runs/1 --no-page" + " --json" * json_too
    assert (running.returncode, err) == (130, f"gradproof: interrupted; continue with: {again}\n")
    result = assert_kept(tmp_path / "runs/1")
    epochs = len(result["epochs"])
    assert epochs >= (0 if json_too else 3)
    assert epochs * 11 <= result["steps"] <= epochs * 11 + 11
    if json_too:
        assert json.loads(out) == result
    else:
        early = next(line for line in out.splitlines() if line.startswith("ended"))
        count = f"after {result['steps']} mini-batches"
        assert early == f"ended early, in epoch {epochs + 1}, {count}; the weights so far are kept"


def test_a_reader_that_leaves_ends_the_run_quietly_and_the_weights_are_kept(digits: Path, tmp_path: Path) -> None:
    running = subprocess.Popen(
        typed(digits, "--epochs", "1000000"),
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait(30) == 0
    assert assert_kept(tmp_path / "runs/1")["steps"] > 0


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["lines", "json"])
def test_where_the_output_finds_no_room_the_run_is_kept_and_says_how_to_go_on(
    options: tuple[str, ...], digits: Path, tmp_path: Path
) -> None:
    line = typed(digits, "--epochs", "2", "--out", "a", *options)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            line, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60
        )
    assert done.returncode == 4
    said = "gradproof: the machine failed: [Errno 28] No space left on device; then continue with: "
    assert done.stderr == f"{said}gradproof train --resume {tmp_path}/a {' '.join(['--no-page', *options])}\n"
    again = ended_here(typed(digits, "--epochs", "2", "--out", "b"), tmp_path)
    on = subprocess.run(
        [*line[:3], "train", "--resume", "a"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, timeout=60
    )
    assert (again.returncode, on.returncode) == (0, 0)
    hashes = [json.loads((tmp_path / run / "run.json").read_text())["run_hash"] for run in "ab"]
    assert hashes[0] == hashes[1]


def on_a_terminal(line: list[str], place: Path, **environment: str) -> tuple[str, str]:
    """What a run writes to a piped stdout, and to a stderr that is a terminal."""
    outer, inner = pty.openpty()
    with started(line, cwd=place, env=ENVIRONMENT | environment, stdout=subprocess.PIPE, stderr=inner) as running:
        os.close(inner)
        seen = b""
        while True:
            try:
                piece = os.read(outer, 65536)
            except OSError:  # how Linux says that the other side has gone
                break
            if not piece:
                break
            seen += piece
        out, _ = running.communicate(timeout=30)
    os.close(outer)
    assert running.returncode == 0
    return out.decode(), seen.decode()


PLAIN = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_on_a_terminal_the_run_is_seen_while_it_lasts_and_the_lines_stay_plain(digits: Path, tmp_path: Path) -> None:
    out, seen = on_a_terminal(typed(digits, "--epochs", "3", "--batch", "1"), tmp_path, COLUMNS="80")
    assert len([line for line in out.splitlines() if EPOCH.fullmatch(line)]) == 3
    assert "\x1b" not in out
    plain = PLAIN.sub("", seen)
    for epoch in (1, 2, 3):
        place = rf"epoch {epoch}/3 .*mini-batch 105/105 +[0-9,]+ images/s +\d:\d\d:\d\d left"
        assert re.search(place, plain), plain
    assert re.search(r"\d+/40 correct  cost \d\.\d{4}  [▁-█]{2} \d+\.\d% – \d+\.\d%", plain), plain
    assert re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", seen)
    assert all(len(line) <= 80 for line in re.split(r"[\r\n]+", plain)), plain


@pytest.mark.turns(1)
def test_where_steps_are_proven_it_is_seen_how_many(digits: Path, tmp_path: Path) -> None:
    _, seen = on_a_terminal(typed(digits, "--epochs", "2", "--verify"), tmp_path, COLUMNS="80")
    plain = PLAIN.sub("", seen)
    assert re.search(r"22 of 22 steps verified, worst 0\.\d{3} of its bound", plain), plain


def test_images_a_second_are_those_of_the_last_pictures_by_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever else a step's time goes into: descent takes a millisecond of it here."""
    clock, state = [0.0], loop.begin(SMALL)
    monkeypatch.setattr(display.time, "monotonic", lambda: clock[0])
    view = display.View(SimpleNamespace(settings=SMALL, at=SimpleNamespace(verify=True), state=state), 5000)  # type: ignore[arg-type]
    console = Console(width=100, file=StringIO())
    for step in range(1, 200):
        clock[0] += 0.5 if step < 100 else 0.25  # for ten images
        state = state._replace(batch=step, steps=step, seconds=0.001 * step)
        with console.capture() as captured:
            console.print(view._picture(state, clock[0]))
        assert f" {20 if step < 100 else 40} images/s" in captured.get() or 100 <= step < 100 + display.PICTURES


def test_no_color_is_respected(digits: Path, tmp_path: Path) -> None:
    _, seen = on_a_terminal(typed(digits, "--epochs", "1"), tmp_path, NO_COLOR="1")
    assert "mini-batch" in seen
    assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", seen)


def test_the_log_holds_one_line_of_json_for_each_epoch(digits: Path, tmp_path: Path) -> None:
    done = ended_here(typed(digits, "--epochs", "3", "--json", "--out", "a"), tmp_path)
    result = json.loads(done.stdout)
    begin, *epochs, end = map(json.loads, (tmp_path / "a/log.jsonl").read_text().splitlines())
    assert (begin["event"], begin["settings"]["sizes"]) == ("begin", [12, 8, 10])
    assert [{key: line[key] for key in result["epochs"][0]} for line in epochs] == result["epochs"]
    assert [line["steps"] for line in epochs] == [11, 22, 33]
    assert (end["event"], end["finished"], end["run_hash"]) == ("end", True, result["run_hash"])


def test_a_diverging_run_says_which_layer_and_what_to_try_and_keeps_the_last_good_weights(
    digits: Path, tmp_path: Path
) -> None:
    done = ended_here(typed(digits, "--eta", "1e5", "--out", "a"), tmp_path)
    assert done.returncode == 1
    why = r"the descent diverged: after epoch 1, layers? [12].* saturated: .* of all outputs .*; try --eta 3 or --init"
    assert re.fullmatch(rf"gradproof: {why} scaled\n", done.stderr)
    result = assert_kept(tmp_path / "a", steps=0)
    assert (result["epochs"], result["best"]) == ([], None)
    assert f"gradproof: {result['ended']}\n" == done.stderr
    assert "ended early; the last good weights, after 0 mini-batches, are kept" in done.stdout


def test_a_run_leaves_a_page_however_it_ends(digits: Path, tmp_path: Path) -> None:
    done = ended_here(typed(digits, "--epochs", "1", "--page", "--out", "a"), tmp_path)
    result = json.loads((tmp_path / "a/run.json").read_text())
    assert done.stdout.splitlines()[-1] == "page: 'a/run.html'"
    text = (tmp_path / "a/run.html").read_text()
    assert result["run_hash"] in text
    assert "Ended early" not in text
    done = ended_here(typed(digits, "--eta", "1e5", "--page", "--out", "b"), tmp_path)
    assert done.stdout.splitlines()[-1] == "page: 'b/run.html'"
    said = (
        r"Ended early</b>: the descent diverged: after epoch 1, layer.* saturated.*try --eta 3.* the last good network"
    )
    assert re.search(rf"{said}, after 0 steps", (tmp_path / "b/run.html").read_text())


def interrupted(line: list[str], place: Path, number: int = signal.SIGINT) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a run that is told to end after its second epoch."""
    with started(
        line, cwd=place, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        heard = ""
        while not re.search(r"^epoch +2 ", heard, re.M):
            assert running.poll() is None
            heard += running.stdout.readline()
        running.send_signal(number)
        out, err = running.communicate(timeout=60)
    return running.returncode, heard + out, err


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_on_its_page(number: int, digits: Path, tmp_path: Path) -> None:
    line = typed(digits, "--epochs", "1000000", "--page", "--out", "a")
    code, out, err = interrupted(line, tmp_path, number)
    assert (code, err) == (
        130,
        f"gradproof: interrupted; continue with: gradproof train --resume {tmp_path}/a --page\n",
    )
    assert out.splitlines()[-1] == "page: 'a/run.html'"
    text = (tmp_path / "a/run.html").read_text()
    assert re.search(r"Ended early</b>, in epoch [\d,]+ of 1000000, after [\d,]+ steps: interrupted", text)


@pytest.mark.turns(1)
def test_the_command_to_go_on_keeps_how_the_run_is_carried_out(digits: Path, tmp_path: Path) -> None:
    """What the run is about is in its folder: its settings, its digits, and that its steps are proven."""
    how = ["--checkpoint", "0.5", "--keep", "last", "--devices", "1", "--no-page"]
    line = [*typed(digits, "--epochs", "1000000", "--reproducible", "--verify", backend="reference"), *how]
    code, _, err = interrupted(line, tmp_path)
    again = f"gradproof train --resume {tmp_path}/runs/1 --checkpoint 0.5 --keep last --devices 1 --no-page"
    assert (code, err) == (130, f"gradproof: interrupted; continue with: {again}\n")
    steps = json.loads((tmp_path / "runs/1/run.json").read_text())["steps"]
    epochs = steps // 11 + 1
    whole = ended_here([*line[: -len(how)], "--epochs", str(epochs), "--no-page", "--json", "--out", "whole"], tmp_path)
    back = [sys.executable, "-m", *again.split(), "--epochs", str(epochs), "--json"]
    done = ended(back, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    result, expected = json.loads(done.stdout), json.loads(whole.stdout)
    assert result["run_hash"] == expected["run_hash"]
    assert result["verified_steps"] == result["steps"] == 11 * epochs


@pytest.mark.parametrize(
    ("error", "said"), [(ZeroDivisionError("no\npage"), "no page"), (KeyboardInterrupt(), "interrupted")]
)
def test_a_page_that_cannot_be_drawn_loses_nothing(
    error: BaseException, said: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(run_page, "write", fail)
    done = ended_here(typed(digits, "--epochs", "1", "--page", "--json", "--out", "a"), tmp_path)
    assert done.stderr == f"gradproof: the run is kept, but its page could not be drawn: {said}\n"
    assert (done.returncode, json.loads(done.stdout)) == (0, assert_kept(tmp_path / "a", steps=11))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--resume", "absent"], "absent: no such folder; give --resume the folder of a run"),
        (["--resume", ""], "is empty"),
        (["--resume", "a", "--out", "b"], "--resume continues in the folder of its run; leave out --out"),
        (["--resume", "a", "--eta", "2"], "--eta stays 3.0 in this run"),
        (["--resume", "a", "--backend", "reference"], "--backend stays handcrafted in this run"),
        (["--resume", "a", "--epochs", "0"], "--epochs must be at least 1"),
        (["--checkpoint", "-1", "--backend", "handcrafted"], "-1"),
        (["--checkpoint", "nan", "--backend", "handcrafted"], "is not a number; give seconds"),
    ],
)
def test_wrong_usage_of_resume_is_one_line(arguments: list[str], reason: str, digits: Path, tmp_path: Path) -> None:
    ended_here(typed(digits, "--epochs", "1", "--out", "a"), tmp_path)
    before = sorted((file.name, file.read_bytes()) for file in (tmp_path / "a").iterdir())
    done = ended_here([sys.executable, "-m", "gradproof", "train", *arguments], tmp_path)
    assert_refused(done, 3 if "absent" in arguments else 2, reason)
    assert before == sorted((file.name, file.read_bytes()) for file in (tmp_path / "a").iterdir())


@pytest.mark.parametrize("options", [["--resume", "a"], ["--resume", "both"], ["--backend", "reference", "--out", "b"]])
def test_a_folder_that_nothing_can_be_put_into_is_refused_before_any_step(
    options: list[str], digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended_here(typed(digits, "--epochs", "1", "--out", "a"), tmp_path)
    pair = [word for word in typed(digits, "--epochs", "1", "--both", "--out", "both") if word != "--backend"]
    ended_here([word for word in pair if word != "handcrafted"], tmp_path)
    before = sorted((file, file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())

    def refused(**_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("gradproof.train.folder.tempfile.TemporaryFile", refused)
    monkeypatch.setattr(loop, "states", None)
    done = ended_here([sys.executable, "-m", "gradproof", "train", *options, "--no-page"], tmp_path)
    assert_refused(done, 4, f"cannot write to {options[-1]}: Read-only file system; ")
    assert before == sorted((file, file.read_bytes()) for file in tmp_path.rglob("*") if file.is_file())


def test_a_run_that_is_finished_is_resumed_to_itself_and_may_be_made_longer(digits: Path, tmp_path: Path) -> None:
    ended_here(typed(digits, "--epochs", "2", "--out", "whole"), tmp_path)
    ended_here(typed(digits, "--epochs", "1", "--out", "a"), tmp_path)
    resumed = [sys.executable, "-m", "gradproof", "train", "--resume", "a", "--json", "--no-page"]
    one, two = (json.loads(ended_here(line, tmp_path).stdout) for line in (resumed, [*resumed, "--epochs", "2"]))
    assert (one["steps"], two["steps"]) == (11, 22)
    assert two["run_hash"] == json.loads((tmp_path / "whole/run.json").read_text())["run_hash"] != one["run_hash"]


def test_an_epoch_that_was_kept_but_not_logged_is_logged_on_resume(digits: Path, tmp_path: Path) -> None:
    ended_here(typed(digits, "--epochs", "2", "--out", "a"), tmp_path)
    log = tmp_path / "a/log.jsonl"
    lines = log.read_text().splitlines()
    log.write_text(
        "\n".join(line for line in lines if '"event": "epoch"' not in line or '"epoch": 2' not in line) + "\n"
    )
    ended_here([sys.executable, "-m", "gradproof", "train", "--resume", "a", "--epochs", "3", "--no-page"], tmp_path)
    said = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["epoch"], line["steps"]) for line in said if line["event"] == "epoch"] == [(1, 11), (2, 22), (3, 33)]


COUNTED = """
import sys
from pathlib import Path
from gradproof.__main__ import main
try:
    main()
except SystemExit:
    names = [name.read_text().strip() for name in Path("/proc/self/task").glob("*/comm")]
    print(sum(name.startswith("tf_XLAEigen") for name in names))
    raise
"""


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="tells its threads only on Linux")
@pytest.mark.parametrize("backend", NAMES)
def test_xla_that_only_judges_is_one_thread(backend: str, digits: Path, tmp_path: Path) -> None:
    line = typed(digits, "--epochs", "1", "--verify", backend=backend)
    result = ended([line[0], "-c", COUNTED, *line[3:]], tmp_path)
    assert result.returncode == 0, result.stderr
    threads = int(result.stdout.splitlines()[-1])
    assert threads == 1 if backend == "handcrafted" or len(os.sched_getaffinity(0)) == 1 else threads > 1


@pytest.mark.sample(1)
@pytest.mark.parametrize("error", [OSError, TypeError, AttributeError])
def test_where_malloc_takes_no_wishes_steps_are_proven_all_the_same(
    error: type[Exception], digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = ctypes.CDLL

    def unable(name: str | None, **options: Any) -> ctypes.CDLL:
        if name is None:
            raise error
        return library(name, **options)  # which threadpoolctl asks for, once in a process

    monkeypatch.setattr("gradproof.commands.train.ctypes.CDLL", unable)
    done = ended_here(typed(digits, "--epochs", "1", "--verify"), tmp_path)
    assert done.returncode == 0
    assert "11 of 11 steps verified" in done.stdout


def test_steps_that_were_not_judged_leave_a_verified_run_undecided(digits: Path, tmp_path: Path) -> None:
    ended_here(typed(digits, "--epochs", "1", "--out", "a"), tmp_path)
    resumed = [sys.executable, "-m", "gradproof", "train", "--resume", "a", "--epochs", "2", "--verify"]
    done = ended_here(resumed, tmp_path)
    assert done.returncode == 5
    assert "11 of 22 steps verified" in done.stdout
    why = "11 of 22 steps were taken without --verify; try a new run with --verify"
    assert f"\nundecided: {why}\n" in done.stdout
    assert f"<b>Undecided</b>: {why}." in (tmp_path / "a/run.html").read_text()


@pytest.mark.turns(1)
def test_an_undecided_proof_says_why_and_what_it_says_to_try_is_verified(digits: Path, tmp_path: Path) -> None:
    """In the end-to-end bounds of autodiff a small gradient of a deep network is hidden by rounding, in float32."""
    deep = ["--sizes", "12,30,30,30,30,30,30,10", "--init", "scaled", "--epochs", "1", "--verify"]
    done = ended_here(typed(digits, *deep, "--out", "a", backend="reference"), tmp_path)
    assert done.returncode == 5
    found = re.search(
        r"^undecided: ((\d+) of 11 steps cannot be told from steps not taken.* float32, .*; try (.*))$",
        done.stdout,
        re.M,
    )
    assert found, done.stdout
    result = json.loads((tmp_path / "a/run.json").read_text())
    assert (result["undecided"], result["verified_steps"]) == (found[1], 11 - int(found[2]))
    assert found[3].partition(", whose")[0] == "--dtype float64 or --backend handcrafted"
    again = ended_here(typed(digits, *deep, "--out", "b", "--backend", "handcrafted", backend="reference"), tmp_path)
    assert again.returncode == 0
    assert "11 of 11 steps verified" in again.stdout


def test_a_run_that_is_proven_goes_on_being_proven(digits: Path, tmp_path: Path) -> None:
    whole = ended_here(typed(digits, "--epochs", "1", "--out", "a", "--verify", "--page"), tmp_path)
    assert whole.returncode == 0
    assert "11 of 11 steps verified" in whole.stdout
    resumed = [sys.executable, "-m", "gradproof", "train", "--resume", "a", "--epochs", "2"]
    done = ended_here(resumed, tmp_path)
    assert done.returncode == 0
    assert "22 of 22 steps verified" in done.stdout
    assert re.search(r"steps verified<b>22</b>of 22, worst 0\.\d+ of its bound", (tmp_path / "a/run.html").read_text())


@pytest.mark.turns(1)
@pytest.mark.sample(1)
@pytest.mark.parametrize("backend", NAMES)
def test_one_epoch_on_real_digits_reads_85_of_100(backend: str, tmp_path: Path) -> None:
    line = [sys.executable, "-m", "gradproof", "train", "--backend", backend, "--epochs", "1", "--json"]
    done = ended(line, tmp_path, AS_FOR_EVERYBODY)
    assert (done.returncode, done.stderr) == (0, "")
    (epoch,) = json.loads(done.stdout)["epochs"]
    assert epoch["test"] == 10_000
    assert epoch["correct"] >= 8500
    assert epoch["validation"] >= 8500


@pytest.mark.parametrize("option", ["--out", "--data"])
def test_an_empty_path_is_not_the_folder_one_stands_in(option: str, tmp_path: Path) -> None:
    result = ended_here([sys.executable, "-m", "gradproof", "train", "--backend", "handcrafted", option, ""], tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert not list(tmp_path.iterdir())
