"""The reader of ledgers in TOML.

It checks everything that can be checked without trying a claim. A fault is one DataError that names its place.
"""

import inspect
import tomllib
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from gradproof import manual
from gradproof.errors import DataError
from gradproof.study.language import ClaimError, expression, head, parsed
from gradproof.study.ledger import Claim, Code, Fact, Ledger, Line, Reading
from gradproof.study.limits import FACTORS, factors
from gradproof.study.tree import Head, Node, expanded, layered, walk

NOTES = Path(__file__).parent / "notes.toml"
RULES = ("definition", "chain rule", "product rule", "quotient rule", "linearity", "algebra", "approximation", "fact")
LARGEST = 2**20  # bytes of a ledger
MOST = 10**15  # absolute value of a number in a fact
TEXT, TEXTS, FLAG, TABLE, LIST = "text", "a list of texts", "true or false", "a table", "a list"
PRIMITIVES = ("edge", "b", "x", "y", "η", "θ", "Δ", "m", "L", "l")


def load(path: Path | None = None) -> Ledger:
    """Read the ledger in a file, by default that of the notes; DataError if it is not one."""
    file = NOTES if path is None else path
    try:
        if not file.is_file():
            said = "is not a file" if file.exists() else "there is no such file"
            raise DataError(f"{file}: {said}; {manual.named('ledger.md')} says how a ledger is written")
        if file.stat().st_size > LARGEST:
            raise DataError(f"{file}: larger than {LARGEST} bytes, too large for a ledger")
        text = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{file}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise DataError(f"{file}: {error.strerror or error}") from None
    return read(text, "the notes" if path is None else str(file))


def read(text: str, source: str) -> Ledger:
    """Read the ledger in a text; `source` names it in errors. DataError if it is not one."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(f"{source}: not valid TOML: {error}") from None
    except ValueError:  # Python refuses integers of more than 4,300 digits
        raise DataError(f"{source}: not valid TOML: a number has thousands of digits") from None
    except RecursionError:
        raise DataError(f"{source}: not valid TOML: nested too deep") from None
    try:
        return _Reader(source, document).ledger()
    except RecursionError:
        raise DataError(f"{source}: definitions: they refer to each other too deeply") from None


class _Reader:
    """Reads a document; `where` names the line being read."""

    def __init__(self, source: str, document: dict[str, Any]) -> None:
        self.source, self.document, self.where = source, document, ""

    def error(self, field: str, message: str) -> DataError:
        return DataError(f"{self.source}: {self.where}{', ' if self.where and field else ''}{field}: {message}")

    def ledger(self) -> Ledger:
        self.only(self.document, ("title", "letters", "definitions", "readings", "line"), "")
        title = self.get(self.document, "title", TEXT)
        self.letters = tuple(self.get(self.document, "letters", TEXTS, []))
        self.definitions = self.macros(self.get(self.document, "definitions", TABLE, {}), "definitions")
        self.factors = factors(self.definitions)
        for left, body in self.definitions.items():
            self.known(body, "definitions", left.parameter)
        self.sets = {
            name: self.readings(table, f"readings.{name}")
            for name, table in self.get(self.document, "readings", TABLE, {}).items()
        }
        tables = self.get(self.document, "line", LIST)
        if not tables:
            raise self.error("line", "is empty; a ledger has at least one [[line]]")
        lines: list[Line] = []
        for number, table in enumerate(tables, start=1):
            self.where = f"line {number}"
            if not isinstance(table, dict):
                raise self.error("", "should be a table, [[line]]")
            lines.append(self.line(table))
        self.where = ""
        ids = [line.id.lower() for line in lines]
        for line in lines:
            self.where = f"line {line.id}"
            if ids.count(line.id.lower()) > 1:
                raise self.error("id", f"{line.id} is used twice")
            for on in line.depends:
                if on.lower() not in ids:
                    raise self.error("depends", f"there is no line {on}")
        self.where = ""
        self.circles(lines)
        return Ledger(title, self.source, self.definitions, tuple(lines), self.letters)

    def circles(self, lines: list[Line]) -> None:
        from graphlib import CycleError, TopologicalSorter

        try:
            TopologicalSorter({line.id: line.depends for line in lines}).prepare()
        except CycleError as error:
            raise self.error("depends", f"runs in a circle: {' → '.join(error.args[1])}") from None

    def line(self, table: dict[str, Any]) -> Line:
        name = self.get(table, "id", TEXT)
        if not name.isidentifier() or len(name) > 20:
            raise self.error("id", "should be a short name such as N21")
        self.where = f"line {name}"
        fields = ("id", "section", "written", "rule", "depends", "why", "claim", "code", "fact", "tests")
        self.only(table, fields, "")
        rule = self.get(table, "rule", TEXT)
        if rule not in RULES:
            raise self.error("rule", f"is {rule!r}, should be one of {', '.join(RULES)}")
        claims = [self.claim(t, f"claim {i}") for i, t in self.tables(table, "claim")]
        if table.get("code") and not claims:
            raise self.error("code 1", "implements no claim; say in a [[line.claim]] what the line claims")
        code = [self.code(t, f"code {i}") for i, t in self.tables(table, "code")]
        facts = [self.fact(t, f"fact {i}") for i, t in self.tables(table, "fact")]
        if not (claims or code or facts):
            raise self.error("", "states nothing that can be tested; give it a [[line.claim]] or a [[line.fact]]")
        return Line(
            name,
            self.get(table, "section", TEXT, ""),
            self.get(table, "written", TEXT),
            rule,
            tuple(self.get(table, "depends", TEXTS, [])),
            self.get(table, "why", TEXT, ""),
            tuple(claims),
            tuple(code),
            tuple(facts),
            tuple(self.get(table, "tests", TEXTS, [])),
        )

    def claim(self, table: dict[str, Any], field: str) -> Claim:
        fields = ("says", "claim", "readings", "layers", "general", "correction", "corrected", "why")
        self.only(table, fields, field)
        text = self.get(table, "claim", TEXT, field=field)
        given = table.get("readings", {})
        if isinstance(given, str):
            if given not in self.sets:
                raise self.error(f"{field}, readings", f"there is no [readings.{given}]")
            readings = self.sets[given]
        else:
            readings = self.readings(self.get(table, "readings", TABLE, {}, field), f"{field}, readings")
        readings = readings or (Reading("", {}),)
        tree, span = self.tree(text, f"{field}, claim", readings), self.layers(table, field)
        correction = None
        if "correction" in table:
            correction = self.tree(self.get(table, "correction", TEXT, field=field), f"{field}, correction", readings)
        return Claim(
            self.get(table, "says", TEXT, "", field),
            text,
            tree,
            readings,
            span if any(layered(expanded(tree, r.macros)) for r in readings) else ("L", "L"),
            self.get(table, "general", FLAG, False, field),
            correction,
            self.get(table, "corrected", TEXT, "", field),
            self.get(table, "why", TEXT, "", field),
        )

    def code(self, table: dict[str, Any], field: str) -> Code:
        self.only(table, ("function", "arguments", "gives", "anchor", "result", "layers"), field)
        function = self.get(table, "function", TEXT, field=field)
        if function.partition(".")[0] not in ("handcrafted", "reference") or function.count(".") < 2:
            raise self.error(
                f"{field}, function", "should be in handcrafted or reference; for your own code use `gradproof check`"
            )
        self.callable(function, len(self.get(table, "arguments", TEXTS, field=field)), field)
        arguments = [
            text if text in ("weights", "biases") else self.tree(text, f"{field}, arguments", ())
            for text in self.get(table, "arguments", TEXTS, field=field)
        ]
        result = table.get("result", [])
        if not isinstance(result, list) or not all(
            i in ("l", "l+1") if isinstance(i, str) else type(i) is int and 0 <= i <= 9999 for i in result
        ):
            raise self.error(f"{field}, result", 'should be a list of numbers from 0, "l" or "l+1"')
        gives = self.tree(self.get(table, "gives", TEXT, field=field), f"{field}, gives", ())
        anchor = self.get(table, "anchor", TEXT, field=field)
        return Code(function, tuple(arguments), gives, anchor, tuple(result), self.layers(table, field))

    def callable(self, function: str, count: int, field: str) -> None:
        """Check that the function exists in its module and takes `count` arguments."""
        module, _, name = function.rpartition(".")
        try:
            home = import_module(module)
        except (ImportError, ValueError):
            raise self.error(f"{field}, function", f"there is no module {module}") from None
        found: Any = inspect.unwrap(getattr(home, name, lambda: None))
        if not inspect.isfunction(found) or found.__module__ != module:
            raise self.error(f"{field}, function", f"{module} has no {name}, or it is not a function defined there")
        signature = inspect.signature(found)
        try:
            signature.bind(*range(count))
        except TypeError:
            takes = f"{name} takes {', '.join(signature.parameters)}"
            raise self.error(f"{field}, arguments", f"{takes}; it is given {count}") from None

    def fact(self, table: dict[str, Any], field: str) -> Fact:
        from gradproof.study.facts import MEASURES

        self.only(table, ("measure", "says", "correction"), field)
        measure = self.get(table, "measure", TEXT, field=field)
        if measure not in MEASURES:
            raise self.error(f"{field}, measure", f"{measure!r} is not one of {', '.join(MEASURES)}")
        if "says" not in table:
            raise self.error(f"{field}, says", "is missing")
        for name in ("says", "correction"):
            given = table.get(name, 0)
            if not all(isinstance(v, (bool, int, float, str)) for v in (given if isinstance(given, list) else [given])):
                raise self.error(f"{field}, {name}", "should be true or false, a number, a text, or a list of them")
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, int | float) and not -MOST <= value <= MOST:  # this rejects NaN, too
                    raise self.error(f"{field}, {name}", "should be a number of at most 15 digits, and finite")
        return Fact(measure, table["says"], table.get("correction"))

    def layers(self, table: dict[str, Any], field: str) -> tuple[str, str]:
        low, dots, high = self.get(table, "layers", TEXT, "1..L", field).partition("..")
        if not dots or low.strip() not in ("1", "2", "L") or high.strip() not in ("1", "L", "L-1"):
            raise self.error(f"{field}, layers", "should be a range such as 1..L, 2..L or 1..L-1")
        if (low.strip(), high.strip()) in (("2", "1"), ("L", "1"), ("L", "L-1")):
            raise self.error(f"{field}, layers", f"{low.strip()}..{high.strip()} is empty")
        return low.strip(), high.strip()

    def readings(self, table: dict[str, Any], field: str) -> tuple[Reading, ...]:
        if not isinstance(table, dict):
            raise self.error(field, "should be a table of readings")
        for name, given in table.items():
            if not isinstance(given, dict):
                raise self.error(f"{field}, {name}", 'should be a table such as { "W[l]" = "edge[l]" }')
        return tuple(Reading(name, self.macros(given, f"{field}, {name}")) for name, given in table.items())

    def macros(self, table: dict[str, Any], field: str) -> dict[Head, Node]:
        found: dict[Head, Node] = {}
        for left, right in table.items():
            if not isinstance(right, str):
                raise self.error(f"{field}, {left}", "should be an expression in quotes")
            try:
                key = head(left)
            except ClaimError as error:
                raise self.error(f"{field}, {left}", str(error)) from None
            found[key] = self.tree(right, f"{field}, {left}", None)
        return found

    def tree(self, text: str, field: str, readings: tuple[Reading, ...] | None) -> Node:
        """Return the tree of a claim (with readings), of an expression in code (with ()) or of a definition (None)."""
        try:
            tree = parsed(text) if readings else expression(text)
        except ClaimError as error:
            raise self.error(f"{field}, column {error.column}", str(error)) from None
        for reading in readings or ():
            self.known(expanded(tree, reading.macros), field)
        if readings == ():
            self.known(tree, field)
        for reading in readings or ((Reading("", {}),) if readings == () else ()):
            if self.factors(expanded(tree, reading.macros)) > FACTORS:
                raise self.error(
                    field, f"with its powers and definitions written out, a product of over {FACTORS:,} factors"
                )
        return tree

    def known(self, tree: Node, field: str, parameter: str = "") -> None:
        """Check that every name is a primitive, a letter or defined."""
        names = {left.name for left in self.definitions} | {*PRIMITIVES, *self.letters, parameter}
        for node in walk(tree):
            name = node.args[0] if node.op in ("name", "layer", "call") else ""
            if node.op == "call" and name in ("T", "exp", "log", "abs", "norm2"):
                continue
            if name and name not in names:
                raise self.error(field, f"{name} is neither defined nor one of {', '.join(sorted(names - {''}))}")

    def tables(self, table: dict[str, Any], key: str) -> list[tuple[int, dict[str, Any]]]:
        given = self.get(table, key, LIST, [])
        for number, item in enumerate(given, start=1):
            if not isinstance(item, dict):
                raise self.error(f"{key} {number}", f"should be a table, [[line.{key}]]")
        return list(enumerate(given, start=1))

    def only(self, table: Mapping[str, Any], fields: tuple[str, ...], field: str) -> None:
        for key in table:
            if key not in fields:
                raise self.error(field, f"{key!r} is not a field; there are {', '.join(fields)}")

    def get(self, table: Mapping[str, Any], key: str, kind: str, default: Any = None, field: str = "") -> Any:
        where = f"{field}, {key}" if field else key
        if key not in table:
            if default is None:
                raise self.error(where, "is missing")
            return default
        value = table[key]
        fits = {
            TEXT: isinstance(value, str),
            FLAG: isinstance(value, bool),
            TABLE: isinstance(value, dict),
            LIST: isinstance(value, list),
            TEXTS: isinstance(value, list) and all(isinstance(item, str) for item in value),
        }
        if not fits[kind]:
            such = f", such as [[line.{key}]]" if kind is LIST and key != "line" else ""
            raise self.error(where, f"should be {kind}{such}")
        return value
