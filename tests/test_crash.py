"""A fault of gradproof itself is one line and exit code 70 in every verb: 1 only ever means refuted."""

import os
import re
import subprocess
import sys
import tempfile

import pytest

from gradproof import __main__ as command_line
from gradproof import files
from gradproof.__main__ import VERBS, gradproof_command, main


def ended(monkeypatch, capfd, *arguments):
    """Exit code and stderr of the command line."""
    monkeypatch.setattr(sys, "argv", ["gradproof", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    out, err = capfd.readouterr()
    assert out == ""
    return caught.value.code, err


def raises(error):
    def fail(*_, **__):
        raise error

    return fail


FAULTS = [KeyError("x"), RecursionError(), ImportError("no module"), AssertionError(), ValueError("a\nb\x1b[2J\udcff")]
# Where the fault is: as a verb is imported, as its arguments are read, as it does its work.
PLACES = {
    "import": lambda patch, verb, fail: patch.setattr(command_line, "import_module", fail),
    "arguments": lambda patch, verb, fail: patch.setattr(type(found(verb)), "parse_args", fail),
    "work": lambda patch, verb, fail: patch.setattr(found(verb), "callback", fail),
}


def found(verb):
    return gradproof_command.get_command(None, verb)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("verb", VERBS)
def test_a_crash_ends_with_70_and_says_what_to_report(verb, place, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for number, error in enumerate(FAULTS, start=1):
        with monkeypatch.context() as patch:
            PLACES[place](patch, verb, raises(error))
            code, err = ended(patch, capfd, verb)
        kept = re.fullmatch(
            rf"gradproof: a bug in gradproof: {type(error).__name__}: [^\n]*; "
            r"please report it with (\S+), which has the traceback\n",
            err,
        )
        assert code == 70
        assert kept, err
        assert err.isprintable() or err.rstrip("\n").isprintable()
        with open(kept[1], encoding="utf8") as file:
            said = file.read()
        assert "Traceback" in said
        assert type(error).__name__ in said
        assert repr(["gradproof", verb]) in said
        assert os.stat(kept[1]).st_mode & 0o077 == 0
        assert len(list(tmp_path.iterdir())) == number


def test_a_traceback_that_cannot_be_kept_does_not_hide_the_crash(monkeypatch, capfd):
    monkeypatch.setattr(files.tempfile, "mkstemp", raises(FileNotFoundError(2, "No such file or directory")))
    monkeypatch.setattr(found("prove"), "callback", raises(KeyError("x")))
    code, err = ended(monkeypatch, capfd, "prove")
    assert code == 70
    assert err.endswith("please report it (its traceback could not be kept: No such file or directory)\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "out of memory"),
        (OSError(), "OSError"),
        (OSError(28, "No space left on device"), "[Errno 28] No space left on device"),
        (OSError(2, "No such file", "a\nb"), "[Errno 2] No such file: 'a\\nb'"),
    ],
)
def test_what_the_machine_fails_at_is_said(error, said, monkeypatch, capfd):
    monkeypatch.setattr(found("prove"), "callback", raises(error))
    assert ended(monkeypatch, capfd, "prove") == (4, f"gradproof: the machine failed: {said}\n")


@pytest.mark.parametrize("verb", VERBS)
def test_the_exit_code_is_right_though_nobody_can_be_told(verb):
    """Nothing that goes wrong on the way out may look like a refutation."""
    with open("/dev/full", "w") as full:
        line = [sys.executable, "-m", "gradproof", verb, "--nonsense"]
        assert subprocess.run(line, stdout=full, stderr=full, timeout=60).returncode == 2
        assert subprocess.run([*line[:4], "--help"], stdout=full, stderr=full, timeout=60).returncode == 4


def test_help_says_what_70_means(capfd):
    gradproof_command.main(["--help"], standalone_mode=False)
    assert "70 a bug in gradproof" in " ".join(capfd.readouterr().out.split())
