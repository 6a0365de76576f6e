"""Measure how often a mistake is caught, placed and named, and how often a correct backprop is accused.

    python benchmarks/diagnosis.py [--nets 100] [--conventions 1000] [--pairs] [--every 1] [--processes 1] [--json]

Every wrong backprop of tests/judge is judged on --nets networks of five regimes and four depths, and listed by the rows
of tests/judge/rows. With --pairs, so are all pairs of two in different equations, or every --every-th of them. Every
correct one is judged on --conventions networks.

A mistake is placed if exactly those equations and layers are refuted in which the wrong rule gives other numbers than
the right one from the same inputs, on these networks. What gives the same numbers, such as a factor of a δ that is 0,
cannot be seen and is set aside. The exit code is 1 if a target is missed: caught and placed 100 %, named 98 %, pairs
caught 100 % and placed 99 %, no correct one accused, nothing named that is not listed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import combinations
from multiprocessing import get_context
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import gradproof
from gradproof.judge.float64 import networks
from tests.judge.catalogue import RIGHT_ONES, WRONG, backprop, places
from tests.judge.rows import ROWS, cases

PAIR_NETS = 20
ONE_CONVENTION = {"bias gradient summed", "weight gradient summed"}  # together not a mistake, but gradients of the sum


def problems(nets: int, seed: int) -> Iterator[Any]:
    """Yield the networks that the judge sees."""
    for _, stack in [*networks.stacks(nets, seed), *networks.larger(seed)]:
        yield from (stack.of_network(network) for network in range(len(stack.x)))


def found(judged: Any) -> set[tuple[str, int]]:
    return {(named.fault.equation, named.fault.layer) for named in judged.faults}


def one(key: tuple[str, str], nets: int, seed: int) -> dict[str, Any]:
    """Judge one mistake: is it caught, found in the right place only, and named as it should be, or not named?"""
    case = cases()[key]
    judged = case.judged(nets, seed)
    kinds = {trouble.kind for trouble in judged.troubles} | {equation for equation, _ in found(judged)}
    if case.rules is not None:
        placed = found(judged) == places(case.rules, problems(nets, seed))
        names = [[mistake.name for mistake in named.names] for named in judged.faults]
        named = all(len(name) == 1 and case.word in name[0] if case.word else not name for name in names)
    else:
        placed, named = case.kinds <= kinds, case.word is not None and case.word in str(judged)
    return {
        "table": key[0], "name": key[1], "caught": judged.verdict == "refuted", "placed": placed,
        "has a name": case.word is not None, "named as it should be": named, "found": sorted(map(list, found(judged))),
    }  # fmt: skip


def pair(names: tuple[str, str], nets: int, seed: int) -> dict[str, Any] | None:
    """Judge two mistakes at once: are they caught, and both placed? None if only one of them can be seen."""
    rules, equations = WRONG[names[0]][0] | WRONG[names[1]][0], {WRONG[name][1] for name in names}
    expected = places(rules, problems(nets, seed))
    if {equation for equation, _ in expected} != equations:
        return None
    judged = gradproof.check(backprop(**rules), networks=nets, seed=seed)
    return {
        "pair": names, "caught": judged.verdict == "refuted", "placed": found(judged) == expected,
        "found": sorted(map(list, found(judged))), "expected": sorted(map(list, expected)),
    }  # fmt: skip


def right(name: str, nets: int, seed: int) -> tuple[str, str]:
    """Return the name of a correct backprop and its verdict."""
    return name, str(gradproof.check(RIGHT_ONES[name][0], networks=nets, seed=seed).verdict)


def all_of(function: Callable[..., Any], keys: Iterable[Any], nets: int, seed: int, processes: int) -> list[Any]:
    """Return function(key, nets, seed) for each key, and print how many are done."""
    results, keys = [], list(keys)
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        for result in pool.map(function, keys, [nets] * len(keys), [seed] * len(keys), chunksize=4):
            results.append(result)
            print(f"\r{len(results)} of {len(keys)} {function.__name__}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return results


def singles(results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the table: each row with its entries, and the sums over all entries, including those in no row."""
    of = {(result["table"], result["name"]): result for result in results}
    rows = [
        {"row": number, "mistake": said, "entries": [of[entry] for entry in entries]}
        for number, (said, entries) in ROWS.items()
    ]
    namable = [result for result in results if result["has a name"]]
    return {
        "rows": rows, "mistakes": len(results), "caught": sum(r["caught"] for r in results),
        "placed": sum(r["placed"] for r in results), "with a name": len(namable),
        "named": sum(r["named as it should be"] for r in namable),
        "named though not listed": sum(not r["named as it should be"] for r in results if not r["has a name"]),
        "missed": [r for r in results if not (r["caught"] and r["placed"] and r["named as it should be"])],
    }  # fmt: skip


def pairs(every: int) -> list[tuple[str, str]]:
    chosen = [names for names in combinations(WRONG, 2) if WRONG[names[0]][1] != WRONG[names[1]][1]]
    return [names for names in chosen if set(names) != ONE_CONVENTION][::every]


def of_pairs(results: list[dict[str, Any] | None]) -> dict[str, Any]:
    seen = [result for result in results if result is not None]
    missed = [result for result in seen if not (result["caught"] and result["placed"])]
    return {
        "pairs": len(results), "where both can be seen": len(seen), "caught": sum(r["caught"] for r in seen),
        "both placed": sum(r["placed"] for r in seen), "missed": missed,
    }  # fmt: skip


def misses(document: dict[str, Any]) -> list[str]:
    """Return the targets that are missed."""
    single, correct, two = document["single"], document["right"], document.get("pairs")
    targets = {
        "40 rows": len(single["rows"]) >= 40,
        "every mistake caught": single["caught"] == single["mistakes"],
        "every mistake placed": single["placed"] == single["mistakes"],
        "98 % of names": single["named"] >= 0.98 * single["with a name"],
        "no wrong name": single["named though not listed"] == 0,
        "no correct one accused": correct["accused"] == 0,
        "every pair caught": two is None or two["caught"] == two["where both can be seen"],
        "99 % of pairs placed": two is None or two["both placed"] >= 0.99 * two["where both can be seen"],
    }
    return [target for target, reached in targets.items() if not reached]


def table(document: dict[str, Any]) -> Iterator[str]:
    single = document["single"]
    for row in single["rows"]:
        of, keys = len(row["entries"]), ("caught", "placed", "named as it should be")
        counts = ", ".join(f"{sum(e[key] for e in row['entries'])} {key}" for key in keys)
        yield f"{row['row']:3} {row['mistake']:72} {of}: {counts}"
    yield ""
    for key in ("mistakes", "caught", "placed", "with a name", "named", "named though not listed", "missed"):
        yield f"{key}: {single[key]}"
    for part in ("right", "pairs"):
        yield f"{part}: {document.get(part, 'not tried')}"
    yield f"targets missed: {document['targets missed'] or 'none'}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--nets", type=int, default=100)
    parser.add_argument("--conventions", type=int, default=1000)
    parser.add_argument("--pairs", action="store_true", help=f"all pairs too, on {PAIR_NETS} networks each")
    parser.add_argument("--every", type=int, default=1, help="of the pairs, only every so many-th")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    last = options.seed, options.processes
    verdicts = dict(all_of(right, RIGHT_ONES, options.conventions, *last))
    document: dict[str, Any] = {
        "single": singles(all_of(one, cases(), options.nets, *last)),
        "right": {
            "correct": len(verdicts), "networks each": options.conventions,
            "verified": sum(v == "verified" for v in verdicts.values()),
            "accused": sum(v == "refuted" for v in verdicts.values()),
        },
    }  # fmt: skip
    if options.pairs:
        document["pairs"] = of_pairs(all_of(pair, pairs(options.every), PAIR_NETS, *last))
    document["targets missed"] = misses(document)
    print(json.dumps(document, ensure_ascii=False) if options.json else "\n".join(table(document)))
    return bool(document["targets missed"])


if __name__ == "__main__":
    sys.exit(main())
