"""Is the judge tested? Each change of it – bounds loosened, residuals dropped, verdicts swapped – must turn tests red.

    python benchmarks/mutants_of_the_judge.py [--only WORD] [--json]          (the second half of make mutants)

The tree is copied, one place of gradproof/ changed, and one file of tests/judge run there until its first failure. A
change that no test notices survives, and is printed; so is a line that is no longer there, as this list then lies.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("gradproof", "handcrafted", "reference", "tests", "docs", "pyproject.toml")
FAMILIES = "test_families.py"
DIAGNOSIS, UPDATES, WILD = "test_diagnosis.py", "test_updates.py", "test_wild.py"
SUBMISSION, ISOLATION, CERTIFICATE = "test_submission.py", "test_isolation.py", "test_certificate.py"


class Mutant(NamedTuple):
    what: str
    file: str  # in gradproof/
    old: str
    new: str
    tests: str


MUTANTS = (
    # bounds loosened or tightened
    Mutant(
        "stage bounds 10⁶ times as wide",
        "proof/equations.py",
        "2 * widening(stack)",
        "2e6 * widening(stack)",
        DIAGNOSIS,
    ),
    Mutant("stage bounds a tenth", "proof/equations.py", "2 * widening(stack)", "0.02 * widening(stack)", DIAGNOSIS),
    Mutant(
        "formulas' bounds 10⁶ times as wide",
        "judge/naming.py",
        "2 * formula.radius",
        "2e6 * formula.radius + 1",
        DIAGNOSIS,
    ),
    Mutant("formulas without a bound", "judge/naming.py", "2 * formula.radius", "0 * formula.radius", DIAGNOSIS),
    Mutant("any number explains a family", "judge/families.py", "if not low <= high:", "if False:", DIAGNOSIS),
    Mutant("families without a bound", "judge/families.py", "width = (slack", "width = 0 * (slack", DIAGNOSIS),
    Mutant(
        "0 is a number of a family", "judge/families.py", "telling < 2 or low <= 0 <= high", "telling < 2", FAMILIES
    ),
    Mutant("steps' bounds 10⁶ times as wide", "judge/updates.py", "<= 2 * (radius", "<= 2e15 * (radius", UPDATES),
    Mutant("steps without a bound", "judge/updates.py", "<= 2 * (radius", "<= 0 * (radius", UPDATES),
    Mutant(
        "the cost's rounding forgotten",
        "judge/costs.py",
        "u = 0.0 if self._exact(m) else",
        "u = 0.0 if True else",
        DIAGNOSIS,
    ),
    Mutant("two calls are one", "judge/claims.py", "e_delta = [2 * e for e in bound.delta]", "pass", DIAGNOSIS),
    Mutant(
        "σ by tanh is not allowed for", "judge/claims.py", "4 * ar.u if sigma is Sigma.TANH else 0.0", "0.0", DIAGNOSIS
    ),
    # residuals dropped
    Mutant("BP1 not compared", "proof/equations.py", 'equation = "BP1"', 'equation = "BP1"; continue', DIAGNOSIS),
    Mutant("BP3 not compared", "proof/equations.py", 'yield compare("BP3"', 'compare("BP3"', DIAGNOSIS),
    Mutant(
        "z and a not compared",
        "judge/claims.py",
        "if claim.showed_forward:\n            findings",
        "if False:\n            findings",
        DIAGNOSIS,
    ),
    Mutant(
        "slips before the first equation not tried",
        "judge/diagnosis.py",
        "fitting = list(other_problems.SLIPS)",
        "fitting = []",
        DIAGNOSIS,
    ),
    Mutant("integers not tried", "judge/probes.py", "yield from _whole(", "() and _whole(", DIAGNOSIS),
    Mutant("overflow not tried", "judge/probes.py", "yield from _large(", "() and _large(", DIAGNOSIS),
    Mutant("descent not watched", "judge/diagnosis.py", "if submission.kind.updates and", "if False and", UPDATES),
    Mutant(
        "mini-batches not compared",
        "judge/updates.py",
        "if said := _data(x_places, y_places):",
        "if said := None:",
        UPDATES,
    ),
    Mutant("biases of a step not compared", "judge/updates.py", 'for kind in "wb"', 'for kind in "w"', UPDATES),
    Mutant("changed inputs not noticed", "judge/calling.py", "if array.tobytes() != copy:", "if False:", DIAGNOSIS),
    Mutant(
        "aliases not noticed",
        "judge/calling.py",
        "if any(_shares_memory(one, other)",
        "if False and any(_shares_memory(one, other)",
        DIAGNOSIS,
    ),
    Mutant(
        "views of inputs not noticed",
        "judge/calling.py",
        "if any(_shares_memory(one, argument)",
        "if False and any(_shares_memory(one, argument)",
        DIAGNOSIS,
    ),
    Mutant("second answers not asked for", "judge/claims.py", "if claims and not troubles:", "if False:", DIAGNOSIS),
    Mutant("dtypes not compared", "judge/answers.py", "if array.dtype != problem.x.dtype:", "if False:", DIAGNOSIS),
    # verdicts swapped
    Mutant(
        "refuted is verified",
        "judge/diagnosis.py",
        "verdict = Verdict.REFUTED if troubles else",
        "verdict = Verdict.VERIFIED if troubles else",
        DIAGNOSIS,
    ),
    Mutant(
        "a hang is verified",
        "judge/diagnosis.py",
        "return Judgement(Verdict.REFUTED, [], [], [Trouble(error",
        "return Judgement(Verdict.VERIFIED, [], [], [Trouble(error",
        ISOLATION,
    ),
    Mutant(
        "a declared convention is not required",
        "judge/diagnosis.py",
        "if declared is not None:\n        return",
        "if False:\n        return",
        DIAGNOSIS,
    ),
    Mutant(
        "a sum is never a convention", "judge/diagnosis.py", 'light.equations >= {"BP3", "BP4"}', "False", DIAGNOSIS
    ),
    Mutant(
        "a sum always is",
        "judge/diagnosis.py",
        'light if summed.equations & {"BP3", "BP4"} else summed',
        "summed",
        DIAGNOSIS,
    ),
    Mutant(
        "downhill is never a convention",
        "judge/diagnosis.py",
        "return other if _name_of_bp1(other) and",
        "return other if False and",
        WILD,
    ),
    Mutant("points for wrong equations", "judge/report.py", "int(name not in wrong and", "int(True and", SUBMISSION),
    # layers shifted
    Mutant(
        "names of the layer below",
        "judge/naming.py",
        "[at(of) for of in z], delta, y, at, fault.layer)",
        "[at(of) for of in z], delta, y, at, max(1, fault.layer - 1))",
        DIAGNOSIS,
    ),
    Mutant(
        "values of the layer below",
        "judge/naming.py",
        "return part[fault.layer - 1]",
        "return part[fault.layer - 2]",
        DIAGNOSIS,
    ),
    Mutant(
        "BP2 takes σ′ of the layer above",
        "proof/equations.py",
        "witness.delta(stack, layer, own)",
        "witness.delta(stack, min(layer + 1, depth), own)",
        DIAGNOSIS,
    ),
    # naming rules loosened
    Mutant(
        "one network is enough for a name",
        "judge/naming.py",
        "fitting = [mistake for mistake in fitting if _explains(mistake, layer, got)]",
        "fitting = [mistake for mistake in fitting if tried > 1 or _explains(mistake, layer, got)]",
        DIAGNOSIS,
    ),
    Mutant("every formula fits", "judge/naming.py", "return off.shape == got.shape and", "return True or", DIAGNOSIS),
    Mutant(
        "another equation's formulas",
        "judge/naming.py",
        "if m.equation == fault.equation]",
        "if m.equation != fault.equation]",
        DIAGNOSIS,
    ),
    # conventions and counterexamples
    Mutant(
        "rows are not recognised",
        "judge/layouts.py",
        "product(examples, (False, True), (",
        "product(examples, (False,), (",
        DIAGNOSIS,
    ),
    Mutant(
        "any depth is taken for all", "judge/layouts.py", "return layout._replace(depth=depth)", "return layout", WILD
    ),
    Mutant(
        "the largest network first",
        "judge/counterexample.py",
        "for sizes in ROUND:",
        "for sizes in ROUND[::-1]:",
        DIAGNOSIS,
    ),
    Mutant(
        "the counterexample shows another equation",
        "judge/counterexample.py",
        "finding.equation == fault.equation and",
        "finding.equation != fault.equation and",
        DIAGNOSIS,
    ),
    Mutant(
        "a grade tells the answer",
        "judge/report.py",
        "    if graded:\n        points",
        "    if False:\n        points",
        SUBMISSION,
    ),
    Mutant("no limit of time", "judge/submission.py", "if not ready:", "if False:", ISOLATION),
    Mutant("no limit of memory", "judge/worker.py", "    if memory:\n", "    if False:\n", ISOLATION),
    Mutant(
        "the certificate is of other numbers",
        "judge/certificate.py",
        "mine = claim.mine.alone",
        "mine = claim.own._replace(delta=claim.own.grad_b).alone",
        CERTIFICATE,
    ),
    Mutant("enclosures of nothing", "judge/certificate.py", "outwards * abs(end) * 2.0**-130", "1", CERTIFICATE),
)


def survives(mutant: Mutant) -> bool:
    """Whether the tests pass on a copy of the tree with this change."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source, copy = ROOT / name, Path(folder, name)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        path = Path(folder, "gradproof", mutant.file)
        text = path.read_text("utf8")
        if text.count(mutant.old) < 1:
            raise LookupError(f"{mutant.what}: {mutant.old!r} is not in {mutant.file}")
        path.write_text(text.replace(mutant.old, mutant.new), "utf8")
        line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"tests/judge/{mutant.tests}"]
        environment = os.environ | {"PYTHONPATH": folder, "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".jax_cache")}
        try:
            return not subprocess.run(line, cwd=folder, env=environment, capture_output=True, timeout=900).returncode
        except subprocess.TimeoutExpired:
            return False  # it hangs: noticed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants with this word")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.what]
    alive = []
    for number, mutant in enumerate(chosen, start=1):
        lives = survives(mutant)
        alive += [mutant.what] * lives
        print(
            f"{number} of {len(chosen)}: {mutant.what} is {'ALIVE' if lives else 'killed'}", file=sys.stderr, flush=True
        )
    document = {"mutants": len(chosen), "killed": len(chosen) - len(alive), "survivors": alive}
    print(
        json.dumps(document, ensure_ascii=False)
        if options.json
        else "\n".join(f"{k}: {v}" for k, v in document.items())
    )
    return bool(alive)


if __name__ == "__main__":
    sys.exit(main())
