"""The process in which somebody else's backprop runs: it loads the code, calls it, and sends back arrays.

`start` starts it. Each request and each answer is one frame, on the pipes that were stdin and stdout. Two frames come
first: what was read, then what was loaded. The code's output is discarded, and its random numbers are the same in each
run. This guards against accidents – code that raises, exits, hangs, prints or takes all memory – not against malice.
"""

import os
import random
import resource
import sys
import traceback
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gradproof.judge import loading
from gradproof.judge.isolation import frames, signatures
from gradproof.judge.isolation.calls import called
from gradproof.judge.troubles import SubmissionError, out_of_memory, words

# Bound now, because the code may replace them.
_seed, _np_seed, _getpid, _exit = random.seed, np.random.seed, os.getpid, os._exit
ME = os.getpid()
JUDGE = os.path.dirname(os.path.dirname(__file__))


def read(stream: BinaryIO) -> tuple[Any, frames.Arrays] | None:
    """Return the next frame, or None at the end."""
    head = stream.read(frames.HEAD)
    return frames.unframed(stream.read(frames.size(head))) if len(head) == frames.HEAD else None


def write(stream: BinaryIO, meta: dict[str, Any], arrays: frames.Arrays) -> None:
    if _getpid() != ME:  # a fork left behind by the code: only the first process answers
        _exit(0)
    stream.write(frames.framed(meta, arrays))
    stream.flush()


def seeded(number: int) -> None:
    """Seed the random numbers of Python and of NumPy, differently for each number."""
    _seed(number)
    _np_seed(number)


def explained(error: BaseException, path: str) -> str:
    """Return the error in words, with the last line of the user's own code in its traceback."""
    if isinstance(error, SyntaxError):  # its str would repeat the line
        said = " ".join(f"{type(error).__name__}: {error.msg}".split())[:300]
        return f"{said} ({Path(error.filename or path).name}, line {error.lineno})"
    stack = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith(JUDGE)]
    own = [f for f in stack if f.filename == path] or [
        f for f in stack if "importlib" not in f.filename and f"{os.sep}site-packages{os.sep}" not in f.filename
    ]
    place = f"line {own[-1].lineno}: {own[-1].line}".rstrip(": ") if own else ""
    if isinstance(error, MemoryError):
        return out_of_memory(place)
    return words(error)[:300].rstrip(": ") + (f" ({place})" if own else "")


def limit_memory(most: int) -> None:
    """Limit the address space to this many bytes (0: leave it) or to the present limit if lower, and dump no core."""
    limits = [limit for limit in resource.getrlimit(resource.RLIMIT_AS) if limit != resource.RLIM_INFINITY]
    if most:
        least = min([most, *limits])
        resource.setrlimit(resource.RLIMIT_AS, (least, least))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _placed(subject: Any, meta: dict[str, Any]) -> list[Any] | None:
    """Return the file, the line, and what is said of the first line of the subject that is wrong; None without one."""
    from gradproof.judge.float64.costs import Cost
    from gradproof.judge.float64.layouts import Layout
    from gradproof.judge.float64.roots import placed

    factor, *others = meta["cost"]
    found = placed(subject, Layout(*meta["layout"]), Cost(Fraction(factor), *others), meta["seed"])
    return None if found is None else [*found[0], list(found[1])]


def main(path: str, name: str, memory: int, folders: Sequence[str]) -> None:
    """Answer until nobody asks. `folders` are those that `start` has kept out of the way of the imports above."""
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    limit_memory(memory)
    try:
        try:
            seeded(0)
            sys.path += folders
            code = loading.found(path)
            write(answers, {"source": code.text, "sha256": code.sha256}, {})
            subject, name = loading.loaded(code, name)
            about: dict[str, Any] = {"class": isinstance(subject, type), "updates": signatures.has_update(subject)}
            file, line = signatures.defined(subject)
            about |= {"name": name, "unjudged": signatures.not_judged(subject), "line": line if file == path else 0}
            write(answers, about, {})
        except SubmissionError as error:
            return write(answers, {"trouble": [error.kind, str(error)]}, {})
        for number, (meta, arrays) in enumerate(iter(lambda: read(requests), None), start=1):
            entries: frames.Arrays = {}
            seeded(number)  # for each call: with one seed for all, code that draws would seem to repeat itself
            try:
                if meta["request"] == "place":
                    write(answers, {"place": _placed(subject, meta)}, {})
                    continue
                problem = frames.unpacked(meta["lengths"], arrays)
                lengths, entries = frames.packed(called(subject, meta["request"], problem, meta["eta"], meta["size"]))
                answer: dict[str, Any] = {"lengths": lengths}
            except SubmissionError as error:
                answer = {"trouble": [error.kind, str(error)]}
            except BaseException as error:
                kind = "exits" if isinstance(error, SystemExit) else "raises"
                answer = {"trouble": [kind, explained(error, path)]}
            write(answers, answer, entries)
    except BaseException as error:
        write(answers, {"trouble": ["load", explained(error, path)]}, {})
    return None
