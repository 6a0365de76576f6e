"""The process that judges somebody's whole program exactly, sends its document and ends.

`start` starts it, like the worker. Its folder is empty: files that the program writes are lost, and files that it would
read there are not found.
"""

import gc
import os
import random
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from gradproof.errors import DataError
from gradproof.judge.assessment import assess
from gradproof.judge.isolation import worker
from gradproof.judge.troubles import out_of_memory


def main(path: str, name: str, memory: int, folders: Sequence[str], step: str, cost: str) -> None:
    """Judge the file and send the answer."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    del folders  # modules beside the program are read and run exactly, not imported
    worker.limit_memory(memory)
    gc.set_threshold(100_000, 50, 100)  # exact numbers hold few cycles, and looking for them took a tenth of the time
    sys.argv = [path]  # for argparse: every option keeps its default
    random.seed(0)
    np.random.seed(0)
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            document = assess(path, name, step, cost, lambda refuted: worker.write(answers, {"document": refuted}, {}))
        worker.write(answers, {"document": document}, {})
    except DataError as error:
        worker.write(answers, {"trouble": ["load", str(error)]}, {})
    except MemoryError:  # of the judge itself, beside what the program takes
        worker.write(answers, {"trouble": ["raises", f"{path} {out_of_memory()}"]}, {})
    except BaseException as error:
        worker.write(answers, {"trouble": ["raises", worker.explained(error, path)]}, {})
