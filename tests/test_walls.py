"""The walls of the house: neither network knows the other or the court, the witness borrows no derivative,

and no room uses one above it. Each wall is shown to fall where something forbidden is planted in a copy.
"""

import ast
import importlib.util
import inspect
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import handcrafted
import reference

ROOT = Path(__file__).parents[1]
PACKAGES = ("handcrafted", "reference", "gradproof")

# ---- what the source says --------------------------------------------------------------------------------------

ALLOWED = {  # besides the package itself and the standard library
    "handcrafted": {"numpy"},
    "reference": {"numpy", "jax"},
}
BY_NAME = {"importlib", "import_module", "__import__", "exec", "eval"}  # what would hide an import from a scan
READY_MADE = {  # a derivative, or a σ that comes with one
    *("nn", "logistic", "expit", "sigmoid", "scipy", "tanh", "outer"),
    *("custom_vjp", "custom_jvp", "custom_gradient", "custom_derivatives", "defvjp", "defjvp", "defjvps"),
    *("stop_gradient", "pure_callback", "io_callback"),
}
FORBIDDEN_NAMES = {"handcrafted": BY_NAME, "reference": BY_NAME | READY_MADE}


@cache
def parsed(source: str) -> ast.Module:
    """The tree, to be looked at: copies of the house differ in a file or two."""
    return ast.parse(source)


def sources(root: Path, package: str) -> Iterator[tuple[str, ast.Module]]:
    """(dotted name, syntax tree) of every module of a package; a package's __init__ has the package's name."""
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), parsed(path.read_text())


@cache
def imports(tree: ast.Module, package: str) -> tuple[str, ...]:
    """Everything imported anywhere in a module: `from a import b` is "a.b", whether b is a module or not."""
    return tuple(imported(tree, package))


def imported(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def names(tree: ast.Module) -> Iterator[str]:
    """Every name in a module: variables, attributes, what is imported, and strings that are a name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for path in (getattr(node, "module", None), *(alias.name for alias in node.names)):
                yield from (path or "").split(".")


def breaches_in_the_source(root: Path, package: str) -> list[str]:
    allowed = {package, *ALLOWED[package], *sys.stdlib_module_names}
    return [
        f"{module}: {what}"
        for module, tree in sources(root, package)
        for what in (
            *(name for name in imports(tree, package) if name.partition(".")[0] not in allowed),
            *(name for name in names(tree) if name in FORBIDDEN_NAMES[package]),
        )
    ]


# ---- what happens when it runs ---------------------------------------------------------------------------------

USE = """
import sys
sys.path.insert(0, sys.argv[1])
import json
import numpy as np
if sys.argv[2] == "reference":
    import jax
before = set(sys.modules)
package = __import__(sys.argv[2])
w, b, x = [np.ones((2, 2)), np.ones((1, 2))], [np.ones((2, 1)), np.ones((1, 1))], np.ones((2, 3))
y, rows = x[:1], np.array([[0, 1]])
arguments = {
    "feedforward": (w, b, x),
    "cost": (w, b, x, y),
    "gradients": (w, b, x, y),
    "step": (w, b, x, y, 1.0),
    "descend": (w, b, x.T, y.T, rows, 1.0),
}
for name in package.__all__:
    getattr(package, name)(*arguments[name])
program = ""
if sys.argv[2] == "reference":
    program = "".join(str(jax.make_jaxpr(getattr(package, name))(*arguments[name])) for name in package.__all__)
print(json.dumps([package.__file__, sorted(set(sys.modules) - before), program]))
"""
FORBIDDEN_MODULES = {
    "handcrafted": {"jax", "jaxlib", "reference", "gradproof"},
    "reference": {"handcrafted", "gradproof"},
}
# Operations with a derivative of their own: a σ that was not made from exp and division.
FORBIDDEN_OPERATIONS = re.compile(r"\b(logistic|tanh|erf|custom_jvp_call|custom_vjp_call\w*|\w*callback)\b")


def breaches_in_use(root: Path, package: str) -> list[str]:
    """Import a package in a process of its own and call every public function: what was loaded, what was computed."""
    run = subprocess.run(
        [sys.executable, "-c", USE, str(root), package], capture_output=True, text=True, check=False, timeout=300
    )
    assert run.returncode == 0, run.stderr
    file, loaded, program = json.loads(run.stdout)
    assert Path(file).is_relative_to(root), "another copy of the package was imported"
    strangers = FORBIDDEN_MODULES[package] & {module.partition(".")[0] for module in loaded}
    if package == "handcrafted":  # nothing at all but NumPy and the standard library
        known = {"handcrafted", "numpy", *sys.stdlib_module_names}
        strangers |= {module.partition(".")[0] for module in loaded} - known
    return sorted(strangers | set(FORBIDDEN_OPERATIONS.findall(program)))


@pytest.mark.parametrize("package", ALLOWED)
def test_a_network_imports_only_what_it_may(package: str) -> None:
    assert breaches_in_the_source(ROOT, package) == []


@pytest.mark.parametrize("package", ALLOWED)
def test_a_network_in_use_loads_neither_the_other_nor_the_court(package: str) -> None:
    assert breaches_in_use(ROOT, package) == []


# ---- the floors ------------------------------------------------------------------------------------------------

# From the ground up; a module stands on the floor of its longest prefix. The digits (train.mnist) lie low: they hold
# no mathematics, and both check and train stand on them.
FLOORS = (
    ("gradproof.text", "gradproof.interruption", "gradproof.progress"),
    ("gradproof.errors", "gradproof.fragment", "gradproof.manual", "gradproof.limits"),
    ("gradproof.files", "gradproof.memory"),
    ("handcrafted", "reference"),
    ("gradproof.exact",),
    ("gradproof.problem",),
    ("gradproof.backends", "gradproof.recording"),
    ("gradproof.numerics",),
    ("gradproof.train.mnist",),
    ("gradproof.proof",),
    ("gradproof.judge",),
    ("gradproof.train",),
    ("gradproof.study",),
    ("gradproof.pages",),
    ("gradproof.commands",),
    ("gradproof",),  # the package itself: what `import gradproof` offers
    ("gradproof.__main__", "gradproof.pytest_plugin"),
)
HEIGHT = {room: height for height, floor in enumerate(FLOORS) for room in floor}


def room(module: str) -> str:
    """The room that a module, or a name in one, belongs to."""
    while module not in HEIGHT:
        module = module.rpartition(".")[0]
    return module


def uses(root: Path) -> dict[str, set[str]]:
    """Which modules of the house each module imports."""
    trees = {module: tree for package in PACKAGES for module, tree in sources(root, package)}
    paths = {module: (root / module.replace(".", "/") / "__init__.py").exists() for module in trees}
    return {
        module: {
            name if name in trees else name.rpartition(".")[0]
            for name in imports(tree, module if paths[module] else module.rpartition(".")[0])
            if name.partition(".")[0] in PACKAGES
        }
        - {module}
        for module, tree in trees.items()
    }


def steps_up(root: Path) -> list[str]:
    return [
        f"{module} imports {used}"
        for module, useds in uses(root).items()
        for used in sorted(useds)
        if room(module) != room(used) and HEIGHT[room(module)] <= HEIGHT[room(used)]
    ]


def circle(root: Path) -> list[str]:
    try:
        TopologicalSorter(uses(root)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def oracles_of_the_judge(root: Path) -> set[str]:
    """All of the house that the judge of other people's code stands on, directly or not."""
    graph, found = uses(root), set()
    waiting = [module for module in graph if module.startswith("gradproof.judge")]
    while waiting:
        module = waiting.pop()
        waiting += graph[module] - found
        found |= graph[module]
    return {module.partition(".")[0] for module in found}


def test_the_judge_of_other_peoples_code_knows_the_witness_and_not_the_claim() -> None:
    assert oracles_of_the_judge(ROOT) == {"gradproof", "reference"}


@pytest.mark.parametrize(
    "file", ["judge/float64/claims.py", "judge/float64/steps.py", "proof/architectures.py", "numerics/running_error.py"]
)
def test_the_claim_in_the_judge_is_found_also_where_another_room_brings_it_in(copy: Path, file: str) -> None:
    append(copy, f"gradproof/{file}", "def f():\n    from handcrafted import equations")
    assert "handcrafted" in oracles_of_the_judge(copy)


def test_no_room_uses_one_above_it() -> None:
    assert steps_up(ROOT) == []


def test_nothing_runs_in_a_circle() -> None:
    assert circle(ROOT) == []


def test_a_room_of_the_house_is_known_by_name() -> None:
    """A new room in gradproof/ is put on its floor, or it would silently count as the ground."""
    rooms = {".".join(module.split(".")[:2]) for module, _ in sources(ROOT, "gradproof")}
    assert rooms <= HEIGHT.keys()


# ---- the walls fall --------------------------------------------------------------------------------------------


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "mnist_data")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignore)
    return tmp_path


def plant(root: Path, file: str, old: str, new: str) -> None:
    """Put `new` before `old` in a file."""
    source = (root / file).read_text()
    assert source.count(old) == 1
    (root / file).write_text(source.replace(old, new + old))


TOP = "from collections.abc import Sequence\n"  # stands once at the top of the files planted in
IN_BACKPROP = "    zs, activations = feedforward(weights, biases, x)\n"
IN_DELTAS = "    zs, _ = network.feedforward(weights, biases, x)\n"
IN_SIGMA = "    e = jnp.exp("

IN_SOURCE = {
    "jax in handcrafted": ("handcrafted/equations.py", "import numpy as np\n", "import jax\n"),
    "jax.numpy as np": ("handcrafted/equations.py", "from typing", "from jax import numpy as jnp\n"),
    "jax in a function": ("handcrafted/backprop.py", IN_BACKPROP, "    import jax\n"),
    "jax by import_module": ("handcrafted/backprop.py", IN_BACKPROP, "    import_module('jax')\n"),
    "jax by __import__": ("handcrafted/backprop.py", IN_BACKPROP, "    __import__('jax')\n"),
    "scipy in handcrafted": ("handcrafted/network.py", TOP, "from scipy.special import expit\n"),
    "reference in handcrafted": ("handcrafted/network.py", TOP, "from reference.network import sigma\n"),
    "gradproof in handcrafted": ("handcrafted/network.py", TOP, "from gradproof.problem import Problem\n"),
    "handcrafted in reference": ("reference/network.py", TOP, "from handcrafted import equations\n"),
    "gradproof in reference": ("reference/network.py", TOP, "import gradproof.problem\n"),
    "handcrafted by name": ("reference/autodiff.py", IN_DELTAS, "    import_module('handcrafted')\n"),
    "jax.nn.sigmoid": ("reference/network.py", IN_SIGMA, "    return jax.nn.sigmoid(z)\n"),
    "from jax.nn": ("reference/network.py", TOP, "from jax.nn import sigmoid as ours\n"),
    "import jax.nn": ("reference/network.py", TOP, "import jax.nn as functions\n"),
    "getattr nn": ("reference/network.py", IN_SIGMA, "    return getattr(jax, 'nn').relu(z)\n"),
    "lax.logistic": ("reference/network.py", IN_SIGMA, "    return jax.lax.logistic(z)\n"),
    "expit": ("reference/network.py", IN_SIGMA, "    return jax.scipy.special.expit(z)\n"),
    "custom_vjp": ("reference/network.py", "def sigma(z", "@jax.custom_vjp\n"),
    "custom_jvp": ("reference/network.py", "def sigma(z", "@jax.custom_jvp\n"),
}
# What runs: also what no scan of the source can see.
HIDDEN_IMPORT = "    getattr(__builtins__, 'get', lambda n: getattr(__builtins__, n))('__imp' + 'ort__')({!r})\n"
BOTH_AT_RUN_TIME = HIDDEN_IMPORT.format("handcrafted") + HIDDEN_IMPORT.format("gradproof")
A_RULE_FOR_A_READY_MADE_SIGMA = """    ours = getattr(jax, 'custom_' + 'jvp')(getattr(jax.lax, 'logis' + 'tic'))
    getattr(ours, 'def' + 'jvps')(lambda t, a, z: t * a * (1 - a))
    return ours(z)
"""
IN_USE = {
    "jax": (*IN_SOURCE["jax in handcrafted"], {"jax", "jaxlib"}),
    "reference": (*IN_SOURCE["reference in handcrafted"], {"reference"}),
    "jax at run time": ("handcrafted/backprop.py", IN_BACKPROP, HIDDEN_IMPORT.format("jax"), {"jax"}),
    "click at run time": ("handcrafted/backprop.py", IN_BACKPROP, HIDDEN_IMPORT.format("click"), {"click"}),
    "both at run time": ("reference/autodiff.py", IN_DELTAS, BOTH_AT_RUN_TIME, {"handcrafted", "gradproof"}),
    "σ′": ("reference/network.py", IN_SIGMA, A_RULE_FOR_A_READY_MADE_SIGMA, {"logistic", "custom_jvp_call"}),
}


@pytest.mark.sample(8)
@pytest.mark.parametrize("what", IN_SOURCE)
def test_what_is_planted_in_the_source_is_found(copy: Path, what: str) -> None:
    package = IN_SOURCE[what][0].partition("/")[0]
    assert breaches_in_the_source(copy, package) == []
    plant(copy, *IN_SOURCE[what])
    assert breaches_in_the_source(copy, package)


@pytest.mark.sample(1)
@pytest.mark.parametrize("what", IN_USE)
def test_what_is_planted_and_runs_is_found(copy: Path, what: str) -> None:
    *planted, found = IN_USE[what]
    plant(copy, *planted)
    package = planted[0].partition("/")[0]
    assert found <= set(breaches_in_use(copy, package))


UPWARD = {
    "problem → check": ("gradproof/problem.py", "from gradproof.proof import theorem"),
    "problem → numerics": ("gradproof/problem.py", "import gradproof.numerics.verdict"),
    "backends → train": ("gradproof/backends.py", "from gradproof.train.mnist import load"),
    "backends → commands": ("gradproof/backends.py", "from gradproof import commands"),
    "numerics → check": ("gradproof/numerics/verdict.py", "from gradproof.proof import witness"),
    "numerics → study, relative": ("gradproof/numerics/verdict.py", "from ..study import walk"),
    "numerics → commands, in a function": ("gradproof/numerics/verdict.py", "def f():\n    import gradproof.commands"),
    "mnist → check": ("gradproof/train/mnist.py", "from gradproof.proof import architectures"),
    "proof → commands": ("gradproof/proof/theorem.py", "from gradproof.commands import prove"),
    "check → train": ("gradproof/proof/theorem.py", "import gradproof.train"),
    "handcrafted → problem": ("handcrafted/network.py", "from gradproof.problem import Problem"),
    "handcrafted → reference": ("handcrafted/network.py", "import reference"),
}


def append(root: Path, file: str, line: str) -> None:
    with (root / file).open("a") as source:
        source.write(f"\n{line}\n")


@pytest.mark.sample(4)
@pytest.mark.parametrize("what", UPWARD)
def test_a_step_up_is_found(copy: Path, what: str) -> None:
    file, line = UPWARD[what]
    append(copy, file, line)
    module = file.removesuffix(".py").replace("/", ".")
    assert any(step.startswith(f"{module} imports ") for step in steps_up(copy))


def test_a_circle_is_found(copy: Path) -> None:
    append(copy, "gradproof/proof/architectures.py", "from gradproof.proof import theorem")
    assert "gradproof.proof.architectures" in circle(copy)


# ---- one contract ----------------------------------------------------------------------------------------------


def parameters(module: object, name: str) -> list[str]:
    """The parameters that a call must give."""
    signature = inspect.signature(getattr(module, name)).parameters.values()
    return [parameter.name for parameter in signature if parameter.default is parameter.empty]


def test_both_networks_have_the_same_public_names() -> None:
    assert handcrafted.__all__ == reference.__all__ == ["cost", "descend", "feedforward", "gradients", "step"]


@pytest.mark.parametrize("name", handcrafted.__all__)
def test_a_public_function_has_the_same_parameters_in_both_networks(name: str) -> None:
    """What only the witness takes, which examples and outputs of padded ones count, has a default."""
    assert parameters(handcrafted, name) == parameters(reference, name)
    assert set(inspect.signature(getattr(reference, name)).parameters) - set(parameters(handcrafted, name)) <= {
        "live",
        "rows",
    }


@pytest.mark.parametrize(("package", "most"), [("handcrafted", 160), ("reference", 390)])
def test_a_network_stays_small_enough_to_be_read_at_once(package: str, most: int) -> None:
    assert sum(len(path.read_text().splitlines()) for path in (ROOT / package).rglob("*.py")) <= most
