"""Start the worker so that its own imports come from no folder with somebody's code.

python -P start.py FILE|MODULE NAME MEMORY [STEP COST]
With STEP and COST, which may be empty, the whole program is judged.
"""

import os
import sys
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location

HOME = os.path.abspath(os.path.join(os.path.dirname(__file__), *[os.pardir] * 3))  # where gradproof is


def without(folders: set[str]) -> list[str]:
    """Remove these folders, which PYTHONPATH may name, from sys.path and return the removed entries."""
    taken = [entry for entry in sys.path if os.path.realpath(entry) in folders]
    sys.path[:] = [entry for entry in sys.path if entry not in taken]
    return taken


def load_gradproof() -> None:
    """Import the gradproof that this file belongs to, even if another is installed."""
    home = os.path.join(HOME, "gradproof")
    spec = spec_from_file_location("gradproof", os.path.join(home, "__init__.py"), submodule_search_locations=[home])
    assert spec is not None
    assert spec.loader is not None
    sys.modules["gradproof"] = module = module_from_spec(spec)
    spec.loader.exec_module(module)


if __name__ == "__main__":
    path = os.path.realpath(sys.argv[1])
    taken = without({os.path.realpath(os.curdir), os.path.dirname(path)})
    if HOME not in sys.path:
        sys.path.append(HOME)
    load_gradproof()
    leave = os._exit
    room = import_module("gradproof.judge.isolation." + ("assessor" if len(sys.argv) > 4 else "worker"))
    # Python keeps gradproof's modules compiled, as importing takes twice as long without, but nobody else's.
    sys.dont_write_bytecode, os.environ["PYTHONDONTWRITEBYTECODE"] = True, "1"
    room.main(sys.argv[1], sys.argv[2], int(sys.argv[3]), taken, *sys.argv[4:6])
    leave(0)  # without waiting for threads that the code left behind
