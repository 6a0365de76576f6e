"""Loads somebody's file or module, and finds the function or class in it to judge."""

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
from gradproof.text import some

KINDS = ("backprop", "gradients", "Network")  # names that are looked for if none is given


class Code(NamedTuple):
    """A file or module that has been read, before any of it runs."""

    path: str
    content: bytes  # empty for a module without a Python file

    @property
    def text(self) -> str:
        """The source as written; "" if it cannot be decoded, which compiling will report."""
        try:
            return decoded(self.content)
        except (SyntaxError, UnicodeDecodeError):
            return ""

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest() if self.content else ""


def found(path: str) -> Code:
    """Read the file, or the module's file, once: a later change to it does not change what is judged."""
    if path.endswith(".py"):
        return Code(path, Path(path).read_bytes())
    sys.path.insert(0, os.getcwd())
    spec = importlib.util.find_spec(path)
    file = spec.origin if spec and spec.has_location and spec.origin else ""
    return Code(path, Path(file).read_bytes() if file.endswith(".py") else b"")


def loaded(code: Code, name: str) -> tuple[Any, str]:
    """Return the function or class of that name, or the first of KINDS that exists, and its name.

    SubmissionError if there is none, or if it cannot be judged.
    """
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
        raise SubmissionError("load", f"there is no {name!r} in it{_definitions(module)}")
    wanted = "neither a function backprop(weights, biases, x, y) nor a class Network(sizes)"
    raise SubmissionError("load", f"there is {wanted} in {path}; if yours has another name, give {path}:NAME")


def _definitions(module: types.ModuleType) -> str:
    """Name the functions and classes that a module itself defines, or return ""."""
    named = {name: it for name, it in vars(module).items() if isinstance(it, (types.FunctionType, type))}
    own = [name for name, it in named.items() if it.__module__ == module.__name__]
    return f"; it defines {some(own)}" if own else ""


def unfit(subject: Any) -> str:
    """Return why this cannot be judged, or ""."""
    if isinstance(subject, type):
        if not hasattr(subject, "backprop"):
            return "is a class without a method backprop(x, y)"
        made = signatures.made_otherwise(subject)
        return f"is constructed as {made}, should be {subject.__name__}(sizes) with a list" if made else ""
    if hasattr(subject, "backprop") and not callable(subject):
        name = type(subject).__name__
        return f"is an instance of {name}: give the class {name}, so that networks of many sizes can be made"
    return (
        ""
        if callable(subject)
        else "is neither a function nor a class; a whole program is judged by the path of its file"
    )


def _file(code: Code) -> types.ModuleType:
    """Run a file as a module, converted first if it was written for Python 2."""
    sys.path.insert(0, str(Path(code.path).resolve().parent))
    module = types.ModuleType("submission")
    module.__file__ = code.path
    sys.modules["submission"] = module
    text = decoded(code.content)
    linecache.cache[code.path] = len(text), None, text.splitlines(keepends=True), code.path  # the file may vanish
    source, _ = in_python_3(text, code.path)
    exec(compile(source, code.path, "exec"), vars(module))
    return module


def decoded(content: bytes) -> str:
    """Decode a Python file in the encoding that it declares."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
    return io.TextIOWrapper(io.BytesIO(content), encoding).read()


def not_text(content: bytes) -> str:
    """Return why Python cannot read a file as text, or ""."""
    try:
        text = decoded(content)
    except (SyntaxError, UnicodeDecodeError):
        return "it is binary, or text in an encoding that it does not declare: save it as UTF-8"
    return "it contains null bytes, as binary files and UTF-16 do: save it as UTF-8" if "\0" in text else ""


def in_python_3(source: str, path: str) -> tuple[str, bool]:
    """Return the source in Python 3, and whether it was written for Python 2; SyntaxError if it is neither."""
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(source, path, "exec")
    except TabError:  # in Python 2 a tab leads to the next multiple of 8
        return in_python_3(source.expandtabs(8), path)[0], True
    except SyntaxError as error:
        chevron = re.search(r"^\s*print\s*>>", source, re.MULTILINE)
        if "print" not in (error.msg or "") and not chevron:
            raise
        return with_print_functions(re.sub(r"(?m)^(\s*)print\s*>>\s*[\w.]+\s*,?", r"\1print ", source)), True
    return source, False


def with_print_functions(source: str) -> str:
    """Turn Python 2's print statements into calls: `print a, b` becomes `print(a, b)`."""
    lines = source.splitlines(keepends=True)
    edits: list[tuple[int, int, str]] = []  # (line, column, text to insert)
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
