"""What stands for data that are not there: a few examples of plausible widths, as data sets, files and tables are."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Self

import numpy as np

from gradproof.exact.arrays import exact
from gradproof.exact.numbers import Number
from gradproof.exact.run import current
from gradproof.judge.find.numbers import constants


class Widths(NamedTuple):
    """How wide examples are, and how many there are."""

    features: int = 4
    classes: int = 2
    examples: int = 12
    tests: int = 4
    hidden: int = 5
    whole: bool = False  # pixels: whole numbers


WIDTHS: list[Widths] = [Widths()]  # of the program that runs


SMALL = {784: 9, 785: 10, 28: 3, 400: 9, 401: 10, 20: 3, 3072: 12, 12288: 12, 255: 255, 2049: 2049, 2051: 2051}


def smaller(number: int, others: Sequence[int], classes: int = 5) -> int:
    """What is put for a whole number of a program, one of these, where its widths are made small; no fewer than there
    are classes."""
    if number in SMALL and (number != 20 or 400 in others):
        return SMALL[number]
    if number <= 20:
        return number
    if number >= 1000:
        return 24 if number > 20_000 else 12
    return max(5, classes) + sorted(n for n in others if 20 < n < 1000 and n not in SMALL).index(number) % 4


def shrunk(w: Widths) -> Widths:
    return w._replace(features=SMALL.get(w.features, w.features), hidden=5, examples=24 if w.whole else w.examples)


def widths_of(text: str) -> Widths:
    """What a program's own words tell: that it is about digits or flowers, whose features and classes are known."""
    if re.search(r"(?i)\b784\b|28 *\* *28|mnist", text):
        return Widths(784, 10, 12, 12, 30, True)
    if re.search(r"ex[34](?:data|weights)", text):
        return Widths(400, 10, 12, 12, 25)
    if re.search(r"h5py|lr_utils|dnn_app_utils|catvnoncat", text):
        return Widths(12288, 2, 12, 12, 20, True)  # the cats of a course
    told = re.search(r"\(id=(?:53|17|15|109)\)", text)  # of the UCI's repository
    if told:
        return {"53": Widths(4, 3), "17": Widths(30, 2), "15": Widths(9, 2), "109": Widths(13, 3)}[told[0][4:-1]]
    return Widths(*next((w for name, w in (("iris", (4, 3)), ("wine", (13, 3))) if name in text.lower()), ()))


def corrected(w: Widths, trouble: str) -> Widths | None:
    """Widths that fit better where NumPy has said what does not fit: features, else classes."""
    told = re.search(r"(\d+) != (\d+)", trouble) or re.search(r"shapes \(\d+,(\d+)\) \(\d+,(?!\1\))(\d+)\)", trouble)
    told = told or re.search(r"shapes \((\d+),\d+\) \((\d+),\d+\)", trouble)
    told = told or re.search(r"size (\d+) is different from (\d+)", trouble)
    for mine, wanted in ((int(told[1]), int(told[2])), (int(told[2]), int(told[1]))) if told else ():
        for more in (0,) if "broadcast" in trouble else (0, 1, -1, -2, -3, 2):
            if mine == w.features + more and 0 < wanted - more < 5000:
                return w._replace(features=wanted - more)
        if mine == w.classes and 0 < wanted < 5000:
            return w._replace(classes=wanted, examples=max(w.examples, wanted))
    if "invalid literal for int()" in trouble and w.features > 1:  # the label comes sooner
        return w._replace(features=w.features - 1)
    return None


def inputs(count: int | None = None, seed: int = 3) -> Any:
    """Examples in rows."""
    current().made_up = True
    w, rng = WIDTHS[-1], np.random.default_rng(seed)
    shape = (w.examples if count is None else count, w.features)
    return constants(rng.integers(0, 3, size=shape) if w.whole else rng.normal(size=shape))


def labels(count: int | None = None, first: int = 0) -> Any:
    """The class of each, of which all occur."""
    current().made_up = True
    w = WIDTHS[-1]
    return np.arange(w.examples if count is None else count) % w.classes + first


def table(path: str = "") -> Any:
    """Features and the label, which is last; first for digits."""
    columns = [inputs(), exact(labels())[:, None]]
    return np.concatenate(columns[::-1] if WIDTHS[-1].whole or "wine" in path.lower() else columns, axis=1)


def images() -> Any:
    """((x, y), (x, y)) as Keras loads digits."""
    w = WIDTHS[-1]
    side = int(w.features**0.5)
    shape = (side, side) if side * side == w.features else (w.features,)
    return tuple(
        (inputs(count, seed).reshape(count, *shape), labels(count)) for count, seed in ((w.examples, 3), (w.tests, 4))
    )


def of_sets() -> Any:
    """((x, y), (x, y), (x, y)), as the pickled digits are."""
    return Sets((inputs(seed=seed), labels()) for seed in range(3))


class Sets(list[Any]):
    """Pairs of examples and labels, which are there by name, too."""

    def __getitem__(self, key: Any) -> Any:
        return named(str(key)) if isinstance(key, str | bytes) else super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str | bytes):
            super().__setitem__(key, value)


class Archive(Sets):
    """The same in a file of NumPy's that is closed at the end of a `with`."""

    files = ("x_train", "y_train", "x_test", "y_test")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def close(self) -> None: ...


def named(name: str) -> Any:
    """Labels or examples, as a name tells."""
    return labels() if re.search(r"label|target|class|^b?'?y|_y", name.lower()) else inputs()


class Bunch(dict[str, Any]):
    """A dict whose entries are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class _Any(int):
    """A number that equals each that it is compared with: a program's own 200 may have been made smaller."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def bunch(*arguments: Any, **options: Any) -> Any:
    """What fetch_openml gives: labels as text."""
    pair = (inputs(), np.array([str(k) for k in labels()]))
    return pair if options.get("return_X_y") else Bunch(data=pair[0], target=pair[1])


class Loader:
    """An object of which whatever is called gives images and their labels."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **options: (inputs().tolist(), labels().tolist())


def matrices(*arguments: Any, **options: Any) -> Any:
    """What loadmat gives: X, y with classes from 1 on, and matrices Theta1 and Theta2, each when it is asked for."""
    w = WIDTHS[-1]
    made: dict[str, Callable[[], Any]] = {
        "Theta1": lambda: constants(np.random.default_rng(1).normal(size=(w.hidden, w.features + 1))),
        "Theta2": lambda: constants(np.random.default_rng(2).normal(size=(w.classes, w.hidden + 1))),
    }

    class Matrices(dict[str, Any]):
        def __missing__(self, key: str) -> Any:
            self[key] = made.get(key, lambda: labels(first=1)[:, None] if key.lower().startswith("y") else inputs())()
            return self[key]

    return Matrices()


def missing(path: Any, *arguments: Any, **options: Any) -> Any:
    """An array in place of a file that is not there: labels, examples, or both, as its name tells."""
    name = str(path).lower().rpartition("/")[2]
    if name.endswith(".npz"):
        return Archive(of_sets())
    if re.search(r"label|target|_y|^y|classes", name):
        return exact(labels())
    if re.search(r"image|data_x|x_|_x|feature|input", name):
        return inputs()
    return table(name)


def text(path: str, binary: bool) -> Any:
    """A file that is not there, as it is opened: rows of numbers, words, or images in IDX."""
    name = path.lower()
    w = WIDTHS[-1]
    if "ubyte" in name or "idx" in name:
        side = int(w.features**0.5)
        numbers = labels() if "label" in name else np.array([int(x) for x in inputs().ravel().tolist()])
        head = (2049, w.examples) if "label" in name else (2051, w.examples, side, side)
        return io.BytesIO(b"".join(n.to_bytes(4, "big") for n in head) + bytes(numbers.astype(np.uint8).tolist()))
    if binary and re.search(r"mnist|cifar|data|\.pkl|\.pickle", name):
        return io.BytesIO()  # what is unpickled from it stands for it
    if binary or not name.endswith((".csv", ".txt", ".data", ".tsv", ".dat")):
        raise FileNotFoundError(2, "No such file or directory", path)
    if WORDS.search(name):
        return io.StringIO(WRITTEN)
    rows = [[float(x.value.mid()) if isinstance(x, Number) else x for x in row] for row in table(name).tolist()]
    between = "," if name.endswith((".csv", ".data")) else " "
    return io.StringIO("\n".join(between.join(f"{float(x):.3g}" for x in row) for row in rows) + "\n")


class Argument(str):
    """What the caller of a program typed: a small number, or the name of a table."""


def rows() -> Any:
    """A table as it is opened by the name that the caller gives: the class of each example, then whole numbers."""
    told = np.concatenate(
        [np.asarray(labels())[:, None], np.random.default_rng(3).integers(0, 3, inputs().shape)], axis=1
    )
    return io.StringIO("\n".join(",".join(map(str, row)) for row in told.tolist()) + "\n")


WORDS = re.compile(r"input|text|shakes|names|corpus|words|book|char|poem|lyric|story|wiki|dino")
WRITTEN = "abcab\n" * 60


def one_hot(numbers: Any, classes: Any = None, *arguments: Any, **options: Any) -> Any:
    """to_categorical."""
    whole = [int(x) for x in np.asarray(numbers).ravel().tolist()]
    return exact(np.eye(int(classes or options.get("num_classes") or max(whole) + 1), dtype=int)[whole])


class Encoder:
    """LabelEncoder, OneHotEncoder and their like."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def fit(self, *arguments: Any) -> Any:
        return self

    def transform(self, numbers: Any) -> Any:
        return one_hot(numbers).view(_Dense)

    fit_transform = transform


class _Dense(type(exact([0.0]))):  # type: ignore[misc]
    """An array that can be asked for as a dense one."""

    def toarray(self) -> Any:
        return self

    todense = toarray


class Sheets:
    """A file of HDF5: images in colour and their labels, each by its name."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __getitem__(self, name: str) -> Any:
        if "classes" in name:
            return np.arange(WIDTHS[-1].classes)
        return labels() if re.search(r"(?i)_y|label|target", name) else _coloured(inputs())

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *arguments: Any) -> None: ...

    def close(self) -> None: ...


def _coloured(rows: Any) -> Any:
    """Examples as images of three colours, where they can be."""
    side = int((rows.shape[1] / 3) ** 0.5)
    return rows.reshape(len(rows), side, side, 3) if 3 * side * side == rows.shape[1] else rows


def _cats(*arguments: Any, **options: Any) -> Any:
    """load_dataset of a course: images and labels in a row, twice, and the names of the classes."""
    y = exact(labels())[None, :]
    return _coloured(inputs()), y, _coloured(inputs(seed=4)), y, np.arange(WIDTHS[-1].classes)


def _planar(*arguments: Any, **options: Any) -> Any:
    """Examples of two features in columns, and their labels in a row."""
    current().made_up = True
    return constants(np.random.default_rng(3).normal(size=(2, 12))), exact(np.arange(12) % 2)[None, :]


SETS: dict[str, Any] = {
    "h5py.File": Sheets,
    "lr_utils.load_dataset": _cats,
    **{f"dnn_app_utils{version}.load_data": _cats for version in ("", "_v2", "_v3")},
    "planar_utils.load_planar_dataset": _planar,
    "mnist.loader.MNIST": Loader,
    "sklearn.datasets.fetch_openml": bunch,
    "sklearn.datasets.fetch_mldata": bunch,
    "sklearn.preprocessing.OneHotEncoder": Encoder,
    "sklearn.preprocessing.LabelBinarizer": Encoder,
    "sklearn.utils.shuffle": lambda *arrays, **options: list(arrays) if len(arrays) > 1 else arrays[0],
    "mnist.MNIST": Loader,
    "mnist.train_images": lambda: images()[0][0],
    "mnist.train_labels": labels,
    "mnist.test_images": lambda: images()[1][0],
    "mnist.test_labels": labels,
    **{
        f"requests.{name}": lambda *arguments, **options: Bunch(
            text=WRITTEN, content=WRITTEN.encode(), status_code=_Any(200)
        )
        for name in ("get", "request")
    },
    "pickle.load": lambda *arguments, **options: of_sets(),
    "cPickle.load": lambda *arguments, **options: of_sets(),
    "gzip.open": lambda path, mode="rb", *rest: text(str(path), "ubyte" not in str(path)),
}


def digits(*arguments: Any, flatten: bool = True, one_hot_label: bool = False, **options: Any) -> Any:
    """load_mnist: examples in rows, or as images of one channel; labels, or one-hot ones."""
    (x, y), (u, v) = images()
    pairs = [(a.reshape(len(a), -1) if flatten else a[:, None], one_hot(b, 10) if one_hot_label else b)
             for a, b in ((x, y), (u, v))]  # fmt: skip
    return tuple(pairs)


def pairs(*arguments: Any, **options: Any) -> Any:
    """load_data_wrapper, the book's: columns, each with its one-hot label, or with its label."""
    columns = [row.reshape(-1, 1) for row in inputs()]
    hot = [row.reshape(-1, 1) for row in one_hot(labels(), WIDTHS[-1].classes)]
    told = list(zip(columns, labels().tolist(), strict=True))
    return list(zip(columns, hot, strict=True)), told, told


LATE: tuple[tuple[str, Callable[..., Any]], ...] = (  # by the end of a name, in whatever library
    (".load_mnist", digits),
    (".load_data_wrapper", pairs),
    (".load_data", lambda *arguments, **options: images()),
    (".to_categorical", one_hot),
)
