"""gradproof prove --log FOLDER: the proof in parts, by several processes, each with its own log.

The folder holds one file for each process, check-I-of-P.jsonl: a line that says what is being proven, then a line for
each stack judged. A process judges what is missing of its share. The process that finds all shares complete prints the
verdict, the others print how much is refuted so far. The processes share only the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click

from gradproof import files
from gradproof.errors import DataError, MachineError, UsageError
from gradproof.proof import bulk, theorem
from gradproof.proof.part import Part, part, read
from gradproof.proof.total import Total
from gradproof.train.checkpoint import versions

MARK = ', "sha256": "'  # what precedes the checksum of a line
LONGEST = 2**20  # bytes of a line; real ones have less than a hundredth of that


class Log:
    """The logs of all processes in a folder, of which this process writes one.

    Each line ends with its `sha256`, computed over the first line and the rest of its own. A line that was changed, or
    copied from another run, is reported and never counted.
    """

    def __init__(self, place: Path, process: int, processes: int, claim: dict[str, Any]) -> None:
        self.place, self.claim, self.processes = place, claim, processes
        self.own = place / f"check-{process}-of-{processes}.jsonl"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the process's log. Raises UsageError if it, or a log of another number of --processes, is in use."""
        try:
            self.place.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"cannot write to {self.place}: {error.strerror}; choose another --log") from None
        with _opened(self.own, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW) as handle:
            if not _locked(handle):
                raise UsageError(f"{self.own} is being written by another process; wait for it")
            for other in self.files():
                if not other.stem.endswith(f"-of-{self.processes}") and _in_use(other):
                    raise UsageError(f"{other} is being written; --processes must be the same for all of them")
            files.mend(self.own)
            if not self.own.stat().st_size:
                files.append(self.own, json.dumps(self.claim).encode())
            yield

    def files(self) -> list[Path]:
        return sorted(self.place.glob("check-*-of-*.jsonl"))

    def parts(self) -> Iterator[Part]:
        """Yield every stack judged, once. Raises DataError if a log is damaged, UsageError if it is of another run."""
        seen = bytearray(theorem.units(self.claim["architectures"]))
        for file in self.files():
            for number, line in enumerate(_lines(file), start=1):
                where = f"{file}, line {number}"
                if number == 1:
                    self._insist(line, file)
                    continue
                try:
                    found = self._read(line)
                except DataError as error:
                    raise DataError(f"{where}: {error}; delete that line and its stack is judged again") from None
                if not seen[found.unit]:
                    seen[found.unit] = True
                    yield found

    def add(self, part: Part) -> None:
        body = json.dumps(part._asdict(), ensure_ascii=False)
        files.append(self.own, f'{body[:-1]}{MARK}{self._checksum(body.encode())}"}}'.encode())

    def _checksum(self, body: bytes) -> str:
        return hashlib.sha256(json.dumps(self.claim).encode() + b"\n" + body).hexdigest()

    def _insist(self, line: bytes, file: Path) -> None:
        """Check that the first line of a log states the same claim as this run."""
        try:
            said = json.loads(line)
        except (ValueError, RecursionError):
            raise DataError(f"{file}, line 1: not a line of a log of gradproof prove; delete the file") from None
        if said != self.claim:
            raise UsageError(f"{file} is about {_named(said)}, not {_named(self.claim)}; choose another --log")

    def _read(self, line: bytes) -> Part:
        """Return the content of a line. Raises DataError if it was changed."""
        body, _, rest = line.rpartition(MARK.encode())
        body += b"}"
        if rest != f'{self._checksum(body)}"}}'.encode():
            raise DataError("was changed: its checksum does not match its content")
        try:
            return read(json.loads(body), self.claim["architectures"], self.claim["seed"])
        except (ValueError, RecursionError, AttributeError):
            raise DataError("not a line of a log of gradproof prove") from None


def judge(place: Path, process: int, processes: int, architectures: int, seed: int, dtype: str, quiet: bool) -> Log:
    """Judge the stacks still missing from this process's share, and return the logs of all processes."""
    import handcrafted
    from gradproof.commands.terminal import progress_bar

    claim = {"architectures": architectures, "seed": seed, "dtype": dtype, "versions": versions()}
    claim["sources"] = bulk.sources()
    log, total = Log(place, process, processes, claim), theorem.units(architectures)
    with log.lock(), progress_bar("stacks", shown=not quiet) as bar:
        share = range(process, total, processes)
        judged = {unit for unit, *_ in log.parts() if unit in share}
        missing = [unit for unit in share if unit not in judged]
        task = bar.add_task("judging", total=len(share), completed=len(share) - len(missing))
        found = theorem.chosen(handcrafted, missing, architectures, seed, dtype)
        try:
            for unit, stack in zip(missing, found, strict=True):
                log.add(part(unit, stack))
                bar.update(task, advance=1, refresh=True)
        except KeyboardInterrupt:
            raise click.Abort from None
        return log


def tell_so_far(total: Total, place: Path, architectures: int, as_json: bool) -> int:
    """Print what is known while stacks are still missing, and return the exit code: 1 if any is refuted, else 0."""
    judged, wrong = total.sums["stacks"], total.sums["refuted"]
    if as_json:
        verdict = "refuted" if wrong else None
        said = {"verdict": verdict, "judged": judged, "of": theorem.units(architectures), "refuted": wrong}
        click.echo(json.dumps(said, indent=1))
        return int(bool(wrong))
    click.echo(f"this share is done; in {place}: {total.sums['drawn']:,} of {architectures:,} networks")
    if wrong:
        click.echo(f"refuted already: {wrong} of {judged} stacks of networks")
    click.echo("the process that judges the last of them prints the verdict; or repeat this command then")
    return int(bool(wrong))


@contextmanager
def _opened(file: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a log. Raises DataError if it is not a file, MachineError if it cannot be opened."""
    with ExitStack() as stack:
        try:
            handle = stack.enter_context(files.opened(file, flags))
        except DataError as error:
            raise DataError(f"{file} {error}; choose another --log") from None
        except OSError as error:
            raise MachineError(f"cannot open {file}: {error.strerror}; choose another --log") from None
        yield handle


def _lines(file: Path) -> Iterator[bytes]:
    """Yield the complete lines of a log; the last line may still be incomplete."""
    with _opened(file) as handle, open(handle, "rb", closefd=False) as log:
        while (line := log.readline(LONGEST)).endswith(b"\n"):
            yield line[:-1]
        if len(line) == LONGEST:
            raise DataError(f"{file} holds a line of more than {LONGEST} bytes; choose another --log")


def _locked(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        pass
    return True


def _in_use(file: Path) -> bool:
    with _opened(file) as handle:
        return not _locked(handle)


def _named(claim: Any) -> str:
    said = claim if isinstance(claim, dict) else {}
    packages = " ".join(f"{name} {number}" for name, number in said.get("versions", {}).items())
    run = f"{said.get('architectures')} networks of seed {said.get('seed')} in {said.get('dtype')}"
    return f"{run} by {packages}, sources {str(said.get('sources'))[:12]}"
