"""How often a mistake is caught, placed and named, and how often a correct backprop is accused.

    python benchmarks/diagnosis.py [--nets 100] [--conventions 1000] [--pairs] [--every 1] [--seed 0] [--json]

Every wrong backprop of tests/judge/catalogue.py on --nets networks of five regimes and four depths; with --pairs all
pairs of two in different equations, or every --every-th; every correct one of the catalogue on --conventions networks.
"""

import argparse
import json
import sys
from itertools import combinations
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import gradproof
from gradproof.judge.claims import stacks
from tests.judge.catalogue import FORWARD, RIGHT_ONES, UNSEEN, WRONG, backprop


def single(nets: int, seed: int) -> dict[str, object]:
    """Each mistake alone: caught, in the right equation only, named as it should be (or not named)."""
    caught, placed, named, namable, misnamed, missed = 0, 0, 0, 0, 0, []
    for name, (rules, equation, word) in WRONG.items():
        judged = gradproof.check(backprop(**rules), networks=nets, seed=seed)
        here = {fault.fault.equation for fault in judged.faults} == {equation}
        caught += judged.verdict == "refuted"
        placed += here
        right = bool(judged.faults) and all(
            len(fault.names) == 1 and word in fault.names[0].name if word else not fault.names
            for fault in judged.faults
        )
        namable += word is not None
        misnamed += word is None and any(fault.names for fault in judged.faults)
        named += right and word is not None
        if not (here and right):
            missed.append([name, [(f.fault.equation, f.fault.layer, [m.name for m in f.names]) for f in judged.faults]])
    first = {name: entry[:2] for name, entry in (FORWARD | UNSEEN).items()}
    for name, (submission, place) in first.items():
        judged = gradproof.check(submission, networks=nets, seed=seed)
        caught += judged.verdict == "refuted"
        kinds = [fault.fault.equation for fault in judged.faults] + [trouble.kind for trouble in judged.troubles]
        here = kinds[:1] == [place]
        placed += here
        if not here:
            missed.append([name, []])
    return {
        "mistakes": len(WRONG) + len(first), "caught": caught, "placed": placed,
        "with a name": namable, "named": named, "named_though_not_listed": misnamed, "missed": missed,
    }  # fmt: skip


ONE_CONVENTION = {"bias gradient summed", "weight gradient summed"}  # together no mistake: gradients of the sum


def hidden(first, second) -> bool:
    """Whether the second cannot be seen beside the first: the answers are those of the first alone, bit for bit."""
    both, alone = backprop(**first, **second), backprop(**first)
    for _, stack in stacks(20, 0):
        problem = stack.alone(0)
        try:
            answers = [[array for part in each(*problem) for array in part] for each in (both, alone)]
        except ValueError:  # shapes that do not fit show it
            return False
        if not all(np.array_equal(*arrays) for arrays in zip(*answers, strict=True)):
            return False
    return True


def pairs(nets: int, seed: int, every: int) -> dict[str, object]:
    """Two mistakes in different equations at once: caught, and both equations found."""
    caught, both, tried, missed = 0, 0, 0, []
    different = [
        pair
        for pair in combinations(WRONG.items(), 2)
        if pair[0][1][1] != pair[1][1][1] and {pair[0][0], pair[1][0]} != ONE_CONVENTION
    ]
    every_pair = len(different)
    different = [pair for pair in different if not hidden(pair[0][1][0], pair[1][1][0])]
    for (one, first), (other, second) in different[::every]:
        judged = gradproof.check(backprop(**first[0], **second[0]), networks=nets, seed=seed)
        found = {fault.fault.equation for fault in judged.faults}
        tried += 1
        caught += judged.verdict == "refuted"
        both += found == {first[1], second[1]}
        if found != {first[1], second[1]}:
            missed.append([one, other, sorted(found)])
        print(f"\r{tried} pairs", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        "pairs": every_pair,
        "where both can be seen": len(different),
        "tried": tried,
        "caught": caught,
        "both_placed": both,
        "missed": missed[:20],
    }


def conventions(nets: int, seed: int) -> dict[str, object]:
    """Correct backprops: how many are verified, how many accused."""
    judge = gradproof.check
    verdicts = {name: str(judge(fn, networks=nets, seed=seed).verdict) for name, (fn, _) in RIGHT_ONES.items()}
    return {
        "correct": len(verdicts), "networks_each": nets, "accused": sum(v == "refuted" for v in verdicts.values()),
        "verified": sum(v == "verified" for v in verdicts.values()),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=100)
    parser.add_argument("--conventions", type=int, default=1000)
    parser.add_argument("--pairs", action="store_true", help="all pairs too, on 20 networks each: half an hour")
    parser.add_argument("--every", type=int, default=1, help="of the pairs, only every so many-th")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    document = {"single": single(options.nets, options.seed), "right": conventions(options.conventions, options.seed)}
    if options.pairs:
        document["pairs"] = pairs(20, options.seed, options.every)
    if options.json:
        print(json.dumps(document, ensure_ascii=False))
    else:
        for key, value in document.items():
            print(f"{key}: {value}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
