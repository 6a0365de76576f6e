"""The parser for the small language of claims: text in, a tree out, or a ClaimError with its column.

    claim    expr == expr | expr <= expr | expr >= expr
    expr     + − * / @ ^ and ( ); * is element by element (⊙), @ a matrix product, ᵀ or T(…) transposes
    names    x, y, η, m, θ, anything a ledger defines; z[l], w[l+1], a[L] in a layer; [j], [k,j] pick components
    calls    σ(e), σ'(e) · exp log abs norm2 · sum(j, e) sum(s = 1..m, e) mean(s, e) · d(e, v) · at(e, v = e)
             expected(k, e)

`d(e, v)` is the derivative of e as a function of v. `at(e, v = f)` is e with v set to f, `at(e, v[j] = f)` e with only
component j set to f. `expected(k, e)` is the mean of e over all mini-batches of k of the samples. An index that is
picked and not summed stands for each of its values. The sample s is an implicit index of everything that depends on x
or y. Nothing is ever evaluated as Python.
"""

import re
from fractions import Fraction

from gradproof.study.tree import Head, Node, Place

LONGEST, DEEPEST = 600, 40
VECTORS = ("x", "y", "θ", "Δ")  # names without a layer: their first brackets pick a component
SYMBOLS = r"==|<=|>=|\.\.|[-+*/@^()\[\],=⊙·−ᵀ']"
TOKEN = re.compile(rf"\s*(?:(?P<number>[0-9]+(?:\.[0-9]+)?)|(?P<symbol>{SYMBOLS})|(?P<name>[^\W\d](?:(?!ᵀ)\w)*))")
SAME = {"⊙": "*", "·": "*", "−": "-"}


class ClaimError(ValueError):
    """The text is not a claim; `column` says where, counted from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


def parsed(text: str) -> Node:
    """Return the tree of a claim, a node ==, <= or >= with two sides; ClaimError if the text is not one."""
    parser = _Parser(text)
    left = parser.expression()
    relation = parser.peek()
    if relation not in ("==", "<=", ">="):
        raise parser.error("expected ==, <= or >= between two sides")
    parser.next()
    right = parser.expression()
    parser.end()
    return Node(relation, (left, right))


def expression(text: str) -> Node:
    """Return the tree of an expression; ClaimError if the text is not one."""
    parser = _Parser(text)
    tree = parser.expression()
    parser.end()
    return tree


def head(text: str) -> Head:
    """Return the left side of a definition; ClaimError if it is not a permitted form."""
    tree = expression(text)
    indices: tuple[str, ...] = ()
    if tree.op == "pick":
        tree, indices = tree.args
    if tree.op == "name" and not indices:
        return Head(tree.args[0])
    if tree.op == "layer" and (tree.args[1].letter, tree.args[1].more) in (("l", 0), ("", tree.args[1].more)):
        if all(isinstance(index, str) for index in indices):
            return Head(tree.args[0], "", tree.args[1], indices)
    elif tree.op == "call" and tree.args[1] == 0 and tree.args[2].op == "name" and not indices:
        return Head(tree.args[0], tree.args[2].args[0])
    raise ClaimError("a definition's left side is a name, f(t), z[l], z[l][j] or a[0]", 1)


class _Parser:
    """A recursive-descent parser; `at` is the index of the next token."""

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise ClaimError(f"longer than {LONGEST} characters", LONGEST)
        self.tokens: list[tuple[str, str, int]] = []
        self.at = self.depth = position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if match is None:
                blank = len(text[position:]) - len(text[position:].lstrip())
                raise ClaimError(f"{text[position + blank]!r} means nothing here", position + blank + 1)
            kind = str(match.lastgroup)
            self.tokens.append((kind, SAME.get(match[kind], match[kind]), match.start(kind) + 1))
            position = match.end()
        self.tokens.append(("end", "", len(text) + 1))

    def error(self, message: str, back: int = 0) -> ClaimError:
        _, word, column = self.tokens[max(0, min(self.at - back, len(self.tokens) - 1))]
        return ClaimError(f"{message}, not {word!r}" if word else f"{message}, but it ends", column)

    def peek(self) -> str:
        kind, word, _ = self.tokens[self.at]
        return word if kind == "symbol" else ""

    def next(self) -> str:
        kind, word, _ = self.tokens[self.at]
        self.at = min(self.at + 1, len(self.tokens) - 1) if kind != "end" else self.at
        return word

    def want(self, symbol: str) -> None:
        if self.peek() != symbol:
            raise self.error(f"expected {symbol!r}")
        self.at += 1

    def end(self) -> None:
        if self.tokens[self.at][0] != "end":
            raise self.error("expected an operator or the end")

    def expression(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(f"nested deeper than {DEEPEST}")
        tree = self.term()
        while self.peek() in ("+", "-"):
            tree = Node(self.next(), (tree, self.term()))
        self.depth -= 1
        return tree

    def term(self) -> Node:
        tree = self.factor()
        while self.peek() in ("*", "/", "@"):
            tree = Node(self.next(), (tree, self.factor()))
        return tree

    def factor(self) -> Node:
        signs = 0
        while self.peek() == "-":
            self.at, signs = self.at + 1, signs + 1
        tree = self.postfix()
        if self.peek() == "^":
            self.at += 1
            power = self.whole()
            if not 1 <= power <= 9:
                raise self.error("expected a power from 1 to 9", back=1)
            tree = Node("^", (tree, power))
        return Node("neg", (tree,)) if signs % 2 else tree

    def postfix(self) -> Node:
        tree = self.primary()
        while self.peek() in ("[", "ᵀ"):
            if self.next() == "ᵀ":
                tree = Node("call", ("T", 0, tree))
                continue
            indices = [self.index()]
            while self.peek() == ",":
                self.at += 1
                indices.append(self.index())
            self.want("]")
            if tree.op == "name" and tree.args[0] not in VECTORS:  # the first brackets after a name hold its layer
                if len(indices) > 1:
                    raise self.error("expected one layer in the first brackets", back=1)
                tree = Node("layer", (tree.args[0], indices[0]))
            else:
                picked = tuple(i.letter if i.letter and not i.more else i.more if not i.letter else i for i in indices)
                if any(isinstance(i, Place) for i in picked):
                    raise self.error("expected an index such as j or 2", back=1)
                if "s" in picked:
                    raise self.error("s is the sample and selects no component; expected a letter such as j", back=1)
                tree = Node("pick", (tree, picked))
        return tree

    def index(self) -> Place:
        kind, word, _ = self.tokens[self.at]
        if kind not in ("name", "number") or "." in word:
            raise self.error("expected an index")
        self.at += 1
        letter, more = (word, 0) if kind == "name" else ("", self._small(word))
        while self.peek() in ("+", "-"):
            more += (1 if self.next() == "+" else -1) * self.whole()
        return Place(letter, more)

    def whole(self) -> int:
        kind, word, _ = self.tokens[self.at]
        if kind != "number" or "." in word:
            raise self.error("expected a whole number")
        self.at += 1
        return self._small(word)

    def _small(self, word: str) -> int:
        if len(word) > 4:
            raise self.error("a number with more than four digits", back=1)
        return int(word)

    def primary(self) -> Node:
        kind, word, _ = self.tokens[self.at]
        if self.peek() == "(":
            self.at += 1
            tree = self.expression()
            self.want(")")
            return tree
        if kind not in ("name", "number"):
            raise self.error("expected a number, a name or (")
        self.at += 1
        if kind == "number":
            if len(word) > 12:
                raise self.error("a number with more than twelve digits", back=1)
            return Node("number", (Fraction(word),))
        order = 0
        while self.peek() == "'":
            self.at, order = self.at + 1, order + 1
        if order > 1 or (order and self.peek() != "("):
            raise self.error("expected one ' and then (")
        if self.peek() != "(":
            return Node("name", (word,))
        self.at += 1
        return self.call(word, order)

    def call(self, name: str, order: int) -> Node:
        if name in ("sum", "mean") and not order:
            kind, index, _ = self.tokens[self.at]
            if kind != "name":
                raise self.error("expected the index that is summed over")
            self.at += 1
            low = high = None
            if self.peek() == "=":
                self.at += 1
                low = self.index()
                self.want("..")
                high = self.index()
            self.want(",")
            tree = Node(name, (index, low, high, self.expression()))
        elif name == "expected" and not order:
            kind, index, _ = self.tokens[self.at]
            if kind != "name" or index in ("s", "m", "l", "L"):
                raise self.error("expected an index for the size of the mini-batch")
            self.at += 1
            self.want(",")
            tree = Node("expected", (index, self.expression()))
        elif name in ("d", "at") and not order:
            body = self.expression()
            self.want(",")
            variable = self.postfix()
            if _core(variable).op not in ("name", "layer"):
                raise self.error("expected a variable such as z[l]", back=1)
            if name == "at":
                self.want("=")
                tree = Node("at", (body, variable, self.expression()))
            else:
                tree = Node("d", (body, variable))
        else:
            tree = Node("call", (name, order, self.expression()))
        self.want(")")
        return tree


def _core(node: Node) -> Node:
    """Return a variable without its picks and transposes."""
    while node.op == "pick" or (node.op == "call" and node.args[0] == "T"):
        node = node.args[0] if node.op == "pick" else node.args[2]
    return node
