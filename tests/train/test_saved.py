"""Weights come back from a file as they were, and whatever else a file holds ends in one line that names it."""

import hashlib
import json
import os
import shutil
import struct
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from gradproof import backends, files
from gradproof.errors import DataError, MachineError, UsageError
from gradproof.problem import starting_parameters
from gradproof.train import folder, mnist, saved_run
from gradproof.train.saved_run import RESULTS, WEIGHTS, Saved, load, run_hash, save

SIZES = (6, 4, 10)
DTYPES = st.sampled_from(["float32", "float64"])
NETWORKS = st.lists(st.integers(1, 7), min_size=2, max_size=5)


def parameters(sizes: Any = SIZES, seed: int = 0, dtype: str = "float32") -> Any:
    return starting_parameters(sizes, seed, "normal", dtype)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    save(tmp_path, *parameters(), {})
    return tmp_path


@given(NETWORKS, st.integers(0, 99), DTYPES)
def test_weights_come_back_to_the_last_bit(sizes: list[int], seed: int, dtype: str) -> None:
    weights, biases = parameters(sizes, seed, dtype)
    with tempfile.TemporaryDirectory() as place:
        file = save(Path(place), weights, biases, {})
        assert os.listdir(place) == [WEIGHTS]
        for path in (file, str(file), place):
            back = load(path)
            assert len(back.weights) == len(back.biases) == len(sizes) - 1
            for got, expected in zip(back.weights + back.biases, weights + biases, strict=True):
                assert got.dtype == expected.dtype
                assert np.array_equal(got, expected)
            assert run_hash(*back) == run_hash(weights, biases)


@pytest.mark.parametrize("backend", backends.NAMES)
def test_what_a_backend_computed_comes_back(backend: str, tmp_path: Path) -> None:
    x, y = np.ones((6, 3), np.float32), np.zeros((10, 3), np.float32)
    weights, biases = backends.load(backend).step(*parameters(), x, y, 1.0)
    save(tmp_path, weights, biases, {})
    back = load(tmp_path)
    for got, expected in zip(back.weights + back.biases, [*weights, *biases], strict=True):
        assert np.array_equal(got, np.asarray(expected))


def test_the_file_says_how_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_run, "version", lambda package: f"{package} 1.2.3")
    file = save(tmp_path, *parameters(), {"eta": 3.0, "sizes": "6,4,10"})
    with safe_open(file, framework="numpy") as stored:
        assert stored.metadata() == {
            "format": "1",
            "gradproof": "gradproof 1.2.3",
            "eta": "3.0",
            "sizes": "6,4,10",
        }
        assert sorted(stored.keys()) == ["b1", "b2", "w1", "w2"]


def test_weights_are_kept_where_gradproof_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> str:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(saved_run, "version", missing)
    save(tmp_path, *parameters(), {})
    assert run_hash(*load(tmp_path)) == run_hash(*parameters())


def test_weights_of_another_program_need_no_metadata(tmp_path: Path) -> None:
    arrays = {"w1": np.zeros((10, 3)), "b1": np.zeros((10, 1))}
    save_file(arrays, tmp_path / "other.safetensors")
    assert load(tmp_path / "other.safetensors").weights[0].shape == (10, 3)


def test_run_hash_is_the_documented_sha_256() -> None:
    w, b = np.array([[1, -2]], np.float32), np.array([[0.5]], np.float32)
    text = b"w1 float32 (1, 2)\n" + struct.pack("<2f", 1, -2) + b"b1 float32 (1, 1)\n" + struct.pack("<f", 0.5)
    assert run_hash([w], [b]) == hashlib.sha256(text).hexdigest()
    assert run_hash([np.asfortranarray(w).astype(">f4")], [b]) == run_hash([w], [b])


def test_run_hash_sees_the_last_bit_the_dtype_the_shape_and_the_order() -> None:
    weights, biases = parameters((3, 3, 3))
    nudged = [w.copy() for w in weights]
    nudged[1][2, 2] = np.nextafter(nudged[1][2, 2], np.float32(9))
    hashes = [
        run_hash(weights, biases),
        run_hash(nudged, biases),
        run_hash(weights[::-1], biases),
        run_hash([w.astype("float64") for w in weights], [b.astype("float64") for b in biases]),
        run_hash([np.zeros((2, 3))], [np.zeros((2, 1))]),
        run_hash([np.zeros((3, 2))], [np.zeros((2, 1))]),
    ]
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_both_networks_read_the_same_digits_however_images_are_given(dtype: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (500, 6), np.uint8)
    network = Saved(*parameters(dtype=dtype))
    mine = network.classify(images)
    assert mine.shape == (500,)
    assert set(mine) <= set(range(10))
    assert len(set(mine)) > 1
    for given_as in (images, images / 255, np.asfortranarray(images), (images / 255).astype("float32")):
        for backend in backends.NAMES:
            assert np.array_equal(network.classify(given_as, backend=backend), mine)


def test_the_digit_read_is_the_largest_activation() -> None:
    network = Saved([np.eye(10, dtype=np.float32)], [np.zeros((10, 1), np.float32)])
    order = np.random.default_rng(0).permutation(10)
    assert network.classify(255 * np.eye(10, dtype=np.uint8)[order]).tolist() == order.tolist()


@pytest.mark.parametrize("backend", backends.NAMES)
def test_no_images_are_no_digits(backend: str) -> None:
    assert Saved(*parameters()).classify(np.zeros((0, 6), np.uint8), backend).shape == (0,)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros(6, np.uint8),
        np.zeros((2, 5), np.uint8),
        np.zeros((6, 2), np.uint8),
        np.zeros((2, 2, 3), np.uint8),
        np.full((2, 6), 1.001),
        np.full((2, 6), -1e-9),
        np.full((2, 6), np.nan),
        np.zeros((2, 6), np.int64),
        np.zeros((2, 6), bool),
        np.zeros((2, 6), complex),
        np.full((2, 6), "a"),
    ],
)
def test_other_images_are_refused(images: np.ndarray) -> None:
    with pytest.raises(DataError, match=r"^images "):
        Saved(*parameters()).classify(images)


def test_an_unknown_backend_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no backend 'torch'"):
        Saved(*parameters()).classify(np.zeros((1, 6), np.uint8), backend="torch")


def a_file(path: Path, **changed: Any) -> None:
    """A sound file of a [6, 4, 10] network, but for the arrays given; None leaves one out."""
    arrays = dict(saved_run.named(*parameters())) | changed
    save_file({name: array for name, array in arrays.items() if array is not None}, path)


def header(text: bytes, content: bytes = b"") -> Callable[[Path], object]:
    return lambda path: path.write_bytes(struct.pack("<Q", len(text)) + text + content)


def spoilt(function: Callable[[bytes], bytes]) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(function(path.read_bytes()))


def arrays(**changed: Any) -> Callable[[Path], object]:
    return lambda path: a_file(path, **changed)


def f32(*shape: int, fill: float = 0) -> np.ndarray:
    return np.full(shape, fill, np.float32)


BFLOAT16 = (
    b'{"w1":{"dtype":"BF16","shape":[2,1],"data_offsets":[0,4]},'
    b'"b1":{"dtype":"BF16","shape":[2,1],"data_offsets":[4,8]}}'
)

# What is done to a sound file, and what the error then has to say.
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (Path.unlink, "No such file or directory"),
    "empty": (spoilt(lambda _: b""), "header too small"),
    "seven_bytes": (spoilt(lambda data: data[:7]), "header too small"),
    "header_cut": (spoilt(lambda data: data[:40]), "header length"),
    "last_byte_missing": (spoilt(lambda data: data[:-1]), "incomplete"),
    "byte_too_many": (spoilt(lambda data: data + b"\0"), "incomplete"),
    "text": (spoilt(lambda _: b"<!DOCTYPE html> this is no safetensors file"), "header too large"),
    "pickle": (spoilt(lambda _: b"\x80\x04\x95\x00\x00\x00\x00\x00\x00\x00}."), "header"),
    "header_of_2_to_the_64": (spoilt(lambda data: b"\xff" * 8 + data[8:]), "header too large"),
    "header_of_16_EiB_less_8": (spoilt(lambda data: struct.pack("<Q", 2**64 - 8) + data[8:]), "header too large"),
    "header_of_90_MB": (spoilt(lambda data: struct.pack("<Q", 90_000_000) + data[8:]), "invalid header length"),
    "header_of_0": (spoilt(lambda data: bytes(8) + data[8:]), "invalid JSON in header"),
    "header_not_json": (header(b"{no json}"), "invalid JSON in header"),
    "header_not_text": (header(b"\xff\xfe{}"), "invalid UTF-8 in header"),
    "header_a_list": (header(b"[1, 2, 3]"), "invalid JSON in header"),
    "nothing": (header(b"{}"), "its arrays are not named w1, b1, w2, b2, …"),
    "offsets_forged": (
        header(b'{"w1":{"dtype":"F32","shape":[10,1099511627776],"data_offsets":[0,43980465111040]}}'),
        "incomplete",
    ),
    "shape_forged": (spoilt(lambda data: data.replace(b"[4,6]", b"[4,7]")), "offset"),
    "shape_overflows": (
        header(b'{"w1":{"dtype":"F32","shape":[4294967296,4294967296,16],"data_offsets":[0,0]}}'),
        "overflow",
    ),
    "unknown_dtype": (spoilt(lambda data: data.replace(b'"F32"', b'"X32"')), "invalid JSON in header"),
    "weight_missing": (arrays(w2=None), "its arrays are not named"),
    "biases_missing": (arrays(b1=None, b2=None), "its arrays are not named"),
    "layer_missing": (arrays(w1=None, b1=None), "its arrays are not named"),
    "name_too_many": (arrays(extra=f32(1)), "its arrays are not named"),
    "other_names": (lambda path: save_file({"fc.weight": f32(2, 2), "fc.bias": f32(2, 1)}, path), "named"),
    "bias_a_vector": (arrays(b1=f32(4)), "b1 is F32 (4,), which does not fit the other arrays"),
    "bias_a_row": (arrays(b1=f32(1, 4)), "w1 is F32 (4, 6), which does not fit the other arrays"),
    "bias_a_number": (arrays(b2=np.array(1, np.float32)), "which does not fit the other arrays"),
    "weight_transposed": (arrays(w1=f32(6, 4)), "w1 is F32 (6, 4), which does not fit"),
    "layers_do_not_meet": (arrays(w2=f32(10, 5)), "w2 is F32 (10, 5), which does not fit the other arrays"),
    "weight_a_number": (arrays(w1=np.array(1, np.float32)), "w1 is F32 (), which does not fit"),
    "weight_a_cube": (arrays(w1=f32(4, 6, 1)), "w1 is F32 (4, 6, 1), which does not fit"),
    "no_inputs": (arrays(w1=f32(4, 0)), "w1 is F32 (4, 0), which does not fit"),
    "no_neurons": (arrays(w1=f32(0, 6), b1=f32(0, 1), w2=f32(10, 0)), "w1 is F32 (0, 6), which does not fit"),
    "integers": (arrays(w1=np.ones((4, 6), np.int32)), "w1 is I32, weights are F32 or F64"),
    "half_precision": (arrays(w1=np.ones((4, 6), np.float16)), "w1 is F16, weights are F32 or F64"),
    "two_precisions": (arrays(b2=np.ones((10, 1))), "b2 is F64 (10, 1), which does not fit the other arrays"),
    "nan": (arrays(w2=f32(10, 4, fill=np.nan)), "w2 holds numbers that are not finite"),
    "infinity": (arrays(b1=f32(4, 1, fill=-np.inf)), "b1 holds numbers that are not finite"),
    "bfloat16": (header(BFLOAT16, bytes(8)), "w1 is BF16, weights are F32 or F64"),
    "another_format": (
        lambda path: save_file(dict(saved_run.named(*parameters())), path, {"format": "2"}),
        "is written in format 2, this gradproof reads format 1",
    ),
    "folder": (lambda path: (path.unlink(), path.mkdir()), "is a folder, a pipe or a device, not a file"),
    "link_to_itself": (lambda path: (path.unlink(), path.symlink_to(path)), "Too many levels of symbolic links"),
}
if hasattr(os, "mkfifo"):
    FAULTS["pipe"] = (lambda path: (path.unlink(), os.mkfifo(path)), "is a folder, a pipe or a device")


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_file_is_refused_in_one_line(fault: str, run: Path) -> None:
    load(run)
    spoil, reason = FAULTS[fault]
    spoil(run / WEIGHTS)
    with pytest.raises(DataError) as caught:
        load(run)
    line = str(caught.value)
    assert line.startswith(f"{run / WEIGHTS}: "), line
    assert reason in line, line
    assert line.isprintable(), line
    assert line.endswith(f"; give the folder of a run of `gradproof train`, or its {WEIGHTS}"), line


@pytest.mark.parametrize("path", ["absent", "a\0b", "a\nb\x1b[31m", "x" * 5000])
def test_bad_path_is_refused_in_one_line(path: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path)
    assert str(caught.value).isprintable()


@given(st.data())
def test_mutated_files_give_a_sound_network_or_a_data_error(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        file = save(Path(place), *parameters(), {})
        content = bytearray(file.read_bytes())
        span = len(content) if data.draw(st.booleans()) else 8 + struct.unpack("<Q", content[:8])[0]
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, span - 1))] = data.draw(st.integers(0, 255))
        file.write_bytes(content[: data.draw(st.just(len(content)) | st.integers(0, len(content)))])
        with suppress(DataError):
            network = load(file)
            assert all(np.isfinite(p).all() for p in network.weights + network.biases)
            with np.errstate(all="ignore"):
                assert network.classify(np.zeros((2, network.weights[0].shape[1]), np.uint8)).shape == (2,)


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failing_write_leaves_what_was_there_and_nothing_half_written(
    failing: str, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    before = (run / WEIGHTS).read_bytes()
    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(MachineError) as caught:
        save(run, *parameters(seed=1), {})
    assert str(caught.value) == f"cannot write {run / WEIGHTS}: No space left on device"
    assert os.listdir(run) == [WEIGHTS]
    assert (run / WEIGHTS).read_bytes() == before


def test_an_interrupted_write_leaves_nothing_half_written(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        files.write(run / RESULTS, json.dumps({}).encode())
    assert os.listdir(run) == [WEIGHTS]


def test_next_free_number_is_claimed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for expected in ("runs/1", "runs/2"):
        with folder.claimed(None, [WEIGHTS]) as place:
            assert str(place) == expected
            (place / WEIGHTS).touch()
    shutil.rmtree("runs/1")
    (tmp_path / "runs/1").symlink_to("nowhere")
    with folder.claimed(None, [WEIGHTS]) as place:
        assert str(place) == "runs/3"


def test_folders_that_stay_empty_are_removed_and_others_are_not(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with folder.claimed(tmp_path / "mine", [WEIGHTS]):
        pass
    with pytest.raises(ZeroDivisionError), folder.claimed(tmp_path / "mine/a/b/c", [WEIGHTS]):
        raise ZeroDivisionError
    with folder.claimed(tmp_path / "mine/d/e", [WEIGHTS]) as place:
        (place / WEIGHTS).touch()
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "mine",
        "mine/d",
        "mine/d/e",
        f"mine/d/e/{WEIGHTS}",
    ]


@pytest.mark.parametrize("name", [WEIGHTS, RESULTS])
def test_a_folder_that_holds_a_run_is_not_claimed(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(UsageError, match=rf"already holds {name}, which is not overwritten; choose another --out$"):
        folder.claimed(tmp_path, [WEIGHTS, RESULTS]).__enter__()
    assert (tmp_path / name).read_text() == "precious"
    assert os.listdir(tmp_path) == [name]


def test_in_a_repl_a_network_and_the_digits_are_a_line(run: Path) -> None:
    assert repr(load(run)) == "Saved(6-4-10, float32)"
    assert repr(mnist.load().test) == "DataSet(images (10000, 784), labels (10000,))"
