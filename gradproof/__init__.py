"""gradproof: judges backpropagation that is written by hand, and names the line that is wrong."""

import os
from importlib import import_module

# Import only what Python has loaded by now: with `python -m` the current folder comes first in the search path.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from gradproof.judge.file_judgement import FileJudgement
    from gradproof.judge.report import Judgement
    from gradproof.judge.trial.assertions import assert_backward as assert_backward
    from gradproof.judge.trial.assertions import assert_gradient as assert_gradient
    from gradproof.judge.trial.assertions import assert_step as assert_step
    from gradproof.judge.trial.backward import check_backward as check_backward
    from gradproof.judge.trial.gradient import check_gradient as check_gradient
    from gradproof.judge.trial.step import check_step as check_step
    from gradproof.train.mnist import Mnist
    from gradproof.train.saved_run import Saved

__all__ = [
    "__version__",
    "assert_backprop",
    "assert_backward",
    "assert_gradient",
    "assert_step",
    "check",
    "check_backward",
    "check_gradient",
    "check_step",
    "digits",
    "load",
]
__version__ = "0.1.0"


def load(path: str | os.PathLike[str]) -> "Saved":
    """Load a trained network from a run's folder or a .safetensors file; `classify(images)` then reads digits.

    DataError if the file does not hold a sound network.
    """
    from gradproof.train import saved_run  # only here, to keep `import gradproof` quick

    return saved_run.load(path)


def digits(folder: str | os.PathLike[str] | None = None) -> "Mnist":
    """Load the handwritten digits: `train` (50,000), `validation` and `test` (10,000 each).

    Each has `images` (n, 784) and `labels` (n,), both uint8; 0 is white, 255 black. With a folder, they come from its
    four IDX files with MNIST's names, .gz or not. DataError if the files are missing or damaged.
    """
    from pathlib import Path

    from gradproof.train import mnist

    return mnist.load(None if folder is None else Path(folder))


def check(
    backprop: "Callable[..., Any] | str | os.PathLike[str]",
    *,
    networks: int = 200,
    seed: int = 0,
    convention: str = "",
) -> "Judgement | FileJudgement":
    """Judge a program, a function backprop(weights, biases, x, y), or a class like the book's Network.

    A path such as "mine.py" or "mine.ipynb" is judged as `gradproof check` judges it, in a process of its own. A
    function or a class is judged as the gradient of the quadratic cost, on random networks and real digits, in this
    process, which is left as it was; code that may hang, or has another cost, should be given as a path. `convention`
    takes the words of the command's `--convention`: whatever deviates from them is a fault.

    The judgement is true in a condition only if it is verified. `faults` lists what is wrong, the root cause first;
    `print` shows everything, and a notebook shows it with the lines. UsageError for an argument that cannot be judged,
    DataError for a file in which there is nothing to judge.
    """

    import jax

    x64 = bool(jax.config.values["jax_enable_x64"])  # before the witness switches it on
    from gradproof.judge.float64.diagnosis import judgement
    from gradproof.judge.isolation import caller
    from gradproof.judge.isolation.submission import Function
    from gradproof.progress import in_notebook

    with caller.undisturbed(x64), in_notebook("networks") as progress:
        caller.insist(networks, seed)
        declared = convention.split(",") if convention else []
        if isinstance(backprop, str | os.PathLike):
            from gradproof.judge.file_judgement import judge_file

            return judge_file(os.fspath(backprop), networks, seed, declared, progress)
        return judgement(Function(backprop), networks, seed, progress, declared)


def assert_backprop(
    backprop: "Callable[..., Any]", *, networks: int = 200, seed: int = 0, convention: str = ""
) -> None:
    """Raise AssertionError with the whole judgement unless `check` verifies the backprop."""
    from gradproof.judge.trial.assertions import require

    __tracebackhide__ = True
    name = getattr(backprop, "__name__", repr(backprop))
    options = {"networks": networks, "seed": seed} | ({"convention": convention} if convention else {})
    again = "".join(f", {option}={value!r}" for option, value in options.items())
    require(check, [backprop], options, f"\nagain: gradproof.check({name}{again})")


_TRIALS = {
    "check_gradient": "gradient",
    "check_backward": "backward",
    "check_step": "step",
    "assert_gradient": "assertions",
    "assert_backward": "assertions",
    "assert_step": "assertions",
}


def __getattr__(name: str) -> "Any":
    """Import a function of gradproof.judge.trial when it is first used."""
    if name in _TRIALS:
        return getattr(import_module(f"gradproof.judge.trial.{_TRIALS[name]}"), name)
    raise AttributeError(f"module 'gradproof' has no attribute {name!r}")
