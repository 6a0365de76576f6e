"""Plant faults of one line in right programs: is the verdict "refuted", and is that line named, first or at all?

    python benchmarks/lines.py [--json] [--each N] [--match TEXT] [--seed N] [--two]
    python benchmarks/lines.py --rows [--json] [--match TEXT]

In each right program of tests/judge/programs, statements of the backward pass and of the update are changed, one at a
time: an operator, a sign, an operand, a transposition, an axis, an index, a comparison, a number, or a statement left
out. Only refuted changes count. `--two` plants two at once, in two statements. If a statement is left out, the lines
right before and after it count as its line, since nothing else stands there. "with a correction" counts programs whose
faults are all reported with a correction; a correction was run and found right.

`--rows` plants the known mistakes in three networks – sigmoid with quadratic cost, tanh with the squared error, ReLU
with softmax – each written in three forms (tests/judge/planted.py).
"""

import argparse
import ast
import copy
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from gradproof.judge.assessment import assess
from tests.judge.corpus import ODD, OPEN, THREADS, is_right
from tests.judge.planted import FORMS, FUNCTIONS
from tests.judge.planted import planted as planted_rows

BACKWARD = re.compile(
    r"(?i)back|grad|delta|update|step|train|fit|learn|prime|deriv|slope|nabla|^d[A-Z]|_d\b|error|eta\b|lr\b"
)
_SWAPPED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Gt: ast.LtE, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt}


def statements(tree: ast.Module) -> list[tuple[list[ast.stmt], int]]:
    """Find the statements of the backward pass (block and place), by the names of their targets and functions."""
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or re.search(
            "(?i)forward|predict|loss|cost|init|accura", function.name
        ):
            continue
        by_name = BACKWARD.search(function.name) is not None
        for block in ast.walk(function):
            body = getattr(block, "body", None)
            for place, node in enumerate(body if isinstance(body, list) else ()):
                simple = isinstance(node, ast.Assign | ast.AugAssign | ast.Return)
                targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", node)]
                names = " ".join(ast.unparse(target) for target in targets)
                if simple and by_name and (isinstance(node, ast.Return) or BACKWARD.search(names)):
                    found.append((body, place))
    return found


def faults(body: list[ast.stmt], place: int) -> Iterator[tuple[str, ast.stmt | None]]:
    """Yield what a slip may make of the statement; None if it is left out."""
    statement = body[place]
    if not isinstance(statement, ast.Return):
        yield "left out", None
    nodes = [node for node in ast.walk(statement) if hasattr(node, "ctx") is False or isinstance(node, ast.expr)]
    names = sorted(
        {n.id for other in body for n in ast.walk(other) if isinstance(n, ast.Name)} - {"np", "self", "range"}
    )
    for node in nodes:
        for kind, new in _changed(node, names):
            memo: dict[int, Any] = {}
            copied = copy.deepcopy(statement, memo)
            put = _Put(memo[id(node)], new)
            yield kind, ast.fix_missing_locations(put.visit(copied))


def _changed(node: ast.AST, names: list[str]) -> Iterator[tuple[str, ast.AST]]:
    new: Any = copy.deepcopy(node)
    match node:
        case ast.BinOp(op=ast.Add() | ast.Sub()):
            new.op = _SWAPPED[type(node.op)]()
            yield "sign", new
        case ast.BinOp(op=ast.Mult()):
            yield "operand dropped", copy.deepcopy(node.left)
            yield "operand dropped", copy.deepcopy(node.right)
        case ast.BinOp(op=ast.Div()):
            yield "division dropped", copy.deepcopy(node.left)
        case ast.BinOp(op=ast.MatMult()):
            yield "order", ast.BinOp(new.right, new.op, new.left)
        case ast.Attribute(attr="T"):
            yield "transposition dropped", copy.deepcopy(node.value)
        case ast.UnaryOp(op=ast.USub()):
            yield "sign", copy.deepcopy(node.operand)
        case ast.Compare(ops=[op]) if type(op) in _SWAPPED:
            new.ops = [_SWAPPED[type(op)]()]
            yield "mask", new
        case ast.keyword(arg="axis", value=ast.Constant(value=int() as axis)):
            new.value = ast.Constant(1 - axis)
            yield "axis", new
        case ast.Constant(value=int() as number) if not isinstance(number, bool):
            yield "number", ast.Constant(number + 1)
        case ast.Constant(value=float() as number):
            yield "number", ast.Constant(number * 2)
        case ast.Subscript(slice=ast.Name() | ast.BinOp() | ast.UnaryOp()):
            new.slice = ast.BinOp(new.slice, ast.Sub(), ast.Constant(1))
            yield "index", new
        case ast.Name(id=name, ctx=ast.Load()) if name in names:
            alike = [other for other in names if other != name and other[:1].lower() == name[:1].lower()]
            for other in alike[:2]:
                yield "operand", ast.Name(other, ast.Load())
        case ast.Constant(value=str() as key) if re.search(r"\d", key):
            yield "key", ast.Constant(re.sub(r"\d", lambda d: str(int(d[0]) % 2 + 1), key))


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def planted(source: str, rng: random.Random, several: int) -> Iterator[tuple[str, list[int], str]]:
    """Yield sources with faults in `several` lines, with lines and kinds, in random order. Other lines do not move."""
    tree = ast.parse(source)
    lines = source.splitlines()
    choices = [
        (body[place], kind, new) for body, place in statements(tree) for kind, new in faults(body, place)
    ]  # fmt: skip
    rng.shuffle(choices)
    for start in range(0, len(choices) - several + 1, several):
        group = choices[start : start + several]
        if len({statement.lineno for statement, _, _ in group}) < several:
            continue
        changed = list(lines)
        for statement, _, new in group:
            first, last = statement.lineno - 1, statement.end_lineno or statement.lineno
            indent = re.match(r"\s*", lines[first])[0]  # type: ignore[index]
            text = "pass" if new is None else " ".join(ast.unparse(new).split())
            changed[first:last] = [indent + text] + [""] * (last - first - 1)
        text = "\n".join(changed) + "\n"
        with suppress(SyntaxError):  # from a function on one line, which was replaced as a whole
            compile(text, "planted", "exec")
            yield text, [s.lineno for s, _, _ in group], " + ".join(kind for _, kind, _ in group)


def told(document: dict[str, Any]) -> list[int]:
    """Return the lines of the faults, corrected ones first, then the other lines that may be at fault."""
    if document["verdict"] == "none":  # it raises
        return [int(line) for line in re.findall(r"with `.*` in line (\d+) it is right", document["looked"])]
    faults_told = sorted(document.get("faults", ()), key=lambda fault: not fault["mended"])
    lines = [fault["line"] for fault in faults_told] + [
        other["line"] for fault in faults_told for other in fault["others"]
    ]
    return list(dict.fromkeys(line for line in lines if line))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--each", type=int, default=6, help="faults of each program")
    parser.add_argument("--match", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--two", action="store_true", help="two faults at once")
    parser.add_argument("--rows", action="store_true", help="the known ways to go wrong, in three networks")
    options = parser.parse_args()
    if options.rows:
        with tempfile.TemporaryDirectory() as folder:
            _summary(_planted(Path(folder), options.match, options.json), options.json)
        return
    rows = []
    programs = [path for path in (*OPEN, *ODD, *THREADS) if is_right(path) and path.suffix == ".py"]
    with tempfile.TemporaryDirectory() as folder:
        for path in programs:
            source = path.read_text("utf8")
            if options.match not in path.name:
                continue
            try:
                tries = planted(source, random.Random(f"{options.seed} {path.name}"), 1 + options.two)
                rows += _rows(path, tries, Path(folder), options.each, options.json)
            except SyntaxError:  # Python 2
                continue
    _summary(rows, options.json)


def _rows(path: Path, tries: Iterator[tuple[str, list[int], str]], folder: Path, each: int, quiet: bool) -> list[Any]:
    rows: list[Any] = []
    for tried, (text, lines, kind) in enumerate(tries):
        if len(rows) == each or tried == 4 * each:
            break
        row = _row(folder / path.name, text, lines, kind, set(lines))
        if row["verdict"] == "refuted":
            rows.append(row)
            _show(row, text, quiet)
    return rows


def _row(place: Path, text: str, lines: list[int], kind: str, meant: set[int]) -> dict[str, Any]:
    """Judge one program. If it has one fault, any of the lines in `meant` counts as its line."""
    place.write_text(text, "utf8")
    since = time.process_time()
    document = assess(str(place))
    found = [lines[0] if line in meant and len(lines) == 1 else line for line in told(document)]
    if "left out" in kind:
        found = _without_gaps(found, text.splitlines(), lines)
    found, faults_told = list(dict.fromkeys(found)), document.get("faults", [])
    return {
        "file": place.name, "kind": kind, "lines": lines, "told": found, "verdict": document["verdict"],
        "first": all(line in found[: len(lines)] for line in lines),
        "among three": all(line in found[:3] for line in lines),
        "mended": all(fault["mended"] for fault in faults_told) if faults_told else bool(found),
        "seconds": round(time.process_time() - since, 2),
    }  # fmt: skip


def _show(row: dict[str, Any], text: str, quiet: bool) -> None:
    if not quiet:
        mark = "hit " if row["first"] else "near" if row["among three"] else "miss"
        code = [text.splitlines()[line - 1].strip() for line in row["lines"]]
        where = f"{row['file']}: {row['kind']}, {row['lines']} {code} told {row['told']}"
        print(f"{mark} {row['seconds']:5.1f} s  {where}", flush=True)


def _planted(folder: Path, match: str, quiet: bool) -> list[Any]:
    rows = []
    for one in (one for form in FORMS for network in FUNCTIONS for one in planted_rows(form, network)):
        if match in one.name:
            rows.append(_row(folder / "mine.py", one.source, [one.line], one.name, one.lines))
            _show(rows[-1], one.source, quiet)
    return rows


def _without_gaps(found: list[int], source: list[str], lines: list[int]) -> list[int]:
    """Replace the neighbours of a statement that was left out by its own line."""
    own: dict[int, int] = {}
    for line in lines:
        if source[line - 1].strip() == "pass":
            for way in (-1, 1):
                there = line + way
                while 1 <= there <= len(source) and source[there - 1].strip() in ("", "pass"):
                    there += way
                own.setdefault(there, line)
    return list(dict.fromkeys(own.get(line, line) for line in found))


def _summary(rows: list[Any], as_json: bool) -> None:
    count = max(1, len(rows))
    missed = Counter(row["kind"] for row in rows if not row["first"])
    summary = {
        "faults": len(rows),
        "programs": len({row["file"] for row in rows}),
        "the very line first": round(sum(row["first"] for row in rows) / count, 3),
        "among at most three": round(sum(row["among three"] for row in rows) / count, 3),
        "with a correction": round(sum(row["mended"] for row in rows) / count, 3),
        "median seconds": statistics.median([row["seconds"] for row in rows] or [0]),
        "longest": max([row["seconds"] for row in rows] or [0]),
        "missed": dict(missed),
    }
    print(json.dumps({"summary": summary, "faults": rows} if as_json else summary, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
