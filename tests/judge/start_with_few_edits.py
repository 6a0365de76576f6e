"""As gradproof/judge/isolation/start.py, in a process in which a correction is looked for among few edits."""

import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FEW = 60  # in place of `repair.RUNS`; the likeliest are tried first

if __name__ == "__main__":
    sys.path.append(str(ROOT))
    from gradproof.judge.lines import repair

    repair.RUNS = FEW
    runpy.run_path(str(ROOT / "gradproof/judge/isolation/start.py"), run_name="__main__")
