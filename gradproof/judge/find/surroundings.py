"""What a program finds around it: its own neighbours in exact arithmetic, and nothing that reads, plots, asks or waits.

Modules that are not installed, or that draw, download or wait, are stood for by objects that do nothing.
"""

import ast
import builtins
import functools
import io
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gradproof.exact import operators
from gradproof.exact.loading import exact_builtins
from gradproof.exact.numbers import number
from gradproof.exact.rewriting import HELPER, rewritten
from gradproof.exact.run import current
from gradproof.judge.find.instruments import WATCH
from gradproof.judge.find.numbers import constants
from gradproof.judge.loading import decoded, in_python_3

FOREIGN = ("torch", "tensorflow", "keras", "jax", "cupy", "numba", "theano", "mxnet", "autograd")
_SILENT = {
    "matplotlib", "seaborn", "plotly", "IPython", "ipywidgets", "tqdm", "h5py", "pandas", "sklearn", "PIL",
    "cv2", "requests", "urllib", "urllib2", "wget", "pygame", "tkinter", "turtle", "time", "tensorboard",
    "wandb", "imageio", "skimage", "graphviz", "networkx", "mnist", "idx2numpy", "google", "kaggle", "openml",
    "mlxtend", "sympy", "colorama", "termcolor", "tabulate", "progressbar", "pylab", "gzip", "pickle",
    "cPickle", "tarfile", "zipfile", "shutil", "glob", "subprocess", "multiprocessing", "threading", "socket",
    "webbrowser", "signal",  "planar_utils", "testCases_v2", "testCases", "dnn_utils_v2",
}  # fmt: skip


class Nothing:
    """Whatever is asked of it, it is there and does nothing."""

    def __init__(self, name: str = "nothing") -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Nothing(f"{self._name}.{name}")

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


class _Silent(types.ModuleType):
    """A module that does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name in ("__path__", "__all__"):
            return []
        if name.startswith("__"):
            raise AttributeError(name)
        return _OWN.get(f"{self.__name__}.{name}", Nothing(f"{self.__name__}.{name}"))


def _first(iterable: Any = (), *rest: Any, **options: Any) -> Any:
    return iterable


def _moment() -> Any:
    return number(0)


def _split(*arrays: Any, **options: Any) -> list[Any]:
    """train_test_split: three quarters and the rest of each."""
    parts = [(array[: -(len(array) // 4)], array[-(len(array) // 4) :]) for array in arrays]
    return [part for both in parts for part in both]


def _made(features: int, classes: int) -> Callable[..., Any]:
    """Data as sklearn.datasets makes them: a few examples, and their labels."""

    def make(*arguments: Any, **options: Any) -> Any:
        rng = np.random.default_rng(3)
        labels = np.tile(np.arange(classes), 12)[:12]
        return constants(rng.normal(size=(12, options.get("n_features", features)))), labels

    return make


def _loaded_data(features: int, classes: int) -> Callable[..., Any]:
    """The same as an object with data and target."""

    def load(*arguments: Any, **options: Any) -> Any:
        data, target = _made(features, classes)()
        found = types.SimpleNamespace(data=data, target=target, target_names=np.arange(classes), images=data)
        return (data, target) if options.get("return_X_y") else found

    return load


class _Scaler:
    """StandardScaler and its like: the numbers as they are."""

    def __init__(self, *arguments: Any, **options: Any) -> None: ...

    def fit(self, x: Any, *rest: Any) -> Any:
        return self

    def transform(self, x: Any) -> Any:
        return x

    def fit_transform(self, x: Any, *rest: Any) -> Any:
        return x

    inverse_transform = transform


_OWN: dict[str, Any] = {
    "sklearn.model_selection.train_test_split": _split,
    "sklearn.cross_validation.train_test_split": _split,
    **{f"sklearn.datasets.{name}": _made(2, 2) for name in ("make_moons", "make_circles", "make_blobs")},
    "sklearn.datasets.make_classification": _made(20, 2),
    "sklearn.datasets.make_regression": _made(3, 5),
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


WATCHING: list[Any] = []  # the watch of the program that runs


def surroundings(path: str, prepare: Callable[[ast.Module, str], ast.Module] | None = None) -> dict[str, Any]:
    """The builtins of a program that lies at this path; modules beside it are prepared as it is."""
    folder = Path(path).resolve().parent
    modules: dict[str, types.ModuleType] = {}
    exact = exact_builtins()
    genuine: Callable[..., Any] = exact["__import__"]

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        top = name.partition(".")[0]
        if level or _lies(folder, name):
            base = folder if level <= 1 else folder.parents[level - 2]
            return _neighbour(base, name, fromlist)
        if top in _SILENT or (top not in FOREIGN and not _is_installed(top)):
            return _silent(name, bool(fromlist))
        return genuine(name, globals, locals, fromlist, 0)

    def _neighbour(base: Path, name: str, fromlist: Any) -> Any:
        """A module beside the program, run exactly; what is imported from it is looked for in files as well."""
        if not name:
            holder = types.ModuleType(base.name)
            for part in fromlist or ():
                if _lies(base, part):
                    setattr(holder, part, _loaded(base / f"{part}.py", part))
            return holder
        file = base.joinpath(*name.split("."))
        module = _loaded(file.with_suffix(".py") if file.with_suffix(".py").is_file() else file / "__init__.py", name)
        for part in fromlist or ():
            if not hasattr(module, part) and (file / f"{part}.py").is_file():
                setattr(module, part, _loaded(file / f"{part}.py", part))
        if fromlist or "." not in name:
            return module
        holder = types.ModuleType(name.partition(".")[0])
        functools.reduce(_nested(module), name.split(".")[1:], holder)
        return holder

    def _nested(last: types.ModuleType) -> Callable[[Any, str], Any]:
        def put(holder: Any, part: str) -> Any:
            setattr(holder, part, last)
            return last

        return put

    def _loaded(file: Path, name: str) -> types.ModuleType:
        key = str(file)
        if key not in modules:
            module = modules[key] = types.ModuleType(name)
            module.__file__ = key
            if file.is_file():
                source, _ = in_python_3(decoded(file.read_bytes()), key)
                vars(module).update(
                    {"__builtins__": around, HELPER: operators, "__file__": key, "__name__": "__main__"}
                )
                current().files.add(key)
                tree = prepare(ast.parse(source), key) if prepare else rewritten(source, key)
                vars(module)[WATCH] = WATCHING[-1] if WATCHING else Nothing()
                exec(compile(tree, key, "exec", dont_inherit=True), vars(module))
        return modules[key]

    around = exact | {
        "__import__": imported,
        "input": lambda *said: "1",
        "raw_input": lambda *said: "1",
        "open": _opened,
        "print": lambda *said, **options: None,
        "reload": lambda module: module,
        "unicode": str,
        "long": int,
        "basestring": str,
        "reduce": functools.reduce,
        "get_ipython": Nothing,
        "display": Nothing("display"),
    }
    return around


def _opened(file: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
    """What would be written goes nowhere; a text that is not there is a short one."""
    if any(letter in mode for letter in "wax+"):
        return io.BytesIO() if "b" in mode else io.StringIO()
    try:
        return builtins.open(file, mode, *rest, **options)
    except FileNotFoundError:
        if "b" in mode or not str(file).endswith(".txt"):
            raise
        return io.StringIO("the quick brown fox jumps over the lazy dog\n" * 3)


def _lies(folder: Path, name: str) -> bool:
    """Whether a module of that name lies beside the program."""
    if not name:
        return False
    file = folder.joinpath(*name.split("."))
    return file.with_suffix(".py").is_file() or (file / "__init__.py").is_file()


@functools.cache
def _is_installed(name: str) -> bool:
    import importlib.util

    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _silent(name: str, whole: bool) -> types.ModuleType:
    module = _Silent(name if whole else name.partition(".")[0])
    return module
