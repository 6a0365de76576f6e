"""Made-up data in place of missing files, tables and data sets: a few examples of plausible widths."""

import io
import re
from collections.abc import Callable, Iterator, Sequence
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
    whole: bool = False  # whether features are whole numbers, as pixels are


WIDTHS: list[Widths] = [Widths()]  # of the programs that run, the innermost last


MOST_APART = 7  # of the small numbers that replace widths
MOST_KEPT = 20  # larger whole numbers are made smaller, and a few of these
SMALL = {784: 9, 785: 10, 28: 3, 400: 9, 401: 10, 20: 3, 3072: 12, 12288: 12, 255: 255, 2049: 2049, 2051: 2051}


SQUARES = {25: 5, 36: 6, 49: 7}  # of the sides of patches


def smaller(number: int, others: Sequence[int], classes: int = 5) -> int:
    """Return what replaces a whole number of a program that is made small, given all its whole numbers.

    What replaces a width from 21 to 999 is at least the number of classes, unless `SMALL` has it. The order stays, so
    that a mini-batch is no larger than the training set.
    """
    if number in SMALL and (number != 20 or 400 in others):
        return SMALL[number]
    if number <= MOST_KEPT or (number in SQUARES and SQUARES[number] in others):
        return number
    if number >= 1000:
        return 24 if number > 20_000 else 12
    place = sorted(n for n in others if 20 < n < 1000 and n not in SMALL).index(number)
    return max(5, classes) + min(place, MOST_APART)


def shrunk(w: Widths) -> Widths:
    return w._replace(features=SMALL.get(w.features, w.features), hidden=5, examples=24 if w.whole else w.examples)


def widths_of(text: str) -> Widths:
    """Return the widths of the data set that a program's text suggests, such as MNIST or iris, else the usual ones."""
    if re.search(r"(?i)\b784\b|28 *\* *28|mnist|digit.?recogni", text):
        return Widths(784, 10, 24 if _SPLIT.search(text) else 12, 12, 30, True)
    if re.search(r"ex[34](?:data|weights)", text):
        return Widths(400, 10, 12, 12, 25)
    if re.search(r"h5py|lr_utils|dnn_app_utils|catvnoncat", text):
        return Widths(12288, 2, 12, 12, 20, True)  # the cats of a course
    told = re.search(r"\(id=(?:53|17|15|109)\)", text)  # of the UCI repository
    if told:
        return {"53": Widths(4, 3), "17": Widths(30, 2), "15": Widths(9, 2), "109": Widths(13, 3)}[told[0][4:-1]]
    features, classes = next((w for name, w in (("iris", (4, 3)), ("wine", (13, 3))) if name in text.lower()), (4, 2))
    return Widths(features, classes, 24 if _SPLIT.search(text) else Widths().examples)


_SPLIT = re.compile(r"\[\s*(?:\d+\s*:\s*|:?\s*)\d{4,}")  # off the first thousand examples, of which 12 are left


def corrected(w: Widths, trouble: str) -> Widths | None:
    """Return widths that fit better, read from an error about a mismatch: features, else classes. None if unclear."""
    told = re.search(r"(\d+) != (\d+)", trouble) or re.search(r"shapes \(\d+,(\d+)\) \(\d+,(?!\1\))(\d+)\)", trouble)
    told = told or re.search(r"shapes \((\d+),\d+\) \((\d+),\d+\)", trouble)
    told = told or re.search(r"size (\d+) is different from (\d+)", trouble)
    for mine, wanted in ((int(told[1]), int(told[2])), (int(told[2]), int(told[1]))) if told else ():
        for more in (0,) if "broadcast" in trouble else (0, 1, -1, -2, -3, 2):
            if mine == w.features + more and 0 < wanted - more < 5000:
                return w._replace(features=wanted - more)
        if mine == w.classes and 0 < wanted < 5000:
            return w._replace(classes=wanted, examples=max(w.examples, wanted))
    if "invalid literal for int()" in trouble and w.features > 1:  # the label is in an earlier column
        return w._replace(features=w.features - 1)
    return None


def inputs(count: int | None = None, seed: int = 3) -> Any:
    """Make up examples, one per row."""
    current().made_up = True
    w, rng = WIDTHS[-1], np.random.default_rng(seed)
    shape = (w.examples if count is None else count, w.features)
    return constants(rng.integers(0, 3, size=shape) if w.whole else rng.normal(size=shape))


def labels(count: int | None = None, first: int = 0) -> Any:
    """Make up the class of each example, taking all classes in turn, numbered from `first`."""
    current().made_up = True
    w = WIDTHS[-1]
    return np.arange(w.examples if count is None else count) % w.classes + first


def table(path: str = "") -> Any:
    """Make up a table of features and the label, which is the last column, but the first for digits and wine."""
    columns = [inputs(), exact(labels())[:, None]]
    return np.concatenate(columns[::-1] if WIDTHS[-1].whole or "wine" in path.lower() else columns, axis=1)


def images() -> Any:
    """Return ((x, y), (x, y)) for training and test, as Keras loads digits."""
    w = WIDTHS[-1]
    side = int(w.features**0.5)
    shape = (side, side) if side * side == w.features else (w.features,)
    return tuple(
        (inputs(count, seed).reshape(count, *shape), labels(count)) for count, seed in ((w.examples, 3), (w.tests, 4))
    )


def of_sets() -> Any:
    """Return ((x, y), (x, y), (x, y)), like the pickled digits."""
    return Sets((inputs(seed=seed), labels()) for seed in range(3))


class Sets(list[Any]):
    """Pairs of examples and labels that can also be found by name."""

    def __getitem__(self, key: Any) -> Any:
        return named(str(key)) if isinstance(key, str | bytes) else super().__getitem__(key)

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(key, str | bytes):
            super().__setitem__(key, value)


class Archive(Sets):
    """The same as an .npz file, which can be closed."""

    files = ("x_train", "y_train", "x_test", "y_test")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def close(self) -> None: ...


def named(name: str) -> Any:
    """Return labels or examples, as the name suggests."""
    return labels() if re.search(r"label|target|class|^b?'?y|_y", name.lower()) else inputs()


class Bunch(dict[str, Any]):
    """A dict whose entries are attributes as well."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


class _Any(int):
    """A number equal to everything, because a program's own 200 may have been made smaller."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = int.__hash__


def bunch(*arguments: Any, **options: Any) -> Any:
    """Stand in for fetch_openml, which gives labels as text."""
    pair = (inputs(), np.array([str(k) for k in labels()]))
    return pair if options.get("return_X_y") else Bunch(data=pair[0], target=pair[1])


class Loader:
    """An object whose every method returns images and their labels."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **options: (inputs().tolist(), labels().tolist())


def matrices(*arguments: Any, **options: Any) -> Any:
    """Stand in for loadmat: X, y with classes from 1, and the matrices Theta1 and Theta2, each made when first used."""
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
    """Return an array in place of a missing file: labels, examples, or both, as its name suggests."""
    name = str(path).lower().rpartition("/")[2]
    if name.endswith(".npz"):
        return Archive(of_sets())
    if re.search(r"label|target|_y|^y|classes", name):
        return exact(labels())
    if re.search(r"image|data_x|x_|_x|feature|input", name):
        return inputs()
    return table(name)


def text(path: str, binary: bool) -> Any:
    """Open made-up rows, words or IDX images in place of a missing file; FileNotFoundError if its name fits none."""
    name = path.lower()
    w = WIDTHS[-1]
    if "ubyte" in name or "idx" in name:
        side = int(w.features**0.5)
        numbers = labels() if "label" in name else np.array([int(x) for x in inputs().ravel().tolist()])
        head = (2049, w.examples) if "label" in name else (2051, w.examples, side, side)
        return io.BytesIO(b"".join(n.to_bytes(4, "big") for n in head) + bytes(numbers.astype(np.uint8).tolist()))
    if binary and re.search(r"mnist|cifar|data|\.pkl|\.pickle", name):
        return io.BytesIO()  # pickle.load has its own stand-in
    if binary or not name.endswith((".csv", ".txt", ".data", ".tsv", ".dat")):
        raise FileNotFoundError(2, "No such file or directory", path)
    if WORDS.search(name):
        return io.StringIO(WRITTEN)
    rows = [[float(x.value.mid()) if isinstance(x, Number) else x for x in row] for row in table(name).tolist()]
    between = "," if name.endswith((".csv", ".data")) else " "
    return Rows("\n".join(between.join(f"{float(x):.3g}" for x in row) for row in rows) + "\n")


class Rows(io.StringIO):
    """The made-up rows of a missing table, which has whatever columns a program asks for."""

    def records(self) -> Iterator["Record"]:
        columns: dict[str, int] = {}
        return (Record(line.split(","), columns) for line in self)


class Record(dict[str, str]):
    """A row as csv.DictReader gives it; each name that is new gets the next column."""

    def __init__(self, values: Sequence[str], columns: dict[str, int]) -> None:
        super().__init__()
        self._values, self._columns = values, columns

    def __missing__(self, name: str) -> str:
        return self._values[self._columns.setdefault(name, len(self._columns)) % len(self._values)]


class Argument(str):
    """A command-line argument: a small number, or the name of a table."""


def rows() -> Any:
    """Open the table named by a command-line argument: the class of each example, then whole numbers."""
    told = np.concatenate(
        [np.asarray(labels())[:, None], np.random.default_rng(3).integers(0, 3, inputs().shape)], axis=1
    )
    return io.StringIO("\n".join(",".join(map(str, row)) for row in told.tolist()) + "\n")


WORDS = re.compile(r"input|text|shakes|names|corpus|words|book|char|poem|lyric|story|wiki|dino")
WRITTEN = "abcab\n" * 60


def one_hot(numbers: Any, classes: Any = None, *arguments: Any, **options: Any) -> Any:
    """Stand in for to_categorical."""
    whole = [int(x) for x in np.asarray(numbers).ravel().tolist()]
    return exact(np.eye(int(classes or options.get("num_classes") or max(whole) + 1), dtype=int)[whole])


class Encoder:
    """Stands in for OneHotEncoder and LabelBinarizer."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def fit(self, *arguments: Any) -> Any:
        return self

    def transform(self, numbers: Any) -> Any:
        return one_hot(numbers).view(_Dense)

    fit_transform = transform


class _Dense(type(exact([0.0]))):  # type: ignore[misc]
    """An array with the methods that make a sparse matrix dense."""

    def toarray(self) -> Any:
        return self

    todense = toarray


class Sheets:
    """Stands in for an HDF5 file: colour images and their labels, each by name."""

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
    """Reshape examples to images of three colours if the number of features allows it."""
    side = int((rows.shape[1] / 3) ** 0.5)
    return rows.reshape(len(rows), side, side, 3) if 3 * side * side == rows.shape[1] else rows


def _cats(*arguments: Any, **options: Any) -> Any:
    """Stand in for a course's load_dataset: images and a row of labels, twice, and the classes."""
    y = exact(labels())[None, :]
    return _coloured(inputs()), y, _coloured(inputs(seed=4)), y, np.arange(WIDTHS[-1].classes)


def _planar(*arguments: Any, **options: Any) -> Any:
    """Make up examples of two features in columns, and their labels in a row."""
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
    """Stand in for load_mnist: examples as rows or one-channel images, with class or one-hot labels."""
    (x, y), (u, v) = images()
    pairs = [(a.reshape(len(a), -1) if flatten else a[:, None], one_hot(b, 10) if one_hot_label else b)
             for a, b in ((x, y), (u, v))]  # fmt: skip
    return tuple(pairs)


def pairs(*arguments: Any, **options: Any) -> Any:
    """Stand in for the book's load_data_wrapper: columns, each with its one-hot label, or with its class."""
    columns = [row.reshape(-1, 1) for row in inputs()]
    hot = [row.reshape(-1, 1) for row in one_hot(labels(), WIDTHS[-1].classes)]
    told = list(zip(columns, labels().tolist(), strict=True))
    return list(zip(columns, hot, strict=True)), told, told


LATE: tuple[tuple[str, Callable[..., Any]], ...] = (  # by the end of a name, in any library
    (".load_mnist", digits),
    (".load_data_wrapper", pairs),
    (".load_data", lambda *arguments, **options: images()),
    (".to_categorical", one_hot),
)
