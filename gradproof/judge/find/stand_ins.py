"""Stand-ins for modules that are missing, or that draw, download or wait: objects that do nothing, and made-up data."""

import ast
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradproof.exact.makers import vectorize
from gradproof.exact.numbers import number
from gradproof.judge.find import data
from gradproof.judge.find.numbers import constants
from gradproof.judge.find.tables import PANDAS

FOREIGN = ("torch", "jax", "cupy", "theano", "mxnet", "autograd")
SILENT = {
    "matplotlib", "seaborn", "plotly", "IPython", "ipywidgets", "tqdm", "h5py", "pandas", "sklearn", "PIL",
    "cv2", "requests", "urllib", "urllib2", "wget", "pygame", "tkinter", "turtle", "time", "tensorboard",
    "wandb", "imageio", "skimage", "graphviz", "networkx", "mnist", "idx2numpy", "google", "kaggle", "openml",
    "mlxtend", "sympy", "colorama", "termcolor", "tabulate", "progressbar", "pylab", "gzip", "pickle",
    "cPickle", "tarfile", "zipfile", "shutil", "glob", "subprocess", "multiprocessing", "threading", "socket",
    "webbrowser", "signal", "numba", "planar_utils", "testCases_v2", "testCases", "dnn_utils_v2",
}  # fmt: skip


def foreign_imports(tree: ast.Module) -> list[str]:
    """Return the modules of FOREIGN that a program imports."""
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return sorted({name.partition(".")[0] for name in names} & set(FOREIGN))


class Nothing:
    """An object that has every attribute and does nothing."""

    def __init__(self, name: str = "nothing") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _own(f"{self._name}.{name}")

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return Nothing(f"{self._name}()")

    def __iter__(self) -> Iterator[Any]:
        return iter((Nothing(self._name), Nothing(self._name)))

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: Any) -> None:
        return None

    def __getitem__(self, key: Any) -> Any:
        return Nothing(f"{self._name}[…]")

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __bool__(self) -> bool:
        return False

    def __len__(self) -> int:
        return 0

    def __array__(self, *arguments: Any, **options: Any) -> Any:  # else NumPy would look for elements forever
        raise TypeError(f"{self._name} stands in for something missing and is not an array")


class Silent(types.ModuleType):
    """A module that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__path__", "__all__"):
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        return _own(f"{self.__name__}.{name}")


def _own(name: str) -> Any:
    """Return the stand-in for this name, or a `Nothing`."""
    late = next((made for end, made in data.LATE if name.endswith(end)), None)
    return _OWN.get(name) or late or Nothing(name)


def _first(iterable: Any = (), *rest: Any, **options: Any) -> Any:
    return iterable


def _moment() -> Any:
    return number(0)


def _split(*arrays: Any, **options: Any) -> list[Any]:
    """Stand in for train_test_split: three quarters of each array, and the rest."""
    parts = [(array[: -(len(array) // 4)], array[-(len(array) // 4) :]) for array in arrays]
    return [part for both in parts for part in both]


def _made(features: int, classes: int) -> Callable[..., Any]:
    """Return a stand-in for a maker of sklearn.datasets: it gives a few examples and their labels."""

    def make(*arguments: Any, **options: Any) -> Any:
        rng = np.random.default_rng(3)
        labels = np.tile(np.arange(classes), 12)[:12]
        return constants(rng.normal(size=(12, options.get("n_features", features)))), labels

    return make


def _loaded_data(features: int, classes: int) -> Callable[..., Any]:
    """Return a stand-in for a loader of sklearn.datasets: it gives an object with data and target."""

    def load(*arguments: Any, **options: Any) -> Any:
        data, target = _made(features, classes)()
        found = types.SimpleNamespace(data=data, target=target, target_names=np.arange(classes), images=data)
        return (data, target) if options.get("return_X_y") else found

    return load


class _Scaler:
    """Stands in for StandardScaler and similar classes, and leaves the numbers unchanged."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def fit(self, x: Any, *rest: Any) -> Any:
        return self

    def transform(self, x: Any) -> Any:
        return x

    def fit_transform(self, x: Any, *rest: Any) -> Any:
        return x

    inverse_transform = transform


def _as_it_is(*arguments: Any, **options: Any) -> Any:
    """Stand in for a decorator that only makes a function faster, used with or without arguments."""
    plain = len(arguments) == 1 and not options and isinstance(arguments[0], types.FunctionType)
    return arguments[0] if plain else lambda function: function


def _each(*arguments: Any, **options: Any) -> Any:
    """Stand in for numba.vectorize: apply a function of numbers to each element."""
    plain = len(arguments) == 1 and not options and isinstance(arguments[0], types.FunctionType)
    return vectorize(arguments[0]) if plain else vectorize


_OWN: dict[str, Any] = {
    **{f"numba.{name}": _as_it_is for name in ("jit", "njit")},
    "numba.vectorize": _each,
    "numba.prange": range,
    **data.SETS,
    **PANDAS,
    "sklearn.model_selection.train_test_split": _split,
    "sklearn.cross_validation.train_test_split": _split,
    **{
        f"sklearn.datasets.{name}": _made(2, 2)
        for name in ("make_moons", "make_circles", "make_blobs", "make_gaussian_quantiles")
    },
    "sklearn.datasets.make_classification": _made(20, 2),
    "sklearn.datasets.make_regression": _made(3, 5),
    **{f"nnfs.datasets.{name}": _made(2, 3) for name in ("spiral_data", "vertical_data", "spiral.create_data")},
    "sklearn.datasets.load_iris": _loaded_data(4, 3),
    "sklearn.datasets.load_digits": _loaded_data(64, 10),
    "sklearn.datasets.load_breast_cancer": _loaded_data(30, 2),
    "sklearn.datasets.load_wine": _loaded_data(13, 3),
    **{f"sklearn.preprocessing.{name}": _Scaler for name in ("StandardScaler", "MinMaxScaler", "Normalizer")},
    "tqdm.tqdm": _first,
    "tqdm.trange": range,
    "tqdm.notebook.tqdm": _first,
    "tqdm.auto.tqdm": _first,
    "time.time": _moment,
    "time.perf_counter": _moment,
    "time.sleep": lambda seconds: None,
    "time.clock": _moment,
    "time.process_time": _moment,
}


def silent(name: str, whole: bool) -> types.ModuleType:
    module = Silent(name if whole else name.partition(".")[0])
    return module
