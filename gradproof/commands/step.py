"""gradproof prove STEP.safetensors: judge again a step that `gradproof train --verify` refuted."""

from __future__ import annotations

import json
import math
from pathlib import Path

import click

EXIT = {"verified": 0, "refuted": 1, "undecided": 5}


def tell(path: str, as_json: bool) -> int:
    """Print the verdict on each equation and layer of a recorded step, and return the exit code."""
    from gradproof.numerics.verdict import Verdict, root
    from gradproof.train import proof, refuted_step

    at, step = refuted_step.load(Path(path))
    findings = proof.exactly(step)
    wrong = root(findings)
    undecided = any(f.undecided.any() for f in findings)
    verdict = Verdict.REFUTED if wrong else Verdict.UNDECIDED if undecided else Verdict.VERIFIED
    if as_json:

        def number(x: float) -> float | str:  # JSON has neither NaN nor infinity
            return x if math.isfinite(x) else str(x)

        rows = [
            {"equation": f.equation, "layer": f.layer, "elements": int(f.elements.sum()), "wrong": int(f.refuted.sum())}
            | {"index": f.element, "trouble": f.trouble}
            | {name: number(getattr(f, name)) for name in ("got", "expected", "bound", "ratio")}
            for f in findings
        ]
        click.echo(
            json.dumps({"verdict": verdict, "step": at, "backend": step.backend, "findings": rows}, allow_nan=False)
        )
        return EXIT[verdict]
    click.echo(f"step {at} of {step.backend}, {step.problem.sizes}, {step.problem.x.shape[1]} examples, eta {step.eta}")
    for f in findings:
        off = f"{int(f.refuted.sum())} of {int(f.elements.sum())} wrong"
        click.echo(f"  {f.equation:6} layer {f.layer}  {off:20}  worst {f.ratio:.3g} of its bound")
    click.echo(f"{verdict}{f': {wrong.equation} at layer {wrong.layer}' if wrong else ''}")
    return EXIT[verdict]
