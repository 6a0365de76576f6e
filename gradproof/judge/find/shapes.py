"""Shapes of arguments as a function tells them: `x: (b, t, d); wq, wk: (h, d, k)`, or `N, D = x.shape`."""

import ast
import re
from collections.abc import Collection, Iterator

_ENTRY = re.compile(
    r"(?:^|[;\n])[ \t*-]*`{0,2}(\w+(?:[ \t]*,[ \t]*\w+)*)`{0,2}[ \t]*(?::|--|-(?=[ \t])|\()", re.MULTILINE
)
_TUPLE = re.compile(r"(shape(?: of)? *)?[(\[]([^()\[\]]+?)(,?)\s*[)\]]", re.IGNORECASE)
_SIZE = re.compile(r"(\d*)[ \t]*\*?[ \t]*([^\W\d][\w '′-]*)?$")
_INLINE = re.compile(r"(\w+) \(([^()]*,[^()]*)\)")
_KERNEL = re.compile(r"f|[kf]h|[kf]w|HH|WW|(?i:kernel|filter)\w*")
SIZES = (2, 3, 4, 5, 6, 7)  # of the symbols, in the order in which they occur


def told_shapes(node: ast.FunctionDef, arguments: Collection[str]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of these arguments that the docstring tells, or that the function unpacks.

    Each symbol, such as D or "number of words", has a size of its own, but kernels are small. What is no shape, as
    (optional), is left out.
    """
    text = ast.get_docstring(node) or ""
    sizes: dict[str, int] = {}
    found: dict[str, tuple[int, ...]] = {}
    for name, inside in _INLINE.findall(text):
        if name in arguments and (shape := _shape(inside, sizes)) is not None:
            found.setdefault(name, shape)
    for part in ast.walk(node):
        match part:
            case ast.Assign([ast.Tuple(symbols)], ast.Attribute(ast.Name(array), "shape")) if array in arguments:
                if (shape := _shape(", ".join(map(ast.unparse, symbols)), sizes)) is not None:
                    found.setdefault(array, shape)
    for names, rest in _entries(text, arguments):
        for said, inside, comma in _TUPLE.findall(rest):
            if (said or comma or "," in inside) and (shape := _shape(inside, sizes)) is not None:
                found = dict.fromkeys(names, shape) | found
                break
    return found


def _entries(text: str, arguments: Collection[str]) -> Iterator[tuple[list[str], str]]:
    """Yield the arguments that each entry of a docstring is about, and what it says."""
    heads = [(match, re.split(r"[ \t]*,[ \t]*", match[1])) for match in _ENTRY.finditer(text)]
    heads = [(match, names) for match, names in heads if {*names} <= {*arguments}]
    starts = [match.start() for match, _ in heads]
    for (match, names), end in zip(heads, [*starts[1:], len(text)], strict=False):
        yield names, text[match.end() - (match[0][-1] == "(") : end].partition("\n\n")[0]


def _shape(inside: str, sizes: dict[str, int]) -> tuple[int, ...] | None:
    """Return the shape in a tuple such as `N, 2*D` or `V,`; None if it is none."""
    told = []
    for part in (re.sub(r"\bthe ", "", part.strip()) for part in inside.split(",") if part.strip()):
        size = _SIZE.match(part)
        if size is None or not (size[1] or size[2]) or (not size[2] and int(size[1]) > max(SIZES)):
            return None
        if size[2] and size[2] not in sizes:
            if len(sizes) == len(SIZES):
                return None
            sizes[size[2]] = 2 if _KERNEL.fullmatch(size[2]) else SIZES[len(sizes)]
        told.append(int(size[1] or 1) * (sizes[size[2]] if size[2] else 1))
    return tuple(told)
