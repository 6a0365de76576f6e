"""A run that is ended anywhere goes on to the same weights, and no damage to its files goes unnoticed or is final."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save as serialised

from gradproof import backends
from gradproof.errors import DataError, UsageError
from gradproof.train import checkpoint, loop, run
from gradproof.train.checkpoint import FILES, Checkpoint
from gradproof.train.loop import Epoch, Settings
from gradproof.train.saved_run import named
from tests.train.small import SIZES, SMALL, put_digits, train

STEPS = 2 * 11


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put_digits(tmp_path_factory.mktemp("small"))


def new_run(place: Path, digits: Path, settings: Settings = SMALL, seconds: float = 0) -> Any:
    return run.new(settings, digits, place, seconds)


def uninterrupted(place: Path, digits: Path, settings: Settings = SMALL) -> str:
    with new_run(place, digits, settings) as whole:
        return train(whole)


@pytest.mark.sample(1)
@pytest.mark.parametrize(
    ("backend", "dtype"), [(name, "float32") for name in backends.NAMES] + [("reference", "float64")]
)
def test_a_run_ended_after_any_mini_batch_goes_on_to_the_same_hash(
    backend: str, dtype: str, digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And in chunks of other sizes than before: how mini-batches are grouped changes no bit."""
    settings = SMALL._replace(backend=backend, dtype=dtype)
    expected = uninterrupted(tmp_path / "whole", digits, settings)
    for steps in range(1, STEPS + 1):
        place = tmp_path / str(steps)
        monkeypatch.setattr(loop, "CHUNK", 1)
        with new_run(place, digits, settings, seconds=999) as first:
            train(first, stop_at=steps)
        monkeypatch.setattr(loop, "CHUNK", (250, 1, 4)[steps % 3])
        with run.resumed(place, None, {}, 999) as second:
            assert (second.state.steps, second.state.epoch) == (steps, 1 + (steps > 11))
            assert train(second) == expected
            assert [epoch.epoch for epoch in second.state.history] == [1, 2]


def test_history_is_the_uninterrupted_one_but_for_the_seconds(digits: Path, tmp_path: Path) -> None:
    results = []
    for stop_at in (None, 11):
        with new_run(tmp_path / str(stop_at), digits, SMALL._replace(epochs=3)) as first:
            train(first, stop_at)
        with run.resumed(tmp_path / str(stop_at), None, {}, 0) as second:
            train(second)
            results.append([epoch._replace(seconds=0.0) for epoch in second.state.history])
    assert results[0] == results[1]
    assert len(results[0]) == 3


@given(
    sizes=st.lists(st.integers(1, 5), min_size=2, max_size=4),
    seed=st.integers(0, 2**128),
    dtype=st.sampled_from(["float32", "float64"]),
    epochs=st.lists(st.tuples(st.integers(0, 2**53), st.floats(0, 10), st.floats(0, 1e9)), max_size=3),
    batch=st.integers(0, 10**9),
    seconds=st.floats(0, 1e9),
)
def test_a_checkpoint_comes_back_to_the_last_bit(
    sizes: list[int],
    seed: int,
    dtype: str,
    epochs: list[tuple[int, float, float]],
    batch: int,
    seconds: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    settings = Settings("reference", tuple(sizes), seed=seed, dtype=dtype)
    history = tuple(Epoch(n, right, 40, 7, right, cost, took) for n, (right, cost, took) in enumerate(epochs, start=1))
    state = loop.begin(settings)._replace(
        epoch=len(history) + 1, batch=batch, steps=3 * batch, seconds=seconds, history=history
    )
    place = tmp_path_factory.mktemp("checkpoint")
    written = Checkpoint(settings, state, "a\nfolder", "fingerprint", checkpoint.versions(), 5)
    checkpoint.save(place, written)
    assert os.listdir(place) == [FILES[1]]
    (back, faults) = checkpoint.load(place)
    assert faults == []
    assert back._replace(state=None) == written._replace(state=None)
    assert back.state[2:] == state[2:]
    for got, expected in zip(back.state.weights + back.state.biases, state.weights + state.biases, strict=True):
        assert got.dtype == expected.dtype == dtype
        assert np.array_equal(got, expected)


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A folder with the generations 6 and 7 of a tiny run."""
    settings = Settings("handcrafted", (1, 2), epochs=9)
    for generation in (6, 7):
        state = loop.begin(settings)._replace(batch=generation, steps=generation)
        checkpoint.save(tmp_path, Checkpoint(settings, state, None, "", {}, generation))
    return tmp_path


def assert_older_is_used(two: Path, reason: str = "") -> None:
    back, faults = checkpoint.load(two)
    assert back.generation == 6
    (fault,) = faults
    assert fault.startswith(f"{two / FILES[1]}: ")
    assert reason in fault
    assert str(DataError(fault)) == fault, "one printable line"


def test_the_newer_of_two_sound_checkpoints_is_used(two: Path) -> None:
    back, faults = checkpoint.load(two)
    assert (back.generation, faults) == (7, [])


@pytest.mark.sample(2)
@pytest.mark.parametrize("bit", range(8))
def test_a_flip_of_any_bit_is_noticed_and_the_older_checkpoint_used(bit: int, two: Path) -> None:
    content = (two / FILES[1]).read_bytes()
    for at in range(len(content)):
        (two / FILES[1]).write_bytes(content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :])
        assert_older_is_used(two)


def test_a_file_cut_at_any_length_or_prolonged_is_noticed_and_the_older_checkpoint_used(two: Path) -> None:
    content = (two / FILES[1]).read_bytes()
    for kept in range(len(content)):
        (two / FILES[1]).write_bytes(content[:kept])
        assert_older_is_used(two)
    for more in (b"\0", b" ", content):
        (two / FILES[1]).write_bytes(content + more)
        assert_older_is_used(two)


def signed(arrays: dict[str, np.ndarray], metadata: dict[str, str]) -> bytes:
    """What a forger would write: any content, and its right checksum."""
    content = serialised(arrays, metadata | {"sha256": checkpoint.ZEROS})
    return content.replace(checkpoint.ZEROS.encode(), hashlib.sha256(content).hexdigest().encode(), 1)


def position(**changes: Any) -> str:
    """Where a tiny run begins, as it stands in the metadata."""
    state = loop.begin(Settings("handcrafted", (1, 2), epochs=9))._replace(**changes)
    return json.dumps({field: value for field, value in state._asdict().items() if field not in checkpoint.ARRAYS})


def forged(**changes: Any) -> bytes:
    """A checkpoint with a right checksum, but for what is changed in its metadata or arrays."""
    settings = Settings("handcrafted", (1, 2), epochs=9)
    state = loop.begin(settings)
    arrays = dict(named(state.weights, state.biases)) | {"history": np.empty((0, len(Epoch._fields)))}
    metadata = {
        "format": checkpoint.FORMAT,
        "settings": json.dumps(settings._asdict()),
        "position": position(),
        "data": "[null, null]",
        "versions": "{}",
        "generation": "9",
    }
    for name, value in changes.items():
        where: Any = arrays if isinstance(value, np.ndarray) else metadata
        where[name] = value
    return signed(arrays, {name: value for name, value in metadata.items() if value is not None})


def headed(metadata: str) -> bytes:
    """A file that is nothing but this metadata, as JSON."""
    header = f'{{"__metadata__":{metadata}}}'.encode()
    return len(header).to_bytes(8, "little") + header


FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "is cut short, or not a safetensors file"),
    "text": (lambda: b"<!DOCTYPE html><p>hello" * 9, "is cut short, or not a safetensors file"),
    "png": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(100), "is cut short, or not a safetensors file"),
    "weights": (lambda: serialised({"w1": np.zeros((2, 1))}, {"format": "1"}), "is written in format '1'"),
    "no metadata": (lambda: serialised({"w1": np.zeros((2, 1))}), "is not a checkpoint of gradproof"),
    "an old format": (lambda: forged(format="gradproof checkpoint 0"), "is written in format 'gradproof checkpoint 0'"),
    "a later format": (
        lambda: forged(format="gradproof checkpoint 4"),
        "this gradproof reads 'gradproof checkpoint 3'; continue with the version that wrote it, or start a new run",
    ),
    "deep nesting": (lambda: (10**6).to_bytes(8, "little") + b"[" * 10**6, "is not a checkpoint of gradproof"),
    "header of a list": (lambda: (4).to_bytes(8, "little") + b"[ 1]", "is not a checkpoint of gradproof"),
    "metadata of a list": (lambda: headed("[1]"), "is not a checkpoint of gradproof"),
    "metadata of a word": (lambda: headed('"x"'), "is not a checkpoint of gradproof"),
    "metadata of null": (lambda: headed("null"), "is not a checkpoint of gradproof"),
    "a number for a checksum": (
        lambda: headed(f'{{"format":"{checkpoint.FORMAT}","sha256":5}}'),
        "is not a checkpoint of gradproof",
    ),
    "versions of a list": (lambda: forged(versions="[1]"), "is not a checkpoint of gradproof"),
    "a number for a version": (lambda: forged(versions='{"numpy": 2}'), "is not a checkpoint of gradproof"),
    "other sizes": (lambda: forged(w1=np.zeros((3, 1), np.float32)), "its arrays do not fit its settings"),
    "one array more": (lambda: forged(w2=np.zeros((3, 2), np.float32)), "its arrays do not fit its settings"),
    "another dtype": (lambda: forged(w1=np.zeros((2, 1))), "its weights are not finite numbers of float32"),
    "NaN": (lambda: forged(b1=np.full((2, 1), np.nan, np.float32)), "its weights are not finite"),
    "epochs of nothing": (lambda: forged(history=np.zeros((3, 7))), "its arrays do not fit its settings"),
    "epochs without training images": (
        lambda: forged(history=np.zeros((1, 6)), position=position(epoch=2)),
        "is not a checkpoint of gradproof",
    ),
    "a best epoch without its arrays": (lambda: forged(best="1"), "its arrays do not fit its settings"),
    "a best epoch that was not reached": (
        lambda: forged(best="1", best_w1=np.zeros((2, 1), np.float32), best_b1=np.zeros((2, 1), np.float32)),
        "its best epoch is not the best of its history",
    ),
    "unknown setting": (lambda: forged(settings='{"backend": "handcrafted", "colour": 1}'), "is not a checkpoint"),
    "no settings": (lambda: forged(settings=None), "is not a checkpoint of gradproof (KeyError: 'settings')"),
    "no generator": (lambda: forged(position='{"shuffle": {}, "epoch": 1}'), "is not a checkpoint of gradproof"),
    "another generator": (
        lambda: forged(position='{"shuffle": {"bit_generator": "MT19937"}, "epoch": 1}'),
        "is not a checkpoint of gradproof",
    ),
    "a word for a number": (lambda: forged(generation="nine"), "is not a checkpoint of gradproof"),
}


def test_a_run_of_before_the_training_images_were_read_is_refused_in_one_line(two: Path) -> None:
    for file in FILES:
        (two / file).write_bytes(forged(format="gradproof checkpoint 2", history=np.empty((0, 6))))
    with pytest.raises(DataError, match=r"^[^\n]* is written in format 'gradproof checkpoint 2', this gradproof reads"):
        checkpoint.load(two)


def test_the_forger_can_write_what_is_read(two: Path) -> None:
    (two / FILES[1]).write_bytes(forged())
    assert checkpoint.load(two)[0].generation == 9


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_is_told_in_one_line_and_the_older_checkpoint_used(what: str, two: Path) -> None:
    make, reason = FOREIGN[what]
    (two / FILES[1]).write_bytes(make())
    assert_older_is_used(two, reason)


def test_a_folder_a_pipe_and_a_huge_file_are_told_and_the_older_checkpoint_used(two: Path) -> None:
    (two / FILES[1]).unlink()
    (two / FILES[1]).mkdir()
    assert_older_is_used(two, "is a folder, a pipe or a device, not a file")
    (two / FILES[1]).rmdir()
    os.mkfifo(two / FILES[1])
    assert_older_is_used(two, "is a folder, a pipe or a device, not a file")
    (two / FILES[1]).unlink()
    (two / FILES[1]).touch()
    os.truncate(two / FILES[1], 2**40)
    assert_older_is_used(two, "is larger than any that gradproof writes there")


def test_two_damaged_checkpoints_are_both_told(two: Path) -> None:
    for file in FILES:
        (two / file).write_bytes(b"")
    with pytest.raises(DataError, match=r"^[^\n]*checkpoint-0[^\n]*; [^\n]*checkpoint-1[^\n]*$"):
        checkpoint.load(two)


def test_the_next_checkpoint_takes_the_place_of_the_damaged_one(digits: Path, tmp_path: Path) -> None:
    expected = uninterrupted(tmp_path / "whole", digits)
    with new_run(tmp_path / "run", digits) as first:
        train(first, stop_at=3)
        newest = tmp_path / "run" / FILES[first.at.generation % 2]
    newest.write_bytes(newest.read_bytes()[:-1])
    with run.resumed(tmp_path / "run", None, {}, 0) as second:
        assert len(second.notes) == 1
        assert second.notes[0].endswith("its checksum does not match its content; the previous checkpoint is used")
        second.keep()
        assert checkpoint.load(tmp_path / "run")[1] == []
        assert train(second) == expected


def test_only_the_number_of_epochs_may_be_another(digits: Path, tmp_path: Path) -> None:
    expected = uninterrupted(tmp_path / "whole", digits, SMALL._replace(epochs=4))
    uninterrupted(tmp_path / "run", digits)
    for change in ({"eta": 2.0}, {"backend": "reference"}, {"sizes": (12, 10)}, {"seed": 1}, {"dtype": "float64"}):
        (name,) = change
        with pytest.raises(UsageError, match=rf"^--{name} stays .* in this run; leave it out, or start a new run$"):
            run.resumed(tmp_path / "run", None, change, 0).__enter__()
    with run.resumed(tmp_path / "run", None, {"eta": 3.0, "sizes": SIZES, "epochs": 4}, 0) as longer:
        assert train(longer) == expected
    with pytest.raises(UsageError, match=r"^--epochs must be at least 4, the epoch that .* is in, not 3$"):
        run.resumed(tmp_path / "run", None, {"epochs": 3}, 0).__enter__()


def test_other_digits_are_refused_and_the_same_elsewhere_are_taken(digits: Path, tmp_path: Path) -> None:
    expected = uninterrupted(tmp_path / "whole", digits)
    with new_run(tmp_path / "run", digits) as first:
        train(first, stop_at=3)
    moved = shutil.copytree(digits, tmp_path / "moved")
    with run.resumed(tmp_path / "run", moved, {}, 0) as second:
        assert train(second) == expected
    with pytest.raises(DataError, match=r": not the digits that the run in .* started with$"):
        run.resumed(tmp_path / "run", checkpoint.mnist.SHIPPED, {}, 0).__enter__()


def test_other_versions_are_told(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with new_run(tmp_path / "run", digits) as first:
        train(first, stop_at=3)
    here = checkpoint.versions()
    monkeypatch.setattr(checkpoint, "versions", lambda: here | {"numpy": "9.9"})
    with run.resumed(tmp_path / "run", None, {}, 0) as second:
        (note,) = second.notes
    assert note.startswith(f"numpy {here['numpy']} then, 9.9 now: the run hash may differ")


def test_a_version_of_what_is_not_known_here_is_told(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = checkpoint.versions()
    with monkeypatch.context() as there:
        there.setattr(checkpoint, "versions", lambda: here | {"another": "1.0"})
        with new_run(tmp_path / "run", digits) as first:
            train(first, stop_at=3)
    with run.resumed(tmp_path / "run", None, {}, 0) as second:
        (note,) = second.notes
    assert note.startswith("another 1.0 then, unknown now: the run hash may differ")


DEEP = "[" * 10**6
NOT_OURS = [DEEP, '{"event":"epoch","epoch":1e999}', '{"event":"epoch","epoch":NaN}', "[]", "5", "é", "", "{"]


@pytest.mark.parametrize("line", NOT_OURS, ids=lambda line: line[:40])
def test_a_line_of_the_log_that_is_none_of_ours_is_passed_over(line: str, digits: Path, tmp_path: Path) -> None:
    expected = uninterrupted(tmp_path / "whole", digits)
    with new_run(tmp_path / "run", digits) as first:
        train(first, stop_at=12)
    log = tmp_path / "run" / run.LOG
    log.write_text(f"{line}\n{log.read_text()}", encoding="latin-1")
    with run.resumed(tmp_path / "run", None, {}, 0) as second:
        assert train(second) == expected
    events = [json.loads(line)["event"] for line in log.read_bytes().splitlines()[1:]]
    assert events == ["begin", "end", "epoch", "resume", "end"]


def test_no_second_process_trains_in_the_folder_meanwhile(digits: Path, tmp_path: Path) -> None:
    running = r"^.* belongs to a training that is still running; wait for it$"
    with new_run(tmp_path / "run", digits), pytest.raises(UsageError, match=running):
        run.resumed(tmp_path / "run", None, {}, 0).__enter__()
    with run.resumed(tmp_path / "run", None, {}, 0), pytest.raises(UsageError, match=running):
        run.resumed(tmp_path / "run", None, {}, 0).__enter__()


def test_what_a_killed_process_left_unfinished_is_removed(digits: Path, tmp_path: Path) -> None:
    place = tmp_path / "run"
    with new_run(place, digits) as first:
        train(first, stop_at=3)
    (place / ".unfinished-checkpoint-0.safetensors").write_bytes(b"half of")
    with (place / run.LOG).open("ab") as log:
        log.write(b'{"event": "epo')
    with run.resumed(place, None, {}, 0) as second:
        train(second)
    assert not list(place.glob(".*"))
    events = [json.loads(line)["event"] for line in (place / run.LOG).read_text().splitlines()]
    assert events == ["begin", "end", "resume", "end"]


def test_a_folder_without_a_checkpoint_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no such folder; give --resume the folder of a run, such as runs/1$"):
        run.resumed(tmp_path / "absent", None, {}, 0).__enter__()
    with pytest.raises(DataError, match=r"no checkpoint, so nothing was trained; start it again$"):
        run.resumed(tmp_path, None, {}, 0).__enter__()
