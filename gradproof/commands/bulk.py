"""gradproof check --log FOLDER: the proof in parts, by as many processes as there are, each with a log of its own.

The folder holds one file for each process, check-I-of-P.jsonl: a line that says what is proven, then a line for each
stack judged. What is in any of them is judged; a process goes on with what is missing of its share, and whoever finds
nothing missing tells the verdict; the others tell what is refuted by then. The processes need not see each other, only
the folder.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from gradproof.errors import DataError, MachineError, UsageError
from gradproof.proof import bulk, theorem
from gradproof.proof.bulk import Part
from gradproof.train import folder
from gradproof.train.checkpoint import versions


class Log:
    """The logs of all processes in a folder, of which this process writes one."""

    def __init__(self, place: Path, process: int, processes: int, claim: dict[str, Any]) -> None:
        self.place, self.claim, self.processes = place, claim, processes
        self.own = place / f"check-{process}-of-{processes}.jsonl"

    @contextmanager
    def held(self) -> Iterator[None]:
        """No other process writes this log meanwhile, nor one that shares the work out among another number."""
        try:
            self.place.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.own, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise MachineError(f"cannot write to {self.place}: {error.strerror}; choose another --log") from None
        try:
            if not _locked(handle):
                raise UsageError(f"{self.own} is being written by a process that still runs; wait for it")
            for other in self.files():
                if not other.stem.endswith(f"-of-{self.processes}") and _in_use(other):
                    raise UsageError(f"{other} is being written; --processes must be the same for all at work")
            folder.mend(self.own)
            if not self.own.stat().st_size:
                folder.append(self.own, json.dumps(self.claim).encode())
            yield
        finally:
            os.close(handle)

    def files(self) -> list[Path]:
        return sorted(self.place.glob("check-*-of-*.jsonl"))

    def parts(self) -> dict[int, Part]:
        """Every stack that is judged, by its number. DataError if a log is damaged or about another run."""
        found: dict[int, Part] = {}
        for file in self.files():
            whole, _, _half = file.read_bytes().rpartition(b"\n")  # a line may be on its way to the disk
            for number, line in enumerate(whole.splitlines(), start=1):
                try:
                    said = json.loads(line)
                    if number > 1:
                        read = Part(**said)
                        found.setdefault(read.unit, read)
                except (ValueError, TypeError):
                    raise DataError(f"{file}, line {number}: no line of a log of gradproof check; delete it") from None
                if number == 1 and said != self.claim:
                    raise UsageError(f"{file} is about {_named(said)}, not {_named(self.claim)}; choose another --log")
        return found

    def add(self, part: Part) -> None:
        folder.append(self.own, json.dumps(part._asdict(), ensure_ascii=False).encode())


def judge(
    place: Path, process: int, processes: int, architectures: int, seed: int, dtype: str, quiet: bool
) -> list[Part]:
    """This process's share of the stacks, or what is missing of it, judged; every part that there is then."""
    import handcrafted
    from gradproof.commands.terminal import progress_bar

    claim = {"architectures": architectures, "seed": seed, "dtype": dtype, "versions": versions()}
    claim["sources"] = bulk.sources()
    log, total = Log(place, process, processes, claim), theorem.units(architectures)
    with log.held(), progress_bar("stacks", shown=not quiet) as bar:
        judged = log.parts()
        share = range(process, total, processes)
        missing = [unit for unit in share if unit not in judged]
        task = bar.add_task("judging", total=len(share), completed=len(share) - len(missing))
        found = theorem.chosen(handcrafted, missing, architectures, seed, dtype)
        try:
            for unit, stack in zip(missing, found, strict=True):
                log.add(bulk.part(unit, stack))
                bar.update(task, advance=1, refresh=True)
        except KeyboardInterrupt:
            raise click.Abort from None
        return [part for _, part in sorted(log.parts().items())]


def tell_so_far(parts: list[Part], place: Path, architectures: int, as_json: bool) -> int:
    """What is known while others are still at work, in stacks; the exit code, 1 as soon as one of them is refuted."""
    wrong = [part for part in parts if part.faults]
    if as_json:
        verdict = "refuted" if wrong else None
        said = {"verdict": verdict, "judged": len(parts), "of": theorem.units(architectures), "refuted": len(wrong)}
        click.echo(json.dumps(said, indent=1))
        return int(bool(wrong))
    networks = sum(part.networks for part in parts if part.source != "digits")
    click.echo(f"this share is judged; in {place}: {networks:,} of {architectures:,} networks")
    if wrong:
        click.echo(f"refuted already: {len(wrong)} of {len(parts)} stacks of networks")
    click.echo("the process that judges the last of them tells the verdict; so does this command, typed again then")
    return int(bool(wrong))


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _in_use(file: Path) -> bool:
    handle = os.open(file, os.O_RDONLY)
    try:
        return not _locked(handle)
    finally:
        os.close(handle)


def _named(claim: Any) -> str:
    said = claim if isinstance(claim, dict) else {}
    packages = " ".join(f"{name} {number}" for name, number in said.get("versions", {}).items())
    run = f"{said.get('architectures')} networks of seed {said.get('seed')} in {said.get('dtype')}"
    return f"{run} by {packages}, sources {str(said.get('sources'))[:12]}"
