"""No file of gradproof is written through a link, and nothing that is not a file is waited for.

Each kind of file that is written, and each that is read, with whatever somebody may have put in its place.
"""

import json
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from gradproof import files
from gradproof.__main__ import gradproof_command
from gradproof.commands import bulk
from gradproof.errors import GradproofError, MachineError
from gradproof.study import reader
from gradproof.train import checkpoint, folder, mnist, paired_runs, refuted_step, run, saved_run

VICTIM = b"somebody else's"


@pytest.fixture(autouse=True)
def nobody_waits() -> Iterator[None]:
    """What waits for ever is interrupted."""

    def late(*_: object) -> None:
        raise TimeoutError("this should not wait")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def a_link(path: Path) -> None:
    path.with_name("victim").write_bytes(VICTIM)
    path.symlink_to("victim")


def a_dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def a_socket(path: Path) -> None:
    where = os.getcwd()
    os.chdir(path.parent)  # an address has room for 100 characters
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(path.name)
    os.chdir(where)


def a_device(path: Path) -> None:
    try:
        os.mknod(path, 0o666 | 0o020000, os.makedev(1, 5))  # as /dev/zero
    except PermissionError:
        pytest.skip("only root makes devices")


LINKS: dict[str, Callable[[Path], None]] = {
    "a link": a_link,
    "a dangling link": a_dangling_link,
    "a link to itself": a_link_to_itself,
}
OTHERS: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": a_socket,
    "a device": a_device,
    "a folder": Path.mkdir,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
}
WHOLE = {  # every file that is put there in one move, and who puts it
    "checkpoint-0.safetensors": files.write,
    "weights.safetensors": files.write,
    "run.json": files.write,
    "run.html": files.write,
    "both.json": files.write,
    "step-7.safetensors": files.write,
    "study.html": lambda path, content: files.give(path, content.decode()),
    "junit.xml": lambda path, content: files.give(path, content.decode()),
}
LINES = ("log.jsonl", "check-0-of-1.jsonl")  # and those to which lines are added


def nothing_beside(place: Path) -> bool:
    """What the links lead to is as it was."""
    victim = place / "victim"
    return not (place / "nowhere").exists() and (not victim.exists() or victim.read_bytes() == VICTIM)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kind", LINKS)
def test_a_file_takes_the_place_of_a_link_and_of_what_a_killed_process_left(
    kind: str, name: str, tmp_path: Path
) -> None:
    LINKS[kind](tmp_path / f"{files.UNFINISHED}{name}")
    WHOLE[name](tmp_path / name, b"new")
    assert nothing_beside(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / "victim").unlink(missing_ok=True)
    LINKS[kind](tmp_path / name)
    WHOLE[name](tmp_path / name, b"new")
    assert nothing_beside(tmp_path)
    assert not (tmp_path / name).is_symlink()
    assert (tmp_path / name).read_bytes() == b"new"
    assert {path.name for path in tmp_path.iterdir()} <= {name, "victim"}


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kind", [kind for kind in OTHERS if "link" not in kind])
def test_what_is_no_file_stays_and_is_told(kind: str, name: str, tmp_path: Path) -> None:
    OTHERS[kind](tmp_path / name)
    before = os.lstat(tmp_path / name)
    with pytest.raises(MachineError, match=rf"^cannot write [^\n]*{re.escape(name)}: \S[^\n]*$"):
        WHOLE[name](tmp_path / name, b"new")
    assert os.lstat(tmp_path / name) == before
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("kind", OTHERS)
def test_what_has_the_name_of_an_unfinished_file_is_no_obstacle_but_a_folder(
    kind: str, name: str, tmp_path: Path
) -> None:
    OTHERS[kind](tmp_path / f"{files.UNFINISHED}{name}")
    if kind == "a folder":
        with pytest.raises(MachineError, match=rf"{files.UNFINISHED}{re.escape(name)} first, and that is a folder"):
            WHOLE[name](tmp_path / name, b"new")
        return
    WHOLE[name](tmp_path / name, b"new")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [(name, b"new")]


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("kind", [*LINKS, *OTHERS])
def test_no_line_is_added_to_anything_but_a_file(kind: str, name: str, tmp_path: Path) -> None:
    (LINKS | OTHERS)[kind](tmp_path / name)
    files.mend(tmp_path / name)
    with pytest.raises(MachineError, match=r"^cannot write [^\n]*\.jsonl: it is a [^\n]*$"):
        files.append(tmp_path / name, b"{}")
    assert nothing_beside(tmp_path)


@pytest.mark.parametrize("kind", [*LINKS, *OTHERS])
def test_the_log_of_a_proof_in_parts_is_a_file(kind: str, tmp_path: Path) -> None:
    (LINKS | OTHERS)[kind](tmp_path / "check-0-of-1.jsonl")
    line = ["prove", "--architectures", "1", "--log", str(tmp_path)]
    with pytest.raises(GradproofError, match=r"^[^\n]*check-0-of-1\.jsonl[^\n]*$"):
        CliRunner().invoke(gradproof_command, line, catch_exceptions=False, standalone_mode=False)
    assert nothing_beside(tmp_path)


@pytest.mark.parametrize("kind", OTHERS)
def test_another_log_that_is_no_file_is_told(kind: str, tmp_path: Path) -> None:
    OTHERS[kind](tmp_path / "check-1-of-2.jsonl")
    line = ["prove", "--architectures", "1", "--log", str(tmp_path), "--processes", "2"]
    with pytest.raises(GradproofError, match=r"^[^\n]*check-1-of-2\.jsonl[^\n]*$"):
        CliRunner().invoke(gradproof_command, line, catch_exceptions=False, standalone_mode=False)


def read_a_log(path: Path) -> None:
    list(bulk.Log(path.parent, 0, 1, {"architectures": 1}).parts())


READ = {
    "weights.safetensors": saved_run.load,
    "checkpoint-0.safetensors": checkpoint.read,
    "step-7.safetensors": refuted_step.load,
    "train-labels-idx1-ubyte": lambda path: mnist.load(path.parent),
    "ledger.toml": reader.load,
    "check-0-of-1.jsonl": read_a_log,
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("kind", OTHERS)
def test_nothing_is_read_but_a_file(kind: str, name: str, tmp_path: Path) -> None:
    OTHERS[kind](tmp_path / name)
    with pytest.raises(GradproofError, match=rf"^[^\n]*{re.escape(str(tmp_path))}[^\n]*$"):
        READ[name](tmp_path / name)


def test_what_somebody_gives_as_an_output_is_written_to(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """/dev/stdout is a link, and theirs; a pipe is one that somebody reads."""
    for path in ("/dev/stdout", "/dev/fd/1", "/dev/null"):
        files.give(Path(path), "δ\n")
    assert capfd.readouterr().out == "δ\nδ\n"
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(MachineError, match=r"nobody is reading from that pipe; choose another$"):
        files.give(pipe, "δ")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.give(pipe, "δ")
    assert os.read(reader, 9) == "δ".encode()
    os.close(reader)


def test_a_name_of_255_bytes_is_a_name(tmp_path: Path) -> None:
    files.write(tmp_path / ("é" * 127), b"new")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"new"]


def test_only_the_room_of_files_writes_any() -> None:
    """No other module opens a file to write it."""
    root = Path(files.__file__).parent
    writes = re.compile(r"write_text|write_bytes|os\.replace|O_CREAT|O_TRUNC|mkstemp|NamedTemp|\bopen\([^)]*\"[wax]")
    found = {str(path.relative_to(root)) for path in root.rglob("*.py") if writes.search(path.read_text("utf8"))}
    assert found <= {"files.py", "commands/bulk.py"}


def test_a_folder_on_the_way_to_another_is_not_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with folder.claimed(Path("a/../b"), ["x"]) as place:
        (place / "x").touch()
    assert str(place) == "b"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_folder_whose_name_is_not_utf8_holds_a_run(tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"\xff")
    place.mkdir()
    weights, biases = [np.ones((2, 3))], [np.ones((2, 1))]
    saved_run.save(place, weights, biases, {})
    assert np.array_equal(saved_run.load(place).weights[0], weights[0])
    files.give(place / "page.html", str(place))
    files.append(place / run.LOG, json.dumps(str(place)).encode())
    assert not paired_runs.is_both(place)
