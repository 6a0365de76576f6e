"""Is the judge tested? Each change of it – bounds loosened, residuals dropped, verdicts swapped – must turn tests red.

    python benchmarks/mutants_of_the_judge.py [--only WORD] [--json]          (the second half of make mutants)

The tree is copied, and the tests must be green there without a change, or red would mean nothing. Then one place in the
syntax tree of gradproof/ is changed at a time (mutation.py), and the test that should notice it is run. At last, for
changes that it does not notice, all tests of its folder are run, which must be green as well. A change that no test
notices survives and is printed. A change is killed if it makes a test fail (pytest's exit code 1). A run that breaks
off otherwise, or a place that is no longer there, is an error of this list and ends it with exit code 2.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.mutation import Change, LostError, always, drop, empty, mutated, never, rewrite

ROOT = Path(__file__).parents[1]
COPIED = ("gradproof", "handcrafted", "reference", "tests", "docs", "pyproject.toml", "README.md")
ALL = "tests/judge"
LONGEST = 1800  # seconds for a run of pytest, so that none hangs

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
# Loops in which one word is changed
NAMING = "for A, B in _networks(*R):\n C += 1\n D = [E for E in D if {}]\n if not D:\n  F"
PIECES = "for A in range(0, *R):\n D\n for E in range(F):\n  if {}:\n   next(*S)\n  G\n H"
CERTIFIED = "certificate::test_the_certificate_of_a_correct_backprop_holds[ours]"


class Mutant(NamedTuple):
    what: str
    where: str  # FILE of gradproof/, or FILE::FUNCTION, FILE::CLASS.METHOD
    change: Change
    test: str  # that should notice it: FILE::TEST of tests/judge/test_FILE.py, or all tests of FOLDER/FILE in tests/

    @property
    def file(self) -> str:
        return self.where.partition("::")[0]

    def made(self, source: str) -> str:
        """Return the file's source with the change; raise LostError if its place is not there."""
        return mutated(source, self.where.partition("::")[2], self.change)

    @property
    def path(self) -> str:
        file, colons, test = self.test.partition("::")
        return f"{self.folder}/test_{Path(file).name}.py{colons}{test}"

    @property
    def folder(self) -> str:
        return f"tests/{Path(self.test).parent}" if "/" in self.test.partition("::")[0] else ALL


MUTANTS = (
    # bounds loosened or tightened
    Mutant("stage bounds 10⁶ times as wide", "proof/equations.py::compared",
           rewrite("2 * widening(A)", "2e6 * widening(A)"), f"{NAMED}[weight gradient off by 1e-12]"),
    Mutant("stage bounds a hundredth", "proof/equations.py::compared",
           rewrite("2 * widening(A)", "0.02 * widening(A)"), f"{CORRECT}[ours]"),
    Mutant("formulas' bounds 10⁶ times as wide", "judge/float64/naming.py::_explains",
           rewrite("2 * A.radius", "2e6 * A.radius + 1"), f"{NAMED}[absolute error]"),
    Mutant("formulas without a bound", "judge/float64/naming.py::_explains", rewrite("2 * A.radius", "0 * A.radius"),
           f"{NAMED}[y forgotten]"),
    Mutant("any number explains a family", "judge/float64/families.py::_number", never("not A <= B"), ONE_NUMBER),
    Mutant("families without a bound", "judge/float64/families.py::_interval", rewrite("A / B + C", "0 * A / B + C"),
           ONE_NUMBER),
    Mutant("0 is a number of a family", "judge/float64/families.py::_number", rewrite("A < 2 or B <= 0 <= C", "A < 2"),
           ONE_NUMBER),
    Mutant("steps' bounds 10¹⁵ times as wide", "judge/float64/updates.py::_explains",
           rewrite("A <= 2 * B", "A <= 2e15 * B"), f"{DESCENT}[not divided]"),
    Mutant("steps without a bound", "judge/float64/updates.py::_explains", rewrite("A <= 2 * B", "A <= 0 * B"),
           "updates::test_a_right_descent_is_verified_with_and_without_sgd_and_uphill_of_a_downhill_gradient"),
    Mutant("the cost's rounding forgotten", "judge/float64/costs.py::Cost.undone", always("A._exact(B)"),
           "costs::test_delta_is_within_its_radius_of_what_it_was_before_the_factor"),
    Mutant("two calls are one", "judge/float64/claims.py::inputs_of", drop("if A.two_calls:\n B"), f"{CORRECT}[no δ]"),
    Mutant("σ by tanh is not allowed for", "judge/float64/claims.py::_absolute", never("A is Sigma.TANH"),
           f"{CORRECT}[σ by tanh]"),
    # residuals dropped
    Mutant("BP1 not compared", "proof/equations.py::compared", rewrite("A = 'BP1'", "continue"),
           f"{NAMED}[y forgotten]"),
    Mutant("BP3 not compared", "proof/equations.py::compared", drop("yield A('BP3', *R)"), f"{NAMED}[bias sign]"),
    Mutant("z and a not compared", "judge/float64/claims.py::judged",
           never("A.showed_forward"), f"{SHOWN}[bias forgotten]"),
    Mutant("slips before the first equation not tried", "judge/float64/diagnosis.py::_slips",
           rewrite("list(other_problems.SLIPS)", "[]"), f"{UNSEEN}[bias forgotten]"),
    Mutant("integers not tried", "judge/float64/probes.py::troubles", drop("yield from _whole(*R)"),
           "diagnosis::test_integers_that_cut_decimals_are_found"),
    Mutant("overflow not tried", "judge/float64/probes.py::troubles", drop("yield from _large(*R)"),
           "diagnosis::test_a_sigma_that_overflows_is_found_and_one_that_only_warns_is_not"),
    Mutant("descent not watched", "judge/float64/diagnosis.py::judgement",
           never("A.kind.updates"), f"{DESCENT}[it climbs]"),
    Mutant("mini-batches not compared", "judge/float64/updates.py::judged", rewrite("_data(*R)", "None"),
           f"{DESCENT}[shuffled apart]"),
    Mutant("biases of a step not compared", "judge/float64/updates.py::judged", rewrite("'wb'", "'w'"),
           f"{DESCENT}[biases not divided]"),
    Mutant("changed inputs not noticed", "judge/isolation/calls.py::unchanged", never("A.tobytes() != B"),
           f"{TROUBLE}[changes w]"),
    Mutant("other arrays in its lists not noticed", "judge/isolation/calls.py::_in_order",
           never("len(A) != len(B) or any(*R)"), f"{TROUBLE}[rebinds w]"),
    Mutant("random numbers are others in every run", "judge/isolation/worker.py::seeded", empty(),
           "chance::test_code_that_draws_random_numbers_is_judged_alike_in_every_run[a wrong shuffle]"),
    Mutant("random numbers are the same in each call", "judge/isolation/worker.py::main",
           rewrite("seeded(A)", "seeded(0)", 1),
           "chance::test_code_that_draws_random_numbers_draws_others_in_each_call"),
    Mutant("the declared sum is forgotten in the descent", "judge/float64/diagnosis.py::judgement", never("'sum' in A"),
           "updates::test_with_the_sum_declared_a_step_along_the_sum_is_right_and_one_along_the_mean_is_not"),
    Mutant("moved parameters not noticed", "judge/isolation/calls.py::_with_its_own",
           never("A is not None and _values(*R) != B"),
           "updates::test_a_backprop_that_moves_the_networks_own_parameters_is_blamed_and_not_the_update"),
    Mutant("aliases not noticed", "judge/isolation/calls.py::_own_memory",
           rewrite("A < B or A >= C", "A >= C"), f"{TROUBLE}[aliased]"),
    Mutant("views of inputs not noticed", "judge/isolation/calls.py::_own_memory",
           rewrite("A < B or A >= C", "A < B"), f"{TROUBLE}[a view of x]"),
    Mutant("second answers not asked for", "judge/float64/questions.py::Questions.first", drop("_repeats(*R)"),
           f"{TROUBLE}[remembers]"),
    Mutant("dtypes not compared", "judge/float64/answers.py::_fits",
           never("A.dtype != B.x.dtype"), f"{TROUBLE}[float16]"),
    # verdicts swapped
    Mutant("refuted is verified", "judge/float64/diagnosis.py::judgement",
           rewrite("Verdict.REFUTED if A else B", "Verdict.VERIFIED if A else B"), f"{DESCENT}[it climbs]"),
    Mutant("a hang is verified", "judge/float64/diagnosis.py::judgement",
           rewrite("A(Verdict.REFUTED, [], [], *R)", "A(Verdict.VERIFIED, [], [], *R)"),
           f"{ACCIDENT}[hangs]"),
    Mutant("a declared convention is not required", "judge/float64/interpretation.py::_in_the_best_light",
           never("A is not None"), "diagnosis::test_with_ours_declared_every_other_convention_is_a_fault[sum]"),
    Mutant("a sum is never a convention", "judge/float64/interpretation.py::_summed",
           never("A.equations >= {'BP3', 'BP4'}"), f"{CORRECT}[sum]"),
    Mutant("a sum always is", "judge/float64/interpretation.py::_summed", never("A.equations & {'BP3', 'BP4'}"),
           "diagnosis::test_a_psum_on_top_of_the_sum_that_jax_grad_makes_is_refuted_and_named[3]"),
    Mutant("downhill is never a convention", "judge/float64/interpretation.py::_in_the_best_light",
           never("_name_of_bp1(A) and not _name_of_bp1(B) and C"), f"{WILD}[jiexunsee]"),
    Mutant("points for wrong equations", "judge/report.py::Judgement.points", rewrite("A not in B and C", "C"), GRADE),
    # layers shifted
    Mutant("names of the layer below", "judge/float64/naming.py::_networks",
           rewrite("A.layer", "max(1, A.layer - 1)"), f"{NAMED}[hidden sign]"),
    Mutant("values of the layer below", "judge/float64/naming.py::_made", rewrite("A.layer - 1", "A.layer - 2"),
           f"{NAMED}[bias sign]"),
    Mutant("BP2 takes σ′ of the layer above", "judge/float64/claims.py::expected_of",
           rewrite("witness.delta(A, B, C)", "witness.delta(A, min(B + 1, len(A.weights)), C)"), f"{CORRECT}[ours]"),
    # naming rules loosened
    Mutant("one network is enough for a name", "judge/float64/naming.py::names_of",
           rewrite(NAMING.format("_explains(E, A, B)"), NAMING.format("C > 1 or _explains(E, A, B)")),
           f"{NAMED}[absolute error]"),
    Mutant("networks that hide a slip are not asked for its name", "judge/float64/naming.py::names_of",
           never("not A.inferred"), "isolation::test_a_slip_on_some_mini_batches_alone_is_placed_and_has_no_name"),
    Mutant("every formula fits", "judge/float64/naming.py::_explains", always("A.shape == B.shape and C"),
           f"{NAMED}[absolute error]"),
    Mutant("another equation's formulas", "judge/float64/naming.py::names_of",
           rewrite("A.equation == B.equation", "A.equation != B.equation"), f"{NAMED}[bias sign]"),
    # conventions and counterexamples
    Mutant("rows are not recognised", "judge/float64/layouts.py::_candidates",
           rewrite("product(A, (False, True), *R)", "product(A, (False,), *R)"), f"{CORRECT}[rows]"),
    Mutant("any depth is taken for all", "judge/float64/layouts.py::_of_one_depth",
           rewrite("return A._replace(depth=B)", "return A"), f"{WILD}[make_your_own]"),
    Mutant("the largest network first", "judge/float64/counterexample.py::_round_problems",
           rewrite("ROUND", "ROUND[::-1]"),
           SMALL),
    Mutant("the counterexample shows another equation", "judge/float64/counterexample.py::smallest",
           rewrite("A.equation == B.equation", "A.equation != B.equation"), SMALL),
    Mutant("a grade tells the answer", "judge/report.py::lines", rewrite("_lines(A, B, C)", "_lines(A, B, False)"),
           GRADE),
    Mutant("what is wrong where little can be told is left out", "judge/float64/diagnosis.py::judgement",
           rewrite("summary(A.judged)", "summary(A.telling(A.judged))"),
           "diagnosis::test_what_is_wrong_on_saturated_networks_alone_is_refuted_in_code_that_tells_little_there"),
    Mutant("real digits not asked", "judge/float64/questions.py::Questions.first", drop("A += networks.larger(*R)"),
           "diagnosis::test_real_digits_and_a_wider_network_are_among_what_is_judged"),
    Mutant("points for what cannot be told", "judge/report.py::Judgement.points",
           rewrite("A | set(B.undecided)", "A"),
           "diagnosis::test_an_equation_of_which_nothing_can_be_told_scores_no_point"),
    Mutant("a psum is taken for a factor of the cost", "judge/float64/diagnosis.py::judgement",
           rewrite("A.cost.doubts(*R)", "0 * A.cost.doubts(*R)"),
           "diagnosis::test_without_delta_a_psum_and_a_factor_of_the_cost_cannot_be_told_apart_and_both_are_said[4]"),
    Mutant("the counterexample is in our convention", "judge/float64/counterexample.py::_shown",
           rewrite("A * B.times(*R)", "A"),
           "submission::test_the_script_speaks_in_the_conventions_of_the_code_and_its_words_are_its_numbers"),
    Mutant("other sessions are left behind", "judge/isolation/supervisor.py::main",
           drop("_linux(PR_SET_CHILD_SUBREAPER, 1)"),
           "isolation::test_a_session_of_its_own_is_not_left_behind_either"),
    Mutant("masked arrays are taken", "judge/isolation/calls.py::lists",
           never("isinstance(A, _Masked)"), f"{TROUBLE}[masked]"),
    Mutant("no other problem is asked before the first again", "judge/float64/questions.py::_repeats",
           drop("answer(*R)"),
           f"{TROUBLE}[caches activations]"),
    Mutant("no network is as wide as it has examples", "judge/float64/networks.py::stacks", never("A > 1"),
           "networks::test_some_networks_of_each_depth_are_as_wide_as_they_have_examples"),
    Mutant("no limit of time", "judge/isolation/sandbox.py::Sandbox.read", drop("if not A:\n raise TimeoutError"),
           "isolation::test_what_cannot_be_loaded_is_one_line[hangs while loading]"),
    Mutant("no limit of memory", "judge/isolation/worker.py::limit_memory",
           drop("resource.setrlimit(resource.RLIMIT_AS, A)"),
           "isolation::test_the_limit_of_memory_is_the_one_that_is_given"),
    Mutant("the certificate is of other numbers", "judge/float64/certificate.py::sample",
           rewrite("A.mine.of_network(*R)", "A.centre._replace(delta=A.centre.grad_b).of_network(*R)"), CERTIFIED),
    Mutant("enclosures of nothing", "judge/float64/certificate.py::_decimal",
           rewrite("A * abs(B) * C", "1"), CERTIFIED),
    # the questions, and how the answers are read
    Mutant("far targets not asked", "judge/float64/networks.py::larger", drop("yield ('far', A)"),
           "diagnosis::test_gradients_that_are_clipped_are_refuted[no δ-5.0]"),
    Mutant("bits not asked", "judge/float64/networks.py::larger", drop("yield ('bits', A)"),
           "diagnosis::test_a_slip_on_bits_on_an_empty_example_or_on_one_given_twice_is_refuted"),
    Mutant("no x twice", "judge/float64/networks.py::stacks", never("A > 2"),
           "diagnosis::test_activations_kept_for_an_x_are_not_those_of_other_weights"),
    Mutant("steps may start anywhere in an epoch", "judge/float64/updates.py::judged", never("not _goes_on(*R)"),
           "updates::test_steps_that_do_not_go_on_where_the_one_before_ended_are_refuted"),
    Mutant("whatever has a name then points downhill", "judge/float64/interpretation.py::_in_the_best_light",
           always("_of_bp1(A) <= _of_bp1(B)"),
           "diagnosis::test_what_is_right_uphill_on_some_networks_is_not_said_to_point_downhill"),
    Mutant("two programs are two calls from the start", "judge/float64/interpretation.py::chosen",
           rewrite("all(*R)", "any(*R)"),
           "diagnosis::test_gradients_of_two_programs_are_not_accused_of_their_rounding"),
    Mutant("a shown a is σ(z)", "proof/equations.py::slope_of",
           rewrite("rounding.activation(*R) + A.absolute", "0.0"),
           "diagnosis::test_with_a_of_one_minus_a_and_z_and_a_shown_only_what_is_wrong_is_accused"),
    Mutant("a later stack does not change how it is read", "judge/float64/diagnosis.py::_read",
           rewrite("chosen(A, B)", "chosen(A[:24], B)"),
           "memory::test_a_form_of_sigma_that_shows_in_a_later_stack_is_recognised_not_accused"),
    Mutant("a sum is not looked for again", "judge/float64/interpretation.py::_in_the_best_light",
           rewrite("_summed(light_of(*R), A)", "light_of(*R)"),
           "diagnosis::test_a_correct_backprop_is_verified_and_its_convention_recognised[no δ, no ½, sum]"),
    Mutant("batches that alone are wrong are left out", "judge/float64/interpretation.py::light_of",
           rewrite("any_wrong([A for B, A in C])", "C"),
           "diagnosis::test_gradients_that_are_clipped_are_refuted[no δ-5.0]"),
    # the proof of every step of a training
    Mutant("quick ratios may be anything", "train/proof.py::_part", rewrite("A <= 1 - 4 * B", "A <= 1e6 - 4 * B"),
           PROOF),
    Mutant("what is no number is within its bound", "train/proof.py::_quickly", rewrite("A.where(B, C, A.nan)",
           "A.where(B, C, 0.0)"), PROOF),
    Mutant("a ratio in another precision", "train/proof.py::_quickly",
           never("A.shape != B.shape or A.dtype != B.dtype"), PROOF),
    Mutant("steps are judged where they led to", "train/proof.py::_stacks", rewrite("A[1:][B]", "A[:-1][B]"), PROOF),
    Mutant("wrong steps are no error", "train/proof.py::_part", rewrite("root(A)", "None"), PROOF),
    Mutant("undecided steps are verified", "train/proof.py::_part",
           rewrite("[A for A in B if A.undecided.any()]", "[]"), PROOF),
    Mutant("steps are numbered from their stack", "train/proof.py::_stacks",
           rewrite("yield (A + B, C, D, E)", "yield (A, C, D, E)"), PROOF),
    Mutant("a step that cannot be judged hides a wrong one", "train/proof.py::judged",
           rewrite("try:\n A\nexcept BrokenError as E:\n B = E", "try:\n A\nexcept BrokenError as E:\n raise"), PROOF),
    Mutant("calls wait without limit", "train/proof.py::judged", never("len(A) == AHEAD"), PROOF),
    Mutant("a gradient of 0 is one too small to be seen", "train/proof.py::_compared",
           rewrite("A.where(B == 0, 0, C)", "A.where(B == 0, 1, C)"), PROOF),
    Mutant("a gradient too small to be seen is seen", "train/proof.py::_compared",
           rewrite("A.where(B, 2, 1)", "A.where(B, 2, 2)"), PROOF),
    Mutant("steps may begin anywhere", "train/proof.py::starting_at", never("not np.array_equal(*R)"), PROOF),
    Mutant("precision of a cost", "train/proof.py::exactly", never("A.dtype != B.x.dtype"), PROOF),
    Mutant("precision of gradients", "train/proof.py::exactly", rewrite("theorem.other_dtypes(*R)", "[]"), PROOF),
    Mutant("the cost of a step", "train/proof.py::_compared", drop("yield A('C', *R)"), PROOF),
    Mutant("the update of a step", "train/proof.py::_compared", drop("yield A('update', *R)"), PROOF),
    Mutant("uphill", "train/proof.py::_compared", rewrite("A - B * C", "A + B * C"), PROOF),
    Mutant("a step too small to see is seen", "train/proof.py::_compared",
           rewrite("A.where(B & C, D, np.inf)", "A.where(B, D, np.inf)"), PROOF),
    Mutant("a step that may overflow is sound", "train/proof.py::_compared",
           rewrite("A.where(B & C, D, np.inf)", "A.where(C, D, np.inf)"), PROOF),
    Mutant("updates' bounds 10⁶ times as wide", "train/proof.py::_compared",
           rewrite("2 * A.u * B", "2e6 * A.u * B"), PROOF),
    Mutant("updates without a bound", "train/proof.py::_compared", rewrite("2 * A.u * B", "0 * A.u * B"), PROOF),
    Mutant("autodiff's bounds 10⁶ times as wide", "train/proof.py::_compared",
           rewrite("A = (2 * B, 2 * C)", "A = (2e6 * B, 2e6 * C)"), PROOF),
    Mutant("autodiff's steps held to the bounds of those by hand", "train/proof.py::_compared",
           never("A == 'reference'"), PROOF),
    Mutant("steps by hand held to the bounds of autodiff's", "train/proof.py::_compared", always("A == 'reference'"),
           PROOF),
    Mutant("other inputs than those given", "train/proof.py::_worst",
           rewrite("np.where(A, B, np.nan)", "np.where(True, B, np.nan)"), PROOF),
    Mutant("a group is judged by its first step", "train/proof.py::_worst",
           rewrite("np.asarray(A).max(axis=1)", "np.asarray(A)[:, :, :1].max(axis=1).repeat(A.shape[2], axis=1)"),
           PROOF),
    # the steps by hand that are recorded
    Mutant("recordings are not tried", "recording.py", rewrite("TRIALS = 2", "TRIALS = 0"), RECORDED),
    Mutant("recordings are always trusted", "recording.py::repeated", rewrite("return A if B else C", "return A"),
           RECORDED),
    Mutant("decisions are recorded", "recording.py::_watched.Recorded",
           rewrite("__bool__", "__unused__"), RECORDED),
    Mutant("trials leave their numbers behind", "recording.py::repeated", drop("A[...] = B"), RECORDED),
    Mutant("a trajectory is one step behind", "train/handcrafted_descent.py::trajectories",
           rewrite(PIECES.format("E"), PIECES.format("E > 1")), PROOF),
    Mutant("a piece is one step behind", "train/handcrafted_descent.py::trajectories",
           rewrite(PIECES.format("E"), PIECES.format("E or A")), PROOF),
    Mutant("a piece begins where the one before began", "train/steps.py::Steps._pieces",
           rewrite("np.asarray(A)[-1]", "np.asarray(A)[0]"), PROOF),
    Mutant("an aligned array begins anywhere", "train/alignment.py::empty", rewrite("-A.ctypes.data % LINE", "4"),
           "train/alignment"),
)  # fmt: skip


def fails(changed: Mutant | None, *what: str) -> bool:
    """Whether these tests fail on a copy of the tree with this change; raise RuntimeError if pytest breaks off."""
    with tempfile.TemporaryDirectory() as folder:
        for name in COPIED:
            source, copy = ROOT / name, Path(folder, name)
            if source.is_dir():
                shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, copy)
        if changed is not None:
            path = Path(folder, "gradproof", changed.file)
            path.write_text(changed.made(path.read_text("utf8")), "utf8")
        plain = "disable_test_id_escaping_and_forfeit_all_rights_to_community_support=True"  # for test names with σ
        line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--every-case", "-o", plain]
        line += what
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
    """Return the mutants that go unnoticed and those that cannot be judged; raise RuntimeError if the tests are red."""
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


def lost(mutant: Mutant) -> str:
    """Return why its place cannot be found, or "" if it is there once."""
    try:
        mutant.made((ROOT / "gradproof" / mutant.file).read_text("utf8"))
    except (LostError, OSError) as error:
        return f"{mutant.what}: {mutant.where}: {error}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="mutants with this word")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.what]
    if said := [why for mutant in MUTANTS if (why := lost(mutant))]:
        print("these places are not there once:", *said, sep="\n", file=sys.stderr)
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
