"""Loads the subject into exact arithmetic: either by running a source file, or by copying live functions and objects.

For a live function only the code is replaced: its file is rewritten and compiled, and the code object in the same place
gets copies of the function's globals, defaults and closure, in which arrays, classes and other functions are copied in
turn. The caller's objects do not change, and the top level of the file does not run again.
"""

import ast
import builtins
import dis
import enum
import functools
import linecache
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gradproof.exact import makers, operators
from gradproof.exact.arrays import ExactArray, array_of
from gradproof.exact.matrix import Matrix
from gradproof.exact.modules import replacement, stand_for
from gradproof.exact.numbers import Number, literal
from gradproof.exact.rewriting import HELPER, rewritten
from gradproof.exact.run import current
from gradproof.exact.scalars import Float

Codes = dict[tuple[str, int, int], types.CodeType]
Compiler = Callable[[str, str], Codes]
_LIBRARIES = (
    "site-packages",
    "dist-packages",
    f"lib/python3.{sys.version_info.minor}",
    str(Path(__file__).parents[1]),  # gradproof itself
)


def is_library(path: str) -> bool:
    """Whether a file belongs to a library, so that its code runs as it is."""
    return any(part in path for part in _LIBRARIES)


class NoSourceError(ValueError):
    """Raised if there is no source to run exactly; the message names the object."""


def exact_builtins() -> dict[str, Any]:
    """Return Python's builtins with a float that stays exact and imports that give the stand-ins."""

    def imported(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = builtins.__import__(name, globals, locals, fromlist, level)
        if fromlist:
            for part in fromlist:  # a submodule has to be imported before it is looked up
                if not hasattr(module, part) and part != "*":
                    builtins.__import__(f"{name}.{part}", globals, locals, (), level)
        return stand_for(module)

    return vars(builtins) | {"float": Float, "__import__": imported, "round": _round, "sum": sum, "xrange": range}


def _round(value: Any, digits: int | None = None) -> Any:
    return round(value) if digits is None else round(value, digits)


def run_source(source: str, path: str, names: dict[str, Any]) -> dict[str, Any]:
    """Run source code exactly, with these names besides the builtins, and return its global names."""
    names |= {"__builtins__": exact_builtins(), HELPER: operators, "__file__": path}
    current().files.add(path)
    exec(compile(rewritten(source, path), path, "exec", dont_inherit=True), names)
    return names


class Takeover:
    """Copies live objects for one run. An object that occurs twice is copied once, so shared arrays stay shared.

    `compiler` returns the code objects of a file (source, path), as `compiled` does; the code may use `names` besides
    the globals of its module.
    """

    def __init__(self, compiler: Compiler | None = None, names: Mapping[str, Any] = MappingProxyType({})) -> None:
        self.compiler, self.names = compiler or compiled, names
        self.copies: dict[int, Any] = {}
        self.originals: list[Any] = []  # kept alive, so that no id is reused
        self.modules: dict[int, dict[str, Any]] = {}
        self.codes: dict[str, Codes] = {}

    def take(self, value: Any) -> Any:
        """Return a copy of any object with exact numbers and rewritten code, or the object if it holds neither."""
        if value is None or isinstance(value, bool | int | str | bytes | np.integer | np.bool_ | Number | ExactArray):
            return value
        if isinstance(value, float | np.floating):
            return literal(float(value)) if np.isfinite(value) else value
        if id(value) in self.copies:
            return self.copies[id(value)]
        stand = replacement(value)
        return stand if stand is not None else self._remember(value, self._copy(value))

    def _remember(self, value: Any, copy: Any) -> Any:
        self.copies[id(value)] = copy
        self.originals.append(value)
        return copy

    def _copy(self, value: Any) -> Any:
        match value:
            case np.ndarray():
                return self._array(value)
            case types.FunctionType():
                return self._function(value)
            case types.MethodType():
                return types.MethodType(self.take(value.__func__), self.take(value.__self__))
            case functools.partial():
                return functools.partial(
                    self.take(value.func), *map(self.take, value.args), **self._dict(value.keywords)
                )
            case np.vectorize():
                return makers.vectorize(
                    self.take(value.pyfunc), value.otypes, excluded=value.excluded, signature=value.signature
                )
            case staticmethod() | classmethod():
                return type(value)(self.take(value.__func__))
            case property():
                return property(*(self.take(f) if f else None for f in (value.fget, value.fset, value.fdel)))
            case types.ModuleType():
                return self._module(value)
            case type():
                return self._class(value)
            case dict() | list() | set() | tuple() | frozenset():
                return self._container(value)
        if hasattr(value, "__wrapped__") and callable(value):  # as made by functools.cache
            return self.take(value.__wrapped__)
        return self._instance(value)

    def _array(self, value: Any) -> Any:
        if isinstance(value, np.matrix):
            return Matrix(self._array(np.asarray(value)))
        if value.dtype.kind == "f":
            return array_of([literal(x) if np.isfinite(x) else Number(x) for x in value.ravel().tolist()], value.shape)
        return (
            np.array([self.take(x) for x in value.ravel()], object).reshape(value.shape)
            if value.dtype == object
            else value.copy()
        )

    def _container(self, value: Any) -> Any:
        kind = type(value)
        if kind in (tuple, frozenset):
            return kind(self.take(item) for item in value)
        if isinstance(value, tuple):  # a named tuple
            return self.take(kind)(*map(self.take, value)) if hasattr(kind, "_fields") else value
        copy: Any
        try:
            copy = kind() if kind in (dict, list, set) else kind.__new__(kind)  # type: ignore[call-overload]
        except TypeError:
            return value
        self._remember(value, copy)
        if isinstance(value, dict):
            if hasattr(value, "default_factory"):
                copy.default_factory = self.take(value.default_factory)
            for key, item in value.items():
                copy[self.take(key)] = self.take(item)
        elif isinstance(value, list):
            copy.extend(self.take(item) for item in value)
        else:
            copy.update(self.take(item) for item in value)
        return copy

    def _dict(self, value: dict[str, Any]) -> dict[str, Any]:
        return {key: self.take(item) for key, item in value.items()}

    def _function(self, function: types.FunctionType) -> Any:
        if is_library(function.__code__.co_filename):
            return function
        code = self._code(function.__code__)
        if code is None and _may_round(function.__code__):  # runs as it was compiled
            current().note("unread", f"{function.__qualname__} has no Python source, so its literals are rounded")
        return self._with_code(function, code or function.__code__)

    def _with_code(self, function: types.FunctionType, code: types.CodeType) -> Any:
        names = self._globals(function.__globals__)
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        if not cells.keys() >= set(code.co_freevars):  # only with other code than its own
            raise NoSourceError(f"{function.__qualname__} does not have all variables of that code")
        closure = tuple(self._cell(cells[name]) for name in code.co_freevars)
        copy = types.FunctionType(code, names, function.__name__, None, closure)
        self._remember(function, copy)
        copy.__defaults__ = tuple(map(self.take, function.__defaults__)) if function.__defaults__ else None
        copy.__kwdefaults__ = self._dict(function.__kwdefaults__) if function.__kwdefaults__ else None
        copy.__qualname__, copy.__module__, copy.__doc__ = function.__qualname__, function.__module__, function.__doc__
        copy.__dict__.update({name: self.take(item) for name, item in vars(function).items() if name != "__wrapped__"})
        for name in _names_in(code):
            if name in function.__globals__ and name not in names:
                names[name] = None  # ends the recursion on a cycle
                names[name] = self.take(function.__globals__[name])
        return copy

    def _cell(self, cell: types.CellType) -> types.CellType:
        if id(cell) not in self.copies:
            self._remember(cell, types.CellType())
            with suppress(ValueError):  # an empty cell
                self.copies[id(cell)].cell_contents = self.take(cell.cell_contents)
        return self.copies[id(cell)]

    def _globals(self, original: dict[str, Any]) -> dict[str, Any]:
        if id(original) not in self.modules:
            self.modules[id(original)] = {
                "__builtins__": exact_builtins(),
                HELPER: operators,
                "__name__": original.get("__name__"),
                "__file__": original.get("__file__"),
                "__package__": original.get("__package__"),
                **self.names,
            }
            self.originals.append(original)
        return self.modules[id(original)]

    def _code(self, code: types.CodeType) -> types.CodeType | None:
        """Return the rewritten code object from the same place in the file; None if there is no source."""
        path = code.co_filename
        if path not in self.codes:
            source = "".join(linecache.getlines(path)) if path != "<string>" else ""  # what any exec is called
            self.codes[path] = self.compiler(source, path) if source else {}
            if source:
                current().files.add(path)
        return self.codes[path].get(_identity(code))

    def _module(self, module: types.ModuleType) -> Any:
        path = getattr(module, "__file__", None) or ""
        if not path.endswith(".py") or is_library(path):
            return module
        copy = types.ModuleType(module.__name__)
        self._remember(module, copy)
        names = self._globals(vars(module))
        for name, item in list(vars(module).items()):
            if not name.startswith("__"):
                names[name] = self.take(item)
        copy.__dict__.update(names)
        return copy

    def _class(self, kind: Any) -> Any:
        module = sys.modules.get(kind.__module__)
        path = getattr(module, "__file__", None) or ""
        if (
            (not path and kind.__module__ in sys.stdlib_module_names)
            or issubclass(kind, enum.Enum | BaseException)  # members are singletons, and what is raised is compared
            or is_library(path)
        ):
            return kind
        bases = tuple(self.take(base) for base in kind.__bases__)
        body = {
            name: item
            for name, item in vars(kind).items()
            if name not in ("__dict__", "__weakref__") and not isinstance(item, types.MemberDescriptorType)
        }
        try:
            copy = self._remember(kind, type(kind)(kind.__name__, bases, body))
        except TypeError:  # a metaclass that takes more
            return kind
        dataclass = "__dataclass_fields__" in body  # its generated __init__ has no source, but has defaults to copy
        for name, item in body.items():
            if not name.startswith("__") or isinstance(item, types.FunctionType):
                written = getattr(getattr(item, "__code__", None), "co_filename", "") != "<string>"
                taken = self.take(item) if written or not dataclass else self._with_code(item, item.__code__)
                if taken is not item:
                    setattr(copy, name, taken)
        for cell in _class_cells(kind):
            self._cell(cell).cell_contents = copy
        return copy

    def _instance(self, value: Any) -> Any:
        kind = self.take(type(value))
        if kind is type(value) and not hasattr(value, "__dict__"):
            return value
        if kind is type(value) and type(value).__module__.partition(".")[0] in sys.stdlib_module_names | {"numpy"}:
            return value
        try:
            copy = kind.__new__(kind)
        except TypeError:
            return value
        self._remember(value, copy)
        for name, item in getattr(value, "__dict__", {}).items():
            object.__setattr__(copy, name, self.take(item))
        slots = (vars(base).get("__slots__", ()) for base in type(value).__mro__)
        for slot in (slot for some in slots for slot in ((some,) if isinstance(some, str) else some)):
            if not slot.startswith("__") and hasattr(value, slot):
                object.__setattr__(copy, slot, self.take(getattr(value, slot)))
        return copy


def take(function: Callable[..., Any], takeover: Takeover | None = None) -> Callable[..., Any]:
    """Return a copy of a callable in exact arithmetic. NoSourceError if it has no Python source."""
    takeover = takeover or Takeover()
    copy = takeover.take(function)
    if copy is function and replacement(function) is None:
        name = getattr(function, "__qualname__", type(function).__qualname__)
        raise NoSourceError(f"{name} has no Python source")
    return copy


def _identity(code: types.CodeType) -> tuple[str, int, int]:
    """Return what distinguishes a code object in its file: name, first line and, for lambdas, first column."""
    columns = (position[2] for position in code.co_positions() if position[2])
    return code.co_qualname, code.co_firstlineno, min(columns, default=0) if "<lambda>" in code.co_qualname else 0


@functools.lru_cache(maxsize=64)
def compiled(source: str, path: str) -> Codes:
    """Return every code object of a rewritten file. Cached, because rewriting is most of the cost of a run."""
    return codes_of(rewritten(source, path), path)


def codes_of(tree: ast.Module, path: str) -> Codes:
    """Return every code object of a rewritten tree, by its name and place in the file."""
    whole = compile(tree, path, "exec", dont_inherit=True)
    return {_identity(inner): inner for inner in _codes_in(whole)}


def _codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from _codes_in(inner)


def _may_round(code: types.CodeType) -> bool:
    """Whether code that cannot be rewritten has literals or operators that would need it."""
    return any(isinstance(constant, float) for inner in _codes_in(code) for constant in inner.co_consts) or any(
        step.opname == "BINARY_OP" and step.argrepr.removesuffix("=") in ("/", "**", "%")
        for inner in _codes_in(code)
        for step in dis.get_instructions(inner)
    )


def _names_in(code: types.CodeType) -> set[str]:
    return {name for inner in _codes_in(code) for name in inner.co_names}


def _class_cells(kind: type) -> Iterator[types.CellType]:
    """Yield the cells through which methods find `__class__`, for super()."""
    for item in vars(kind).values():
        function = getattr(item, "__func__", item)
        if isinstance(function, types.FunctionType) and "__class__" in function.__code__.co_freevars:
            yield function.__closure__[function.__code__.co_freevars.index("__class__")]  # type: ignore[index]
