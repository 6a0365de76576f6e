"""Somebody's code may do anything by accident: each becomes a verdict or one line, and nothing hangs or crashes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import gradproof
from gradproof.errors import DataError
from gradproof.judge.decision import Question, decide
from gradproof.judge.float64.diagnosis import judgement
from gradproof.judge.isolation.submission import File
from tests.commands import ended_here
from tests.processes import alive

pytestmark = pytest.mark.usefixtures("few_edits")

ROOT = Path(__file__).parents[2]
RIGHT = (Path(__file__).parent / "submissions" / "book.py").read_text("utf8")
CODE = (
    "import os, sys, time, threading\nimport numpy as np\n{before}\ndef backprop(weights, biases, x, y):\n    {body}\n"
)


def written(folder, before, body):
    path = folder / "mine.py"
    path.write_text(CODE.format(before=before, body=body), "utf8")
    return path


def judged(path, seconds=1.0, memory=8 << 30):
    with File(str(path), seconds=seconds, memory=memory) as code:
        return judgement(code, 20)


NAP = "time.sleep(30)"  # longer than any limit here
REFUTED = {  # what happens: (module level, body, kind of trouble, words)
    "raises": ("", "raise KeyError('δ')", "raises", "KeyError: 'δ' (line 5: raise KeyError('δ'))"),
    "raises in NumPy": ("", "return np.ones(2) @ np.ones(3)", "raises", "(line 5: return np.ones(2) @ np.ones(3))"),
    "raises what is no Exception": ("", "raise KeyboardInterrupt", "raises", "KeyboardInterrupt (line 5: raise"),
    "recursion without end": ("", "return backprop(weights, biases, x, y)", "raises", "RecursionError"),
    "wrong arity": ("backprop2 = None", "pass\ndef backprop(w, x): return x", "raises", "2 positional arguments but 4"),
    "exits": ("", "sys.exit(0)", "exits", "SystemExit"),
    "exits at once": ("", "os._exit(3)", "exits", "exit code 3"),
    "kills itself": ("", "os.kill(os.getpid(), 9)", "exits", "killed by signal 9"),
    "closes every file": ("", "os.closerange(0, 99); return 1", "exits", "instead of returning"),
    "hangs": ("", NAP, "hangs", "does not return within 1 seconds"),
    "hangs in C": ("", "np.linalg.svd(np.ones((4000, 4000)))", "hangs", "does not return within 1 seconds"),
    "waits for input": ("", "return input('?')", "raises", "EOFError"),
    "prints": ("", "print('x' * 10**6); sys.stderr.write('y' * 10**6); return 1", "shape", "returns int"),
    "writes to its descriptors": ("", "os.write(1, b'nonsense' * 9); return 1", "shape", "returns int"),
    "allocates 100 GB": ("", "np.ones(10**11 // 8); return 1", "raises", "more memory"),
    "returns 1 GB": ("", "return [np.zeros(1 << 27)], [np.zeros(9)]", "shape", "more than 256 MiB"),
    "patches NumPy": ("np.zeros = np.dot = np.asarray = np.frombuffer = None", "return 1",
                      "shape", "returns int"),
    "patches json": ("import json; json.dumps = json.loads = None", "return 1", "shape", "returns int"),
    "patches builtins": ("import builtins", "builtins.len = builtins.print = None; return 1", "exits", ""),
    "forks": ("", "os.fork(); return 1", "shape", "returns int"),
    "forks and waits": ("", "os.fork() or time.sleep(999); return 1", "shape", "returns int"),
    "threads that never end": (
        f"threading.Thread(target=lambda: {NAP}).start()", "return 1", "shape", "returns int"),
    "nonsense": ("", "return 'abc', object()", "shape", "dtype"),
    "None": ("", "return None", "shape", "returns NoneType"),
    "a generator": ("", "yield 1", "shape", "returns generator"),
    "objects": ("", "return [[object()]], [[object()]]", "dtype", "object"),
    "complex numbers": ("", "return [x + 1j], [x + 1j]", "dtype", "complex128"),
}  # fmt: skip
KINDS = {"nonsense": ("shape", "dtype"), "patches builtins": ("exits", "raises")}


@pytest.mark.sample(3)
@pytest.mark.parametrize("name", REFUTED)
def test_an_accident_is_refuted_in_one_line(name, tmp_path):
    before, body, kind, words = REFUTED[name]
    start = time.monotonic()
    found = judged(written(tmp_path, before, body))
    (trouble,) = found.troubles
    assert found.verdict == "refuted"
    assert trouble.kind in KINDS.get(name, (kind,)), trouble
    assert words in trouble.said or name in KINDS, trouble
    assert len(trouble.said.splitlines()) == 1
    assert "gradproof" not in trouble.said
    assert time.monotonic() - start < 60


UNLOADABLE = {  # what happens: (module level, words)
    "syntax": ("def", "SyntaxError"),
    "import": ("import nowhere_to_be_found", "nowhere_to_be_found"),
    "exits while loading": ("sys.exit()", "SystemExit"),
    "hangs while loading": (NAP, "does not return within 1.2 seconds"),
    "loading takes all memory": ("x = np.ones(10**11)", "more memory"),
    "no function": ("", "backprop in"),
    "an instance": ("class Network:\n    def backprop(self, x, y): pass", "give the class Network"),
    "a class without backprop": ("class Network: pass", "is a class without a method backprop(x, y)"),
}


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", UNLOADABLE)
def test_what_cannot_be_loaded_is_one_line(name, tmp_path):
    before, words = UNLOADABLE[name]
    body = {"no function": "pass\nbackprop = 3", "an instance": "pass\nbackprop = Network()"}.get(name, "pass")
    body = "pass\nbackprop = Network" if name == "a class without backprop" else body
    path = written(tmp_path, before, body)
    with pytest.raises(DataError, match="cannot be loaded") as caught:
        judged(path, seconds=0.2 if name == "hangs while loading" else 10)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_name_that_is_not_there_is_answered_with_those_that_are(tmp_path):
    path = written(tmp_path, "class Net: pass", "pass")
    with (
        pytest.raises(DataError, match=r"there is no 'Nett' in it; it defines Net, backprop$"),
        File(str(path), "Nett") as code,
    ):
        _ = code.kind


def test_a_program_that_is_no_backprop_is_refused_with_what_to_type_in_its_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("theirs.py").write_text("class Net: pass\n", "utf8")
    for path, name, words in (("theirs.py", "", "without --convention"), ("theirs", "Net", "by the path")):
        with pytest.raises(DataError, match=f"; any other program is judged {words}"):
            decide(Question(path, name, is_backprop=True), judgement)


CORRECT = "m = x.shape[1]; a = [x]\n" \
    "    for w, b in zip(weights, biases): a.append(1 / (1 + np.exp(-(w @ a[-1] + b))))\n" \
    "    d = [(a[-1] - y) * a[-1] * (1 - a[-1])]\n" \
    "    for w, h in zip(weights[:0:-1], a[-2:0:-1]): d.insert(0, w.T @ d[0] * h * (1 - h))\n" \
    "    b, w = [v.sum(1, keepdims=True) / m for v in d], [v @ h.T / m for v, h in zip(d, a)]\n    "  # fmt: skip
TENSOR = """
class Tensor:  # as torch's: an object with __array__, and not NumPy's
    def __init__(self, array): self.array = array
    def __array__(self, dtype=None, copy=None): return self.array
"""
VERIFIED = {  # what else it does: (module level, what is returned or done before)
    "generators": ("", "return (v for v in d), iter(b), map(np.copy, w)"),
    "tensors": (TENSOR, "return [Tensor(v) for v in d], [Tensor(v) for v in b], [Tensor(v) for v in w]"),
    "lists of lists": ("", "return [v.tolist() for v in d], [v.tolist() for v in b], [v.tolist() for v in w]"),
    "prints a lot": ("", "print('δ' * 10**6); return d, b, w"),
    "global state": ("", "np.random.seed(0); np.seterr(all='ignore'); os.chdir('/'); sys.setrecursionlimit(99999); "
                     "np.set_printoptions(precision=1); return d, b, w"),
    "threads": ("", "t = threading.Thread(target=print); t.start(); t.join(); return d, b, w"),
    "warnings": ("import warnings; warnings.simplefilter('always')", "warnings.warn('!'); return d, b, w"),
}  # fmt: skip


@pytest.mark.sample(2)
@pytest.mark.parametrize("name", VERIFIED)
def test_what_does_no_harm_is_judged_by_its_gradients(name, tmp_path):
    before, end = VERIFIED[name]
    assert judged(written(tmp_path, before, CORRECT + end), seconds=10).verdict == "verified"


@pytest.mark.turns(1)
def test_jax_arrays_are_arrays(tmp_path):
    before = "import jax; jax.config.update('jax_enable_x64', True); import jax.numpy as jnp"
    end = "return tuple([jnp.asarray(v) for v in part] for part in (d, b, w))"
    assert judged(written(tmp_path, before, CORRECT + end), seconds=20).verdict == "verified"


def test_nan_is_a_wrong_value_in_its_place(tmp_path):
    found = judged(written(tmp_path, "", CORRECT + "return d, b, [v * np.nan for v in w]"), seconds=10)
    assert {named.fault.equation for named in found.faults} == {"BP4"}


@pytest.mark.turns(1)
def test_slow_code_ends_when_all_calls_have_had_their_time(tmp_path, monkeypatch):
    monkeypatch.setattr("gradproof.judge.isolation.submission.ALL", 3)
    with File(str(written(tmp_path, "", CORRECT + "time.sleep(0.15); return d, b, w")), seconds=2.0) as code:
        found = judgement(code, 200)  # which would take half a minute
    assert [(trouble.kind, "for all networks" in trouble.said) for trouble in found.troubles] == [("hangs", True)]


def test_nothing_is_left_behind(tmp_path):
    path = written(tmp_path, "", f"os.fork() or {NAP}")
    with File(str(path), seconds=0.5) as code:
        assert code.kind.name == "backprop"
        assert alive(path)
        assert judgement(code, 20).verdict == "refuted"
    assert alive(path) == []


@pytest.mark.turns(1)
def test_a_session_of_its_own_is_not_left_behind_either(tmp_path):
    pid = tmp_path / "pid"
    before = f"""
def leave():  # once: a grandchild in a session of its own
    if os.path.exists({str(tmp_path / "left")!r}): return
    os.mkdir({str(tmp_path / "left")!r})
    middle = os.fork()
    if middle: return os.waitpid(middle, 0)  # nothing but the session has its number then
    os.setsid()
    if os.fork(): os._exit(0)
    open({str(pid)!r}, "w").write(str(os.getpid()))
    {NAP}
"""
    path = written(tmp_path, before, "leave(); return 1")
    with File(str(path), seconds=5) as code:
        assert judgement(code, 20).verdict == "refuted"
        left = int(pid.read_text())
        assert left in alive(path)  # it is there
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(left)], capture_output=True, text=True, timeout=60).stdout
    assert not state or state.startswith("Z")


def test_the_limit_of_memory_is_the_one_that_is_given(tmp_path):
    path = written(tmp_path, "", "np.empty(1 << 28); return 1")  # 2 GiB, and none of it is touched
    (within,) = judged(path, memory=8 << 30, seconds=5).troubles
    (beyond,) = judged(path, memory=1 << 30, seconds=5).troubles
    assert (within.kind, beyond.kind) == ("shape", "raises")
    assert "needs more memory than the 1 GiB that are allowed" in beyond.said


@pytest.mark.turns(1)
def test_ctrl_c_ends_it_in_one_line(tmp_path):
    path = written(tmp_path, "", f"open({str(tmp_path / 'now')!r}, 'w'); {NAP}")
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--seconds", "500"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    for _ in range(600):
        if not (tmp_path / "now").exists():  # the code is not called yet
            time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "gradproof: interrupted\n")


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("before", "body", "code", "words"),
    [("", "os._exit(3)", 1, "exit code 3"), ("def", "pass", 3, "SyntaxError"), (NAP, "pass", 3, "does not return")],
)
def test_the_command_says_it_in_a_line_and_its_exit_code(before, body, code, words, tmp_path):
    line = [sys.executable, "-m", "gradproof", "check", str(written(tmp_path, before, body)), "--seconds", "0.5"]
    result = ended_here(line, tmp_path)
    assert result.returncode == code, result.stdout + result.stderr
    assert words in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert len((result.stdout + result.stderr).splitlines()) <= 6


def test_a_check_in_this_process_survives_sys_exit():
    found = gradproof.check(lambda w, b, x, y: sys.exit(3), networks=20)
    assert [trouble.kind for trouble in found.troubles] == ["exits"]


@pytest.mark.turns(1)
def test_code_for_exactly_four_layers_is_judged(tmp_path):
    path = written(tmp_path, "", "w1, w2, w3, w4 = weights\n    " + CORRECT + "return d, b, w")
    assert judged(path, seconds=10).verdict == "verified"


@pytest.mark.turns(1)
def test_a_slip_on_some_mini_batches_alone_is_placed_and_has_no_name(tmp_path):
    path = written(tmp_path, "", CORRECT + "b = [v * m for v in b] if m == 5 else b; return d, b, w")
    with File(str(path), seconds=10) as code:
        found = judgement(code, 60)
    assert {named.fault.equation for named in found.faults} == {"BP3"}
    assert all(named.names == [] for named in found.faults)


@pytest.mark.turns(1)
def test_the_verdict_is_told_though_the_disk_is_full_when_a_file_is_written(tmp_path):
    path = written(tmp_path, "", CORRECT + "return d, b, [2 * v for v in w]")
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", "--junit", "/dev/full"]
    result = ended_here(line, tmp_path)
    assert result.returncode == 4
    assert result.stdout.startswith("refuted:")
    assert result.stderr.startswith("gradproof: cannot write to /dev/full: No space left on device")


@pytest.mark.turns(1)
def test_a_script_asks_for_the_name_that_was_looked_up(tmp_path):
    path, script = tmp_path / "mine.py", tmp_path / "shown.py"
    other = f"import numpy as np\ndef other(weights, biases, x, y):\n    {CORRECT}return d, b, [2 * v for v in w]\n"
    path.write_text(other + "backprop = lambda *problem: other(*problem)\n", "utf8")
    line = [sys.executable, "-m", "gradproof", "check", str(path), "--architectures", "20", "--script", str(script)]
    assert ended_here(line, tmp_path).returncode == 1
    assert subprocess.run([sys.executable, "-I", str(script)], capture_output=True, timeout=60).returncode == 0


@pytest.mark.turns(1)
def test_too_little_address_space_for_jax_is_one_line_and_less_than_the_default_is_enough(tmp_path):
    path = written(tmp_path, "", CORRECT + "return d, b, w")
    line = f'ulimit -v {{}}; exec "{sys.executable}" -m gradproof check "{path}" --architectures 20'
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for kibibytes, code, out, err in [
        (
            450_000,
            4,
            "",
            "gradproof: JAX does not start in 0.43 GiB of address space; allow more: ulimit -v unlimited\n",
        ),
        (4_000_000, 0, "verified: ", ""),
    ]:
        command = ["sh", "-c", line.format(kibibytes)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert (result.returncode, result.stderr) == (code, err)
        assert result.stdout.startswith(out)
