"""The template of a script that shows a fault; `script` replaces each name between two @.

The script runs the program's file as it is. Python's own tracing finds where the step begins and ends. The numbers are
put in and read there, and the cost is read on the way.
"""

TEMPLATE = '''"""One step of a program in small numbers, next to difference quotients of its own cost."""

import ast
import contextlib
import io
import random
import sys

import numpy as np

FILE = @FILE@
GIVEN = @GIVEN@
SHOWN = @SHOWN@  # an element of each
MOVED = @AFTER@  # @WHERETO@
@DATA@@LINES@sys.path.insert(0, @FOLDER@)
sys.argv = [FILE]


class Done(BaseException):
    """The step has ended."""


def number(value):
    return float(np.ravel(value[0] if isinstance(value, tuple) else value)[-1])


def run(path="", element=(), h=0.0):
    """@WHAT@, and the cost, with h added to one element before the step."""
    step, before, after, costs, last = [], {}, {}, [], {}

    def value(frame, text):
        return eval(text, frame.f_globals, frame.f_locals)

    def begin(frame):
        step.append(frame)
        names = frame.f_globals if frame.f_locals is frame.f_globals else dict(frame.f_locals)
        for name, numbers in GIVEN.items():
            before[name] = names["_given"] = np.array(numbers, dtype=float)
            if name == path:
                before[name][element] += h
            put = f"{name}[:] = _given.tolist()" if np.ndim(numbers) else f"{name} = float(_given)"
            exec(put, frame.f_globals, names)
@BEGUN@
    def watch(frame, event, argument):
        file, line, function = frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name
        if file not in @FILES@:
            return None
@SEEN@        inside = event == "line" and file == @WHERE@ and line in range(@FIRST@, @LAST@)
        if not step and inside and function == @FUNCTION@:
            begin(frame)
        elif step and frame is step[0] and not inside and event in ("line", "return"):
            after.update({name: np.array(value(frame, text), dtype=float) for name, text in MOVED.items()})
@ENDED@            raise Done
        return watch

    random.seed(0)
    np.random.seed(0)
    names = {"__name__": @NAME@, "__file__": FILE}
    tree = ast.parse(open(FILE, encoding="utf8").read())
@KEPT@    sys.settrace(watch)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(tree, FILE, "exec"), names)
@DRIVEN@    except Done:
        pass
    finally:
        sys.settrace(None)
    return {name: @MOVED@ for name in GIVEN}, costs[-1]


H = 2.0**-17
for name, element in SHOWN.items():
    (moved, _), (_, above), (_, below) = run(), run(name, element, H), run(name, element, -H)
    move, quotient = moved[name][element], (above - below) / (2 * H)
    print(f"{name}{list(element) or ''} @VERB@ {move:.6g}, {move / quotient:.6g} times ", end="")
    print(f"(C(w + h) - C(w - h)) / 2h, which is {quotient:.6g}")
print("If every gradient is right, that factor is the same for all.")
'''
