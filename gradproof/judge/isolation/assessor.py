"""The process in which a whole program of somebody else's is judged exactly; it sends one document and ends.

Started by `start`, as the worker is. Its folder is an empty one: what the program writes is lost, and what it would
read there is not found.
"""

import gc
import os
import random
import sys
import warnings
from collections.abc import Sequence

import numpy as np

from gradproof.errors import DataError
from gradproof.judge.assess import assess
from gradproof.judge.isolation import worker


def main(path: str, name: str, memory: int, folders: Sequence[str], step: str, cost: str) -> None:
    """Judge the file and answer."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    del folders  # modules beside the program are read and run exactly, not imported
    worker.limit_memory(memory)
    gc.set_threshold(100_000, 50, 100)  # exact numbers hold few cycles: to look for them took a tenth of the time
    sys.argv = [path]  # for argparse: every option has its default
    random.seed(0)
    np.random.seed(0)
    try:
        with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
            document = assess(path, name, step, cost)
        worker.write(answers, {"document": document}, {})
    except DataError as error:
        worker.write(answers, {"trouble": ["load", str(error)]}, {})
    except BaseException as error:
        worker.write(answers, {"trouble": ["raises", worker.explained(error, path)]}, {})
