"""A stand-in for pandas: tables of a few examples, whose columns appear as a program names them."""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from gradproof.exact.arrays import ExactArray, exact
from gradproof.judge.find import data

_LABEL = re.compile(
    r"(?i)labels?|target\w*|class\w*|y|species|output\w*|admit\w*|diagnosis|quality|digit|price|outcome"
)


class Frame(ExactArray):
    """A table: an array whose columns also have names."""

    names: list[Any]

    def __array_finalize__(self, other: Any) -> None:
        self.names = list(getattr(other, "names", ()))

    def _place(self, name: Any) -> int:
        """Return the index of a column. A new name gets the label column if it fits, else the first unnamed."""
        width = self.shape[-1]
        self.names = (self.names + [None] * width)[:width]
        if name not in self.names:
            free = [k for k, taken in enumerate(self.names) if taken is None] or [width - 1]
            ends = [k for k in (0, width - 1) if _is_label(self.view(ExactArray)[:, k])]
            self.names[next((k for k in ends if k in free and _LABEL.fullmatch(str(name))), free[0])] = name
        return self.names.index(name)

    def __getitem__(self, where: Any) -> Any:
        plain = self.view(ExactArray)
        if isinstance(where, str):
            return plain[:, self._place(where)].view(Series)
        if isinstance(where, list) and where and all(isinstance(name, str) for name in where):
            return framed(plain[:, [self._place(name) for name in where]], where)
        if isinstance(where, slice) or (isinstance(where, np.ndarray) and where.dtype == bool):
            return framed(plain[where], self.names) if self.ndim == 2 else plain[where].view(type(self))
        return plain[where]

    def __setitem__(self, where: Any, value: Any) -> None:
        if isinstance(where, str):
            where = (slice(None), self._place(where))
        super().__setitem__(where, value)

    def drop(self, labels: Any = None, axis: int = 0, columns: Any = None, **options: Any) -> Any:
        wanted = columns if columns is not None else labels
        plain = self.view(ExactArray)
        if columns is None and axis in (0, "index"):
            return framed(np.delete(plain, np.asarray(wanted, int), 0), self.names)
        places = [self._place(name) for name in ([wanted] if isinstance(wanted, str | int) else list(wanted))]
        return framed(np.delete(plain, places, 1), [n for k, n in enumerate(self.names) if k not in places])

    def pop(self, name: Any) -> Any:
        return self[name]

    @property
    def columns(self) -> Any:
        return Columns(name or f"column {k}" for k, name in enumerate(self._named()))

    @columns.setter
    def columns(self, names: Sequence[Any]) -> None:
        self.names = list(names)

    def _named(self) -> list[Any]:
        return (self.names + [None] * self.shape[-1])[: self.shape[-1]]

    @property
    def index(self) -> Any:
        return np.arange(len(self))

    @property
    def values(self) -> Any:
        return self.view(ExactArray).copy()

    def as_matrix(self, *arguments: Any) -> Any:
        return self.values

    def to_numpy(self, *arguments: Any, **options: Any) -> Any:
        return self.values

    @property
    def iloc(self) -> Any:
        return _By(self, lambda part: part)

    @property
    def loc(self) -> Any:
        return _By(self, lambda part: self._place(part) if isinstance(part, str) else part)

    ix = loc

    def sample(self, *arguments: Any, **options: Any) -> Any:
        return self

    reset_index = dropna = fillna = head = sort_values = drop_duplicates = set_index = sample
    info = describe = isnull = isna = notna = notnull = select_dtypes = rename = mode = value_counts = sample

    def median(self, axis: Any = 0, **options: Any) -> Any:
        return np.median(self.view(ExactArray), axis=axis)

    @property
    def plot(self) -> Any:
        return _Plot()

    hist = boxplot = plot

    def astype(self, dtype: Any, *arguments: Any, **options: Any) -> Any:
        kept = isinstance(dtype, dict) or dtype in (str, "str", "category", "object")
        return self if kept else super().astype(dtype)

    def apply(self, function: Any, *arguments: Any, **options: Any) -> Any:
        return self if self.ndim != 1 else exact([function(x) for x in self.tolist()]).view(type(self))

    def __iter__(self) -> Any:
        return iter(self.columns) if self.ndim == 2 else super().__iter__()


class _Plot:
    """df.plot(…) and df.plot.scatter(…), which draw nothing."""

    def __call__(self, *arguments: Any, **options: Any) -> None: ...

    def __getattr__(self, name: str) -> Any:
        return self


class Columns(list[Any]):
    """The names of columns; every name counts as present."""

    def __contains__(self, name: Any) -> bool:
        return True

    def tolist(self) -> list[Any]:
        return list(self)

    def drop(self, name: Any) -> list[Any]:
        return [other for other in self if other != name]


class Series(Frame):
    """One column of a table."""

    def map(self, change: Any, *arguments: Any) -> Any:
        return self if isinstance(change, dict) else self.apply(change)

    def replace(self, *arguments: Any, **options: Any) -> Any:
        return self

    def __eq__(self, other: object) -> Any:
        """Compare with a number, or with a word, which some rows have."""
        return self.view(ExactArray) > 0 if isinstance(other, str) else super().__eq__(other)

    def __ne__(self, other: object) -> Any:
        return ~(self == other) if isinstance(other, str) else super().__ne__(other)

    __hash__ = None  # type: ignore[assignment]

    def unique(self) -> Any:
        return exact(sorted({int(x) for x in self.tolist()}))

    def __iter__(self) -> Any:
        return iter(self.tolist())


class _By:
    """`iloc` and `loc`: rows and columns by position or by name."""

    def __init__(self, frame: Frame, place: Any) -> None:
        self.frame, self.place = frame, place

    def _where(self, where: Any) -> Any:
        return (
            tuple([self.place(p) for p in part] if isinstance(part, list) else self.place(part) for part in where)
            if isinstance(where, tuple)
            else where
        )

    def __getitem__(self, where: Any) -> Any:
        found = self.frame.view(ExactArray)[self._where(where)]
        if isinstance(found, ExactArray) and found.ndim == 2:
            whole = isinstance(where, tuple) and found.shape[1] != self.frame.shape[1]
            return framed(found, [] if whole else self.frame.names)
        return found.view(Series) if isinstance(found, ExactArray) and found.ndim == 1 else found

    def __setitem__(self, where: Any, value: Any) -> None:
        self.frame.view(ExactArray)[self._where(where)] = value


def _is_label(column: Any) -> bool:
    return all(x.value.is_integer() for x in column.tolist())


def framed(array: Any, names: Sequence[Any] = ()) -> Frame:
    frame: Frame = exact(array).view(Frame)
    frame.names = list(names)
    return frame


def read(path: Any = "", *arguments: Any, names: Any = None, **options: Any) -> Frame:
    """Stand in for read_csv and similar functions."""
    return framed(data.table(str(path)), names or ())


def frame(table: Any = None, columns: Any = None, **options: Any) -> Any:
    """Stand in for DataFrame(…)."""
    if isinstance(table, dict):
        return framed(np.stack([exact(column) for column in table.values()], axis=1), list(table))
    return framed(table if table is not None else data.table(""), columns if columns is not None else ())


def dummies(column: Any, *arguments: Any, **options: Any) -> Frame:
    """Stand in for get_dummies: a column for each whole number, 1 where it occurs."""
    column = exact(column).ravel()
    kinds = sorted({int(x) for x in column.tolist()})
    return framed([[int(int(x) == kind) for kind in kinds] for x in column.tolist()])


def joined(frames: Sequence[Any], axis: int = 0, **options: Any) -> Frame:
    """Stand in for concat."""
    columns = [exact(f).view(ExactArray).reshape(len(f), -1) for f in frames]
    names = [name for f in frames for name in (f._named() if isinstance(f, Frame) and f.ndim == 2 else [None])]
    return framed(np.concatenate(columns, axis=axis), names if axis else getattr(frames[0], "names", ()))


def fetched(*arguments: Any, **options: Any) -> Any:
    """Stand in for fetch_ucirepo."""
    sets = data.Bunch(features=framed(data.inputs()), targets=framed(exact(data.labels())[:, None]))
    return data.Bunch(data=sets, metadata={}, variables={})


PANDAS: dict[str, Any] = {
    **{f"pandas.read_{kind}": read for kind in ("csv", "excel", "table", "pickle", "json", "parquet", "feather")},
    "ucimlrepo.fetch_ucirepo": fetched,
    "pandas.DataFrame": frame,
    "pandas.Series": lambda values=(), *rest, **options: exact(values).view(Series),
    "pandas.get_dummies": dummies,
    "pandas.concat": joined,
}
