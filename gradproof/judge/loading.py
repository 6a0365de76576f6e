"""Somebody's file or module, and the function or class in it that is to be judged."""

import builtins
import hashlib
import importlib
import importlib.util
import io
import linecache
import os
import re
import sys
import tokenize
import types
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from gradproof.judge.isolation import signatures
from gradproof.judge.troubles import SubmissionError

KINDS = ("backprop", "gradients", "Network")  # what is looked for where no name is given


class Code(NamedTuple):
    """A file or a module that was read, before any of it runs."""

    path: str
    content: bytes  # none where a module has no file of Python

    @property
    def text(self) -> str:
        """As it was written; "" where it cannot be read so, which compiling will tell."""
        try:
            return decoded(self.content)
        except (SyntaxError, UnicodeDecodeError):
            return ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest() if self.content else ""


def found(path: str) -> Code:
    """The file, or that of the module, read once: what is judged is what was read, whatever becomes of the file."""
    if path.endswith(".py"):
        return Code(path, Path(path).read_bytes())
    sys.path.insert(0, os.getcwd())
    spec = importlib.util.find_spec(path)
    file = spec.origin if spec and spec.has_location and spec.origin else ""
    return Code(path, Path(file).read_bytes() if file.endswith(".py") else b"")


def loaded(code: Code, name: str) -> tuple[Any, str]:
    """The function or class of that name, or the first of KINDS that there is, in a file or a module; and its name."""
    path = code.path
    if not hasattr(builtins, "xrange"):
        builtins.xrange = range  # type: ignore[attr-defined]  # the book's code was written for Python 2
    module = _file(code) if path.endswith(".py") else importlib.import_module(path)
    for candidate in (name,) if name else KINDS:
        if hasattr(module, candidate):
            subject = getattr(module, candidate)
            if said := unfit(subject):
                raise SubmissionError("load", f"{candidate} in {path} {said}")
            return subject, candidate
    if name:
        raise SubmissionError("load", f"there is no {name!r} in {path}")
    wanted = "neither a function backprop(weights, biases, x, y) nor a class Network(sizes)"
    raise SubmissionError("load", f"there is {wanted} in {path}; if yours has another name: {path}:NAME")


def unfit(subject: Any) -> str:
    """Why this cannot be judged, or ""."""
    if isinstance(subject, type):
        if not hasattr(subject, "backprop"):
            return "is a class without a method backprop(x, y)"
        made = signatures.made_otherwise(subject)
        return f"is made by {made}, should be by {subject.__name__}(sizes), a list" if made else ""
    if hasattr(subject, "backprop") and not callable(subject):
        name = type(subject).__name__
        return f"is an instance of {name}: give the class {name}, of which networks of many sizes can be made"
    return "" if callable(subject) else "is neither a function nor a class"


def _file(code: Code) -> types.ModuleType:
    """The module of a file, in Python 3 or as it was written for Python 2."""
    sys.path.insert(0, str(Path(code.path).resolve().parent))
    module = types.ModuleType("submission")
    module.__file__ = code.path
    sys.modules["submission"] = module
    text = decoded(code.content)
    linecache.cache[code.path] = len(text), None, text.splitlines(keepends=True), code.path  # though the file may go
    source, _ = in_python_3(text, code.path)
    exec(compile(source, code.path, "exec"), vars(module))
    return module


def decoded(content: bytes) -> str:
    """The text of a file of Python, in the encoding it declares."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return io.TextIOWrapper(io.BytesIO(content), encoding).read()


def in_python_3(source: str, path: str) -> tuple[str, bool]:
    """The source in Python 3, and whether it was written for Python 2."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, path, "exec")
    except TabError:  # a tab of Python 2 leads to the next multiple of 8
        return in_python_3(source.expandtabs(8), path)[0], True
    except SyntaxError as error:
        chevron = re.search(r"^\s*print\s*>>", source, re.MULTILINE)
        if "print" not in (error.msg or "") and not chevron:
            raise
        return with_print_functions(re.sub(r"(?m)^(\s*)print\s*>>\s*[\w.]+\s*,?", r"\1print ", source)), True
    return source, False


def with_print_functions(source: str) -> str:
    """Python 2's print statements as calls: `print a, b` is `print(a, b)`."""
    lines = source.splitlines(keepends=True)
    edits: list[tuple[int, int, str]] = []  # (line, column, what is put there)
    start, opened, last = True, False, (1, 0)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        ends = token.type in (tokenize.NEWLINE, tokenize.ENDMARKER, tokenize.COMMENT) or token.string == ";"
        if opened and ends:
            edits.append((*last, ")"))
            opened = False
        if start and token.type == tokenize.NAME and token.string == "print":
            edits.append((*token.end, "("))
            opened = True
        if token.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT):
            start = token.type == tokenize.NEWLINE or token.string in (":", ";")
        last = token.end
    for row, column, text in reversed(edits):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + text + line[column:]
    return "".join(lines)
