"""Stand-ins for numpy, math, random and scipy, which give the subject exact numbers when it imports them.

A `Stand` replaces the functions of a module that make floats (`zeros`, `array`, `random.randn`, `math.exp`) by ones
that make exact numbers. Everything else is the module's own. The modules themselves are never modified.
"""

import math
import random
import sys
import types
from functools import partial
from typing import Any

import numpy as np
from flint import arb

from gradproof.exact import functions, makers, special
from gradproof.exact.arrays import exact
from gradproof.exact.makers import exactly, filled, reading
from gradproof.exact.matrix import Matrix
from gradproof.exact.numbers import Number
from gradproof.exact.randoms import NUMPY_RANDOM, PYTHON_RANDOM
from gradproof.exact.run import current
from gradproof.exact.scalars import Float, Float32, Float64
from gradproof.exact.special import windows


class Stand(types.ModuleType):
    """A module as the subject sees it."""

    def __init__(self, module: Any, replaced: dict[str, Any]) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__dict__.update(replaced)
        self.__dict__["_module"] = module
        self.__all__ = [name for name in dir(module) if not name.startswith("_")]

    def __getattr__(self, name: str) -> Any:
        if name in CONSTANTS and self.__name__ in ("numpy", "math"):
            return Number(CONSTANTS[name]())  # at the precision of this run
        if name in FORMER and self.__name__ == "numpy":
            return FORMER[name]
        found = getattr(self._module, name)
        return (
            stand_for(found)
            if isinstance(found, types.ModuleType)
            else (REPLACED.get(id(found), found) if callable(found) else found)
        )

    def __dir__(self) -> list[str]:
        return dir(self._module)


def stand_for(module: types.ModuleType) -> types.ModuleType:
    """Return the stand-in for one of the modules below; return any other module unchanged."""
    name = module.__name__
    if name not in STANDS:
        return module
    if name not in _made:
        _made[name] = Stand(module, STANDS[name])
    return _made[name]


FORMER = {"int": int, "float": Float, "bool": bool, "object": object, "str": str}  # names that NumPy used to have
_made: dict[str, Stand] = {}
CONSTANTS = {"pi": arb.pi, "e": arb.const_e, "tau": lambda: 2 * arb.pi(), "euler_gamma": arb.const_euler}


def _matrices(path: Any) -> Any:
    """loadmat, or the run's substitute, if it has one, for a file that cannot be read."""
    try:
        return {
            name: exact(x) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
            for name, x in sys.modules["scipy.io"].loadmat(path).items()
        }
    except OSError:
        if current().outside is None:
            raise
        return current().outside.matrices()


def _optimizer(name: str, *arguments: Any, **options: Any) -> Any:
    """Call an optimizer: the run's own, which takes plain steps that can be observed, or else SciPy's."""
    outside = current().outside
    return (outside.optimizer(name) if outside else getattr(sys.modules["scipy.optimize"], name))(*arguments, **options)


# ---- the table --------------------------------------------------------------------------------------------------

NUMPY: dict[str, Any] = makers.LIFTED | {
    "zeros": filled(0),
    "empty": filled(0),
    "ones": filled(1),
    "full": makers.full,
    "zeros_like": functions.like(0),
    "empty_like": functions.like(0),
    "ones_like": functions.like(1),
    "full_like": functions.full_like,
    "array": makers.array,
    "asarray": makers.asarray,
    "asanyarray": makers.asanyarray,
    "ascontiguousarray": makers.asarray,
    "asfarray": makers.asarray,
    "copy": lambda a, **options: makers.array(a),
    "eye": makers.eye,
    "identity": makers.eye,
    "arange": makers.arange,
    "linspace": makers.linspace,
    "vectorize": makers.vectorize,
    "frompyfunc": makers.frompyfunc,
    "matrix": Matrix,
    "mat": Matrix,
    "asmatrix": Matrix,
    "float64": Float64,
    "double": Float64,
    "float32": Float32,
    "float_": Float64,
    "loadtxt": reading(np.loadtxt),
    "genfromtxt": reading(np.genfromtxt),
    "load": reading(np.load),
    "fromfile": makers.fromfile,
    "frombuffer": exactly(np.frombuffer),
    "fromstring": exactly(np.fromstring),
    **dict.fromkeys(("save", "savez", "savez_compressed", "savetxt"), lambda *arguments, **options: None),
    "nditer": lambda x, flags=(), **options: np.nditer(x, [*flags, "refs_ok"], [["readwrite"]]),
    "meshgrid": lambda *xs, **options: [exact(g) if g.dtype == object else g for g in np.meshgrid(*xs, **options)],
    "row_stack": np.vstack,
    "in1d": np.isin,
}
STANDS: dict[str, dict[str, Any]] = {
    "numpy": NUMPY,
    "numpy.random": NUMPY_RANDOM,
    "numpy.linalg": {name: makers.in_float64(getattr(np.linalg, name)) for name in makers.LINALG.split()}
    | {"norm": functions.norm},
    "math": special.MATH,
    "random": PYTHON_RANDOM,
    "scipy": {},
    "scipy.special": {"softmax": special.softmax, "log_softmax": special.log_softmax, "logsumexp": special.logsumexp},
    "scipy.io": {"loadmat": lambda *arguments, **options: _matrices(*arguments)},
    "scipy.optimize": {
        name: partial(_optimizer, name)
        for name in ("minimize", "fmin", "fmin_cg", "fmin_bfgs", "fmin_ncg", "fmin_tnc", "fmin_l_bfgs_b")
    },
    "scipy.signal": {
        "correlate2d": windows(turned=False, late=True),
        "convolve2d": windows(turned=True),
        "correlate": windows(turned=False),
        "convolve": windows(turned=True),
    },
}
_GENUINE = {"numpy": np, "numpy.random": np.random, "numpy.linalg": np.linalg, "math": math, "random": random}
REPLACED: dict[int, Any] = {id(float): Float} | {
    id(getattr(module, name)): new
    for path, module in _GENUINE.items()
    for name, new in STANDS[path].items()
    if hasattr(module, name)
}


def replacement(value: Any) -> Any:
    """Return what replaces one of those modules or one of their functions or types; None for anything else."""
    if isinstance(value, types.ModuleType):
        return stand_for(value) if value.__name__ in STANDS else None
    if not callable(value):
        return None
    path = str(getattr(value, "__module__", ""))
    if path.startswith("scipy."):  # not in REPLACED, because only a subject that uses SciPy imports it
        package = ".".join(path.split(".")[:2])
        return STANDS.get(package, {}).get(getattr(value, "__name__", ""))
    return REPLACED.get(id(value))
