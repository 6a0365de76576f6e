"""Starts the worker: what it imports for itself comes from no folder that somebody's code lies in.

python -P start.py FILE|MODULE NAME MEMORY
"""

import os
import sys

HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))  # where gradproof is


def without(folders: set[str]) -> list[str]:
    """The entries of sys.path, taken out of it, that are one of these folders, as PYTHONPATH may name them."""
    taken = [entry for entry in sys.path if os.path.realpath(entry) in folders]
    sys.path[:] = [entry for entry in sys.path if entry not in taken]
    return taken


if __name__ == "__main__":
    path = os.path.realpath(sys.argv[1])
    taken = without({os.path.realpath(os.curdir), os.path.dirname(path)})
    if HOME not in sys.path:
        sys.path.append(HOME)
    from gradproof.judge.worker import main

    leave = os._exit
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), taken)
    leave(0)  # threads that the code has left behind are not waited for
