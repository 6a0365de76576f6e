"""Is the judge tested? Each change of it – bounds loosened, residuals dropped, verdicts swapped – must turn tests red.

    python benchmarks/mutants_of_the_judge.py [--only WORD] [--json]          (the second half of make mutants)

The tree is copied, and the tests must be green there as it is: else nothing that is red would tell anything. Then one
place of gradproof/ is changed at a time, and the test that should notice it is run; at last, for those it does not
notice, all that are beside it, which must be green as well. A change that no test notices survives, and is printed.
Killed is what makes a test fail (pytest's exit code 1); a run that breaks off otherwise, and a line that is no longer
there, are errors of this list, and end it with exit code 2.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
COPIED = ("gradproof", "handcrafted", "reference", "tests", "docs", "pyproject.toml")
ALL = "tests/judge"
LONGEST = 1800  # seconds of a run of pytest: none is to hang

NAMED = "diagnosis::test_a_mistake_is_found_in_its_equation_and_named_or_not_named"
CORRECT = "diagnosis::test_a_correct_backprop_is_verified_and_its_convention_recognised"
TROUBLE = "diagnosis::test_trouble_is_found_before_values_and_explained"
SHOWN = "diagnosis::test_a_slip_of_the_forward_pass_is_found_where_z_and_a_are_shown"
UNSEEN = "diagnosis::test_a_slip_before_the_first_equation_is_named_though_z_and_a_are_not_shown"
SMALL = "diagnosis::test_the_counterexample_is_small_and_its_numbers_are_round"
DESCENT = "updates::test_a_slip_of_the_descent_is_named"
WILD = "wild::test_the_diagnosis_is_the_threads_own"
ACCIDENT = "isolation::test_an_accident_is_refuted_in_one_line"
GRADE = "submission::test_a_grade_gives_points_and_no_answer"
ONE_NUMBER = "families::test_the_number_is_that_of_all_networks_in_few_digits_and_never_0"
PROOF, RECORDED = "train/proof", "./recording"
CERTIFIED = "certificate::test_the_certificate_of_a_correct_backprop_holds[ours]"


class Mutant(NamedTuple):
    what: str
    file: str  # in gradproof/
    old: str
    new: str
    test: str  # that should notice it: FILE::TEST of tests/judge/test_FILE.py, or FOLDER/FILE of tests/, all its tests

    @property
    def path(self) -> str:
        file, colons, test = self.test.partition("::")
        return f"{self.folder}/test_{Path(file).name}.py{colons}{test}"

    @property
    def folder(self) -> str:
        return f"tests/{Path(self.test).parent}" if "/" in self.test.partition("::")[0] else ALL


MUTANTS = (
    # bounds loosened or tightened
    Mutant("stage bounds 10⁶ times as wide", "proof/equations.py", "2 * widening(stack)", "2e6 * widening(stack)",
           f"{NAMED}[weight gradient off by 1e-12]"),
    Mutant("stage bounds a hundredth", "proof/equations.py", "2 * widening(stack)", "0.02 * widening(stack)",
           f"{CORRECT}[ours]"),
    Mutant("formulas' bounds 10⁶ times as wide", "judge/naming.py", "2 * formula.radius", "2e6 * formula.radius + 1",
           f"{NAMED}[absolute error]"),
    Mutant("formulas without a bound", "judge/naming.py", "2 * formula.radius", "0 * formula.radius",
           f"{NAMED}[y forgotten]"),
    Mutant("any number explains a family", "judge/families.py", "if not low <= high:", "if False:", ONE_NUMBER),
    Mutant("families without a bound", "judge/families.py", "width = (slack", "width = 0 * (slack", ONE_NUMBER),
    Mutant("0 is a number of a family", "judge/families.py", "telling < 2 or low <= 0 <= high", "telling < 2",
           ONE_NUMBER),
    Mutant("steps' bounds 10¹⁵ times as wide", "judge/updates.py", "<= 2 * (radius", "<= 2e15 * (radius",
           f"{DESCENT}[not divided]"),
    Mutant("steps without a bound", "judge/updates.py", "<= 2 * (radius", "<= 0 * (radius",
           "updates::test_a_right_descent_is_verified_with_and_without_sgd_and_uphill_of_a_downhill_gradient"),
    Mutant("the cost's rounding forgotten", "judge/costs.py", "u = 0.0 if self._exact(m) else", "u = 0.0 if True else",
           "costs::test_delta_is_within_its_radius_of_what_it_was_before_the_factor"),
    Mutant("two calls are one", "judge/claims.py", "e_delta = [2 * e for e in bound.delta]", "pass",
           f"{CORRECT}[no δ]"),
    Mutant("σ by tanh is not allowed for", "judge/claims.py", "4 * ar.u if sigma is Sigma.TANH else 0.0", "0.0",
           f"{CORRECT}[σ by tanh]"),
    # residuals dropped
    Mutant("BP1 not compared", "proof/equations.py", 'equation = "BP1"', 'equation = "BP1"; continue',
           f"{NAMED}[y forgotten]"),
    Mutant("BP3 not compared", "proof/equations.py", 'yield compare("BP3"', 'compare("BP3"', f"{NAMED}[bias sign]"),
    Mutant("z and a not compared", "judge/claims.py", "if claim.showed_forward:\n            shown",
           "if False:\n            shown", f"{SHOWN}[bias forgotten]"),
    Mutant("slips before the first equation not tried", "judge/diagnosis.py", "list(other_problems.SLIPS), sum",
           "[], sum", f"{UNSEEN}[bias forgotten]"),
    Mutant("integers not tried", "judge/probes.py", "yield from _whole(", "() and _whole(",
           "diagnosis::test_integers_that_cut_decimals_are_found"),
    Mutant("overflow not tried", "judge/probes.py", "yield from _large(", "() and _large(",
           "diagnosis::test_a_sigma_that_overflows_is_found_and_one_that_only_warns_is_not"),
    Mutant("descent not watched", "judge/diagnosis.py", "if submission.kind.updates and", "if False and",
           f"{DESCENT}[it climbs]"),
    Mutant("mini-batches not compared", "judge/updates.py", "if said := _data(x_places, y_places):", "if said := None:",
           f"{DESCENT}[shuffled apart]"),
    Mutant("biases of a step not compared", "judge/updates.py", 'for kind in "wb"', 'for kind in "w"',
           f"{DESCENT}[biases not divided]"),
    Mutant("changed inputs not noticed", "judge/calling.py", "if array.tobytes() != copy:", "if False:",
           f"{TROUBLE}[changes w]"),
    Mutant("other arrays in its lists not noticed", "judge/calling.py", "if len(part) != len(kept) or any(",
           "if False and any(", f"{TROUBLE}[rebinds w]"),
    Mutant("random numbers are others in every run", "judge/worker.py", "    _seed(number)\n    _np_seed(number)\n",
           "    pass\n",
           "chance::test_code_that_draws_random_numbers_is_judged_alike_in_every_run[a wrong shuffle]"),
    Mutant("random numbers are the same in each call", "judge/worker.py", "seeded(number)  #", "seeded(0)  #",
           "chance::test_code_that_draws_random_numbers_draws_others_in_each_call"),
    Mutant("the declared sum is forgotten in the descent", "judge/diagnosis.py", 'summed="sum" in declared',
           "summed=False",
           "updates::test_with_the_sum_declared_a_step_along_the_sum_is_right_and_one_along_the_mean_is_not"),
    Mutant("moved parameters not noticed", "judge/calling.py", "if values is not None and _values(", "if False and (",
           "updates::test_a_backprop_that_moves_the_networks_own_parameters_is_blamed_and_not_the_update"),
    Mutant("aliases not noticed", "judge/calling.py", "if any(_shares_memory(one, other)",
           "if False and any(_shares_memory(one, other)", f"{TROUBLE}[aliased]"),
    Mutant("views of inputs not noticed", "judge/calling.py", "if any(_shares_memory(one, argument)",
           "if False and any(_shares_memory(one, argument)", f"{TROUBLE}[a view of x]"),
    Mutant("second answers not asked for", "judge/claims.py", "if claims and not troubles:", "if False:",
           f"{TROUBLE}[remembers]"),
    Mutant("dtypes not compared", "judge/answers.py", "if array.dtype != problem.x.dtype:", "if False:",
           f"{TROUBLE}[float16]"),
    # verdicts swapped
    Mutant("refuted is verified", "judge/diagnosis.py", "verdict = Verdict.REFUTED if troubles else",
           "verdict = Verdict.VERIFIED if troubles else", f"{DESCENT}[it climbs]"),
    Mutant("a hang is verified", "judge/diagnosis.py", "return Judgement(Verdict.REFUTED, [], [], [Trouble(error",
           "return Judgement(Verdict.VERIFIED, [], [], [Trouble(error", f"{ACCIDENT}[hangs]"),
    Mutant("a declared convention is not required", "judge/diagnosis.py", "if declared is not None:\n        return",
           "if False:\n        return", "diagnosis::test_with_ours_declared_every_other_convention_is_a_fault[sum]"),
    Mutant("a sum is never a convention", "judge/diagnosis.py", 'light.equations >= {"BP3", "BP4"}', "False",
           f"{CORRECT}[sum]"),
    Mutant("a sum always is", "judge/diagnosis.py", 'light if summed.equations & {"BP3", "BP4"} else summed', "summed",
           "diagnosis::test_a_psum_on_top_of_the_sum_that_jax_grad_makes_is_refuted_and_named[3]"),
    Mutant("downhill is never a convention", "judge/diagnosis.py", "return other if _name_of_bp1(other) and",
           "return other if False and", f"{WILD}[jiexunsee]"),
    Mutant("points for wrong equations", "judge/report.py", "int(name not in lost and", "int(True and", GRADE),
    # layers shifted
    Mutant("names of the layer below", "judge/naming.py", "[at(of) for of in z], delta, y, at, fault.layer)",
           "[at(of) for of in z], delta, y, at, max(1, fault.layer - 1))", f"{NAMED}[hidden sign]"),
    Mutant("values of the layer below", "judge/naming.py", "return part[fault.layer - 1]",
           "return part[fault.layer - 2]", f"{NAMED}[bias sign]"),
    Mutant("BP2 takes σ′ of the layer above", "judge/claims.py", "witness.delta(exact, layer, own)",
           "witness.delta(exact, min(layer + 1, len(exact.weights)), own)", f"{CORRECT}[ours]"),
    # naming rules loosened
    Mutant("one network is enough for a name", "judge/naming.py",
           "if _explains(mistake, layer, got)]\n            if not",
           "if tried > 1 or _explains(mistake, layer, got)]\n            if not",
           f"{NAMED}[absolute error]"),
    Mutant("networks that hide a slip are not asked for its name", "judge/naming.py", "elif not claim.inferred:",
           "elif False:", "isolation::test_a_slip_on_some_mini_batches_alone_is_placed_and_has_no_name"),
    Mutant("every formula fits", "judge/naming.py", "return off.shape == got.shape and", "return True or",
           f"{NAMED}[absolute error]"),
    Mutant("another equation's formulas", "judge/naming.py", "if m.equation == fault.equation]",
           "if m.equation != fault.equation]", f"{NAMED}[bias sign]"),
    # conventions and counterexamples
    Mutant("rows are not recognised", "judge/layouts.py", "product(examples, (False, True), (",
           "product(examples, (False,), (", f"{CORRECT}[rows]"),
    Mutant("any depth is taken for all", "judge/layouts.py", "return layout._replace(depth=depth)", "return layout",
           f"{WILD}[make_your_own]"),
    Mutant("the largest network first", "judge/counterexample.py", "for sizes in ROUND:", "for sizes in ROUND[::-1]:",
           SMALL),
    Mutant("the counterexample shows another equation", "judge/counterexample.py",
           "finding.equation == fault.equation and", "finding.equation != fault.equation and", SMALL),
    Mutant("a grade tells the answer", "judge/report.py", "    if graded:\n        points",
           "    if False:\n        points", GRADE),
    Mutant("what is wrong where little can be told is left out", "judge/diagnosis.py",
           "return self.judged if self.wrong else _telling", "return _telling",
           "diagnosis::test_what_is_wrong_on_saturated_networks_alone_is_refuted_in_code_that_tells_little_there"),
    Mutant("real digits not asked", "judge/claims.py", "asked += networks.larger(seed, alone, layout.depth)", "pass",
           "diagnosis::test_real_digits_and_a_wider_network_are_among_what_is_judged"),
    Mutant("points for what cannot be told", "judge/report.py", "| set(self.untold)", "",
           "diagnosis::test_an_equation_of_which_nothing_can_be_told_scores_no_point"),
    Mutant("a psum is taken for a factor of the cost", "judge/diagnosis.py", "light.cost.doubts(",
           "0 * light.cost.doubts(",
           "diagnosis::test_without_delta_a_psum_and_a_factor_of_the_cost_cannot_be_told_apart_and_both_are_said[4]"),
    Mutant("the counterexample is in our convention", "judge/counterexample.py", "* cost.times(part, n, m)", "",
           "submission::test_the_script_speaks_in_the_conventions_of_the_code_and_its_words_are_its_numbers"),
    Mutant("other sessions are left behind", "judge/submission.py", "        end_all(self.mark)\n", "",
           "isolation::test_a_session_of_its_own_is_not_left_behind_either"),
    Mutant("masked arrays are taken", "judge/calling.py", "isinstance(item, _Masked)", "False", f"{TROUBLE}[masked]"),
    Mutant("no other problem is asked before the first again", "judge/claims.py",
           "    answer(submission, layout, problem._replace(x=-problem.x))\n", "", f"{TROUBLE}[caches activations]"),
    Mutant("no network is as wide as it has examples", "judge/networks.py", "if m > 1:", "if False:",
           "networks::test_some_networks_of_each_depth_are_as_wide_as_they_have_examples"),
    Mutant("no limit of time", "judge/submission.py", "if not ready:", "if False:",
           "isolation::test_what_cannot_be_loaded_is_one_line[hangs while loading]"),
    Mutant("no limit of memory", "judge/worker.py", "    if memory:\n", "    if False:\n",
           "isolation::test_the_limit_of_memory_is_the_one_that_is_given"),
    Mutant("the certificate is of other numbers", "judge/certificate.py", "mine = claim.mine.alone",
           "mine = claim.centre._replace(delta=claim.centre.grad_b).alone", CERTIFIED),
    Mutant("enclosures of nothing", "judge/certificate.py", "outwards * abs(end) * 2.0**-130", "1", CERTIFIED),
    # what is asked, and how it is taken
    Mutant("far targets not asked", "judge/networks.py", 'yield "far", _stack(sizes, inputs, FAR *',
           '_stack(sizes, inputs, FAR *', "diagnosis::test_gradients_that_are_clipped_are_refuted[no δ-5.0]"),
    Mutant("bits not asked", "judge/networks.py", 'yield "bits", _stack(', "_stack(",
           "diagnosis::test_a_slip_on_bits_on_an_empty_example_or_on_one_given_twice_is_refuted"),
    Mutant("no x twice", "judge/networks.py", "if share > 2 else 1", "if False else 1",
           "diagnosis::test_activations_kept_for_an_x_are_not_those_of_other_weights"),
    Mutant("steps may start anywhere in an epoch", "judge/updates.py", "if not _goes_on(", "if False and not _goes_on(",
           "updates::test_steps_that_do_not_go_on_where_the_one_before_ended_are_refuted"),
    Mutant("whatever has a name then points downhill", "judge/diagnosis.py", "and _of_bp1(other) <= _of_bp1(light)", "",
           "diagnosis::test_what_is_right_uphill_on_some_networks_is_not_said_to_point_downhill"),
    Mutant("two programs are two calls from the start", "judge/diagnosis.py", "if not light.wrong or all(",
           "if not light.wrong or any(", "diagnosis::test_gradients_of_two_programs_are_not_accused_of_their_rounding"),
    Mutant("a shown a is σ(z)", "proof/equations.py", "rounding.activation(z, a, e_z, ar) + inputs.absolute",
           "0 * e_a", "diagnosis::test_with_a_of_one_minus_a_and_z_and_a_shown_only_what_is_wrong_is_accused"),
    Mutant("a sum is not looked for again", "judge/diagnosis.py", "other = _summed(_light(",
           "other = (lambda o, _: o)(_light(",
           "diagnosis::test_a_correct_backprop_is_verified_and_its_convention_recognised[no δ, no ½, sum]"),
    Mutant("batches that alone are wrong are left out", "judge/diagnosis.py", "if _wrong([each for _, each in pairs]):",
           "if pairs:", "diagnosis::test_gradients_that_are_clipped_are_refuted[no δ-5.0]"),
    # the proof of every step of a training
    Mutant("quick ratios may be anything", "train/proof.py", "ratio <= 1 - 4 *", "ratio <= 1e6 - 4 *", PROOF),
    Mutant("what is no number is within its bound", "train/proof.py", "/ bound, jnp.nan)", "/ bound, 0.0)", PROOF),
    Mutant("a ratio in another precision", "train/proof.py", "if got.shape != expected.shape or", "if False and",
           PROOF),
    Mutant("steps are judged where they led to", "train/proof.py", "([layer[1:][at]", "([layer[:-1][at]", PROOF),
    Mutant("wrong steps are no error", "train/proof.py", "if wrong := root(findings):", "if wrong := None:", PROOF),
    Mutant("undecided steps are verified", "train/proof.py", "any(f.undecided.any() for f in findings)", "False",
           PROOF),
    Mutant("steps are numbered from their stack", "train/proof.py", "yield first + start, stack", "yield first, stack",
           PROOF),
    Mutant("a step that cannot be judged hides a wrong one", "train/proof.py", "            broken = error  #",
           "            raise  #", PROOF),
    Mutant("calls wait without limit", "train/proof.py", "len(waiting) == AHEAD", "len(waiting) == -1", PROOF),
    Mutant("a gradient of 0 is one too small to be seen", "train/proof.py", "where(g == 0, 0,", "where(g == 0, 1,",
           PROOF),
    Mutant("a gradient too small to be seen is seen", "train/proof.py", "e_g, 2, 1)", "e_g, 2, 2)", PROOF),
    Mutant("steps may begin anywhere", "train/proof.py", "if not np.array_equal(way[0], p):", "if False:", PROOF),
    Mutant("precision of a cost", "train/proof.py", "if cost.dtype != stack.x.dtype:", "if False:", PROOF),
    Mutant("precision of gradients", "train/proof.py", "list(theorem.other_dtypes(stack, claim))", "[]", PROOF),
    Mutant("the cost of a step", "train/proof.py", 'yield compare("C"', 'compare("C"', PROOF),
    Mutant("the update of a step", "train/proof.py", 'yield compare("update"', 'compare("update"', PROOF),
    Mutant("uphill", "train/proof.py", "p - eta * g, bound", "p + eta * g, bound", PROOF),
    Mutant("a step too small to see is seen", "train/proof.py", "where(sound & seen,", "where(sound,", PROOF),
    Mutant("a step that may overflow is sound", "train/proof.py", "where(sound & seen,", "where(seen,", PROOF),
    Mutant("updates' bounds 10⁶ times as wide", "train/proof.py", "bound = 2 * ar.u * (abs(p)",
           "bound = 2e6 * ar.u * (abs(p)", PROOF),
    Mutant("updates without a bound", "train/proof.py", "bound = 2 * ar.u * (abs(p)", "bound = 0 * ar.u * (abs(p)",
           PROOF),
    Mutant("autodiff's bounds 10⁶ times as wide", "train/proof.py", "= 2 * e_b, 2 * e_w", "= 2e6 * e_b, 2e6 * e_w",
           PROOF),
    Mutant("autodiff's steps held to the bounds of those by hand", "train/proof.py", 'if backend == "reference":',
           "if False:", PROOF),
    Mutant("steps by hand held to the bounds of autodiff's", "train/proof.py", 'if backend == "reference":', "if True:",
           PROOF),
    Mutant("other inputs than those given", "train/proof.py", "np.where(same, worst", "np.where(True, worst", PROOF),
    Mutant("a group is judged by its first step", "train/proof.py", "np.asarray(ratios).max(axis=1)",
           "np.asarray(ratios)[:, :, :1].max(axis=1).repeat(ratios.shape[2], axis=1)", PROOF),
    # the steps by hand that are recorded
    Mutant("recordings are not tried", "recording.py", "TRIALS = 2", "TRIALS = 0", RECORDED),
    Mutant("recordings are always trusted", "recording.py", "return repeat if same else", "return repeat if True else",
           RECORDED),
    Mutant("decisions are recorded", "recording.py", "__bool__ = __float__", "__float__", RECORDED),
    Mutant("trials leave their numbers behind", "recording.py", "array[...] = value", "pass", RECORDED),
    Mutant("a trajectory is one step behind", "train/by_hand.py", "            if row:", "            if row > 1:",
           PROOF),
    Mutant("a piece is one step behind", "train/by_hand.py", "            if row:", "            if row or first:",
           PROOF),
    Mutant("a piece begins where the one before began", "train/loop.py", "np.asarray(way)[-1]", "np.asarray(way)[0]",
           PROOF),
    Mutant("an aligned array begins anywhere", "train/alignment.py", "-room.ctypes.data % LINE", "4",
           "train/alignment"),
)  # fmt: skip


def fails(changed: Mutant | None, *what: str) -> bool:
    """Whether these tests fail on a copy of the tree with this change; RuntimeError where they cannot tell."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source, copy = ROOT / name, Path(folder, name)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        if changed is not None:
            path = Path(folder, "gradproof", changed.file)
            path.write_text(path.read_text("utf8").replace(changed.old, changed.new), "utf8")
        plain = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support=True"  # tests by names with σ
        line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-o", plain, *what]
        environment = os.environ | {"PYTHONPATH": folder, "JAX_COMPILATION_CACHE_DIR": str(ROOT / ".jax_cache")}
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, timeout=LONGEST)
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"pytest {' '.join(what)[:200]} ends with exit code {done.returncode}:\n{done.stdout[-2000:]}{done.stderr}"
        )
    if done.returncode and changed is None:
        print(done.stdout[-3000:], file=sys.stderr)
    return bool(done.returncode)


def tried(mutants: Sequence[Mutant], by: Callable[[Mutant], str]) -> tuple[list[Mutant], list[Mutant]]:
    """Those that these tests do not notice, and those of which they cannot tell; RuntimeError if they are not green."""
    if fails(None, *sorted({by(mutant) for mutant in mutants})):
        raise RuntimeError("the tests are not green as they are")
    unnoticed, broken, since = [], [], time.monotonic()
    for number, mutant in enumerate(mutants, start=1):
        try:
            killed = fails(mutant, by(mutant))
            said = "killed" if killed else f"not noticed by {by(mutant)}"
            unnoticed += [mutant] * (not killed)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            said = f"not judged: {error}"
            broken.append(mutant)
        after = f"{time.monotonic() - since:.0f} s"
        print(f"{number} of {len(mutants)}, {after}: {mutant.what} is {said}", file=sys.stderr, flush=True)
    return unnoticed, broken


def stale() -> list[str]:
    """The mutants whose place is not there, or not only once."""
    texts = {m.file: (ROOT / "gradproof" / m.file).read_text("utf8") for m in MUTANTS}
    return [f"{m.what}: {m.old!r} in {m.file}" for m in MUTANTS if texts[m.file].count(m.old) != 1]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants with this word")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.what]
    if lost := stale():
        print("not exactly once there:", *lost, sep="\n", file=sys.stderr)
        return 2
    try:
        alive, broken = tried(chosen, lambda mutant: mutant.path)
        if alive:
            alive, more = tried(alive, lambda mutant: mutant.folder)
            broken += more
    except RuntimeError as error:
        print(error, file=sys.stderr)
        return 2
    count = len(chosen) - len(alive) - len(broken)
    left = {"survivors": [mutant.what for mutant in alive], "not judged": [mutant.what for mutant in broken]}
    document = {"mutants": len(chosen), "killed": count} | left
    print(
        json.dumps(document, ensure_ascii=False)
        if options.json
        else "\n".join(f"{k}: {v}" for k, v in document.items())
    )
    return 2 if broken else bool(alive)


if __name__ == "__main__":
    sys.exit(main())
