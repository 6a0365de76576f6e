"""A stand-in for scipy.optimize in a subject: plain descent along the gradient that the program gives.

It runs as a part of the program, so that steps are found in its loop.
"""

from typing import Any

import numpy as np


def _descend(fun: Any, theta: Any, slope_of: Any, args: Any) -> tuple[Any, Any]:
    theta, cost = np.array(theta).astype(float), 0.0
    args = args if isinstance(args, tuple) else (args,)
    for _ in range(3 if slope_of else 0):
        cost = fun(theta, *args)
        if slope_of is True:
            cost, slope = cost
        else:
            slope = slope_of(theta, *args)
        theta = theta - 0.1 * np.reshape(slope, theta.shape)
    return theta, cost


class _Result(dict):  # type: ignore[type-arg]
    def __getattr__(self, name: str) -> Any:
        return self.get(name)


def minimize(fun: Any, x0: Any, args: Any = (), method: Any = None, jac: Any = None, **options: Any) -> Any:
    theta, cost = _descend(fun, x0, jac, args)
    return _Result(x=theta, fun=cost, success=True, message="", nit=3)


def fmin_cg(f: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any) -> Any:
    theta, cost = _descend(f, x0, fprime, args)
    return (theta, cost, 3, 3, 0) if options.get("full_output") else theta


fmin = fmin_bfgs = fmin_ncg = fmin_cg


def fmin_tnc(func: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any) -> Any:
    theta, _ = _descend(func, x0, fprime or True, args)
    return theta, 3, 0


def fmin_l_bfgs_b(func: Any, x0: Any, fprime: Any = None, args: Any = (), **options: Any) -> Any:
    theta, cost = _descend(func, x0, fprime or True, args)
    return theta, cost, {}
