"""What a shell completes: options, line ids, conventions, costs, mistakes; the names of files are left to it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from gradproof.__main__ import gradproof_command
from gradproof.commands import completion
from gradproof.judge import catalogue
from gradproof.judge.float64 import costs, layouts
from gradproof.study import reader

LEDGER = Path(__file__).parent.parent / "docs/cross_entropy.toml"


def completed(*typed: str) -> list[str]:
    """What is offered for the last word; "file" where the names of files are left to the shell."""
    *args, begun = typed
    asked = ShellComplete(gradproof_command, {}, "gradproof", "_GRADPROOF_COMPLETE")
    return [item.value if item.type == "plain" else item.type for item in asked.get_completions(args, begun)]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        (["st"], ["study"]),
        (["study", "N3"], ["N3", "N30", "N31", "N32"]),
        (["study", "n31"], ["N31"]),
        (["study", "--notes", str(LEDGER), "X"], ["X1", "X2", "X3", "X4"]),
        (["study", "--notes", "no such file", ""], []),
        (["study", "--notes", __file__, ""], []),
        (["check", "--cost", "h"], ["hinge", "huber"]),
        (["check", "--cost=h"], ["hinge", "huber"]),
        (["check", "--convention", "s"], ["single", "sum"]),
        (["check", "--convention", "sum,rows,s"], ["sum,rows,single"]),
        (["check", "--rub"], ["--rubric"]),
        (["explain", ""], ["z", "a", "BP1", "BP2", "BP3", "BP4", "line", "step", "convention"]),
        (["explain", "BP3", "av"], ["averaged"]),
        (["explain", "bp3", "averaged", "NEU"], ["neurons"]),
        (["explain", "convention", "row"], ["rows", "row-biases"]),
        (["explain", "no", "such", "m"], []),
    ],
)
def test_what_is_begun_is_completed(typed: list[str], offered: list[str]) -> None:
    assert completed(*typed) == offered


@pytest.mark.parametrize(
    "typed",
    [
        *(["check", ""], ["check", "a.py", "my"], ["check", "--rubric", ""], ["check", "-o", ""], ["prove", ""]),
        *(["study", "--notes", ""], ["explain", "-o", ""], ["read", ""], ["read", "--run", ""], ["train", "--out", ""]),
    ],
)
def test_where_a_file_is_expected_its_name_is_left_to_the_shell(typed: list[str]) -> None:
    assert completed(*typed) == ["file"]


def test_what_is_offered_is_what_there_is() -> None:
    """The names are read without what they belong to."""
    assert (*layouts.DECLARED, *costs.DECLARED) == completion.CONVENTIONS
    assert completed("study", "") == [line.id for line in reader.load().lines]
    names = [name.replace("{t}", catalogue.NUMBER) for name in completion.names()]
    known = [entry for entry in catalogue.entries() if entry.place != catalogue.CONVENTION]
    assert sorted(name for name in names if not name.startswith("convention")) == sorted(
        f"{entry.place} {entry.name}" for entry in known
    )
    for word in completed("explain", "BP"):
        assert catalogue.find_entries([word])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a command gradproof, and a file whose name has a space."""
    folder = tmp_path_factory.mktemp("completion")
    (folder / "my net.py").write_text("")
    (folder / "gradproof").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m gradproof "$@"\n')
    (folder / "gradproof").chmod(0o755)
    return folder


def environment(place: Path, **more: str) -> dict[str, str]:
    return os.environ | {"PATH": f"{place}:{os.environ['PATH']}", "HOME": str(place)} | more


def test_nothing_large_is_imported_while_somebody_waits(place: Path) -> None:
    large = "numpy", "jax", "sympy", "flint", "matplotlib", "reference", "gradproof.judge.catalogue"
    code = (
        f"import sys\nfrom gradproof.__main__ import main\ntry:\n    main()\nfinally:\n"
        f"    print([name for name in {large} if name in sys.modules])"
    )
    for words in ("study N", "check --convention s", "explain BP2 s", "check ", "", "train --b"):
        more = {"_GRADPROOF_COMPLETE": "bash_complete", "COMP_WORDS": f"gradproof {words}"}
        more["COMP_CWORD"] = str(len(f"gradproof {words}".split(" ")) - 1)
        line = [sys.executable, "-c", code]
        ended = subprocess.run(line, env=environment(place, **more), capture_output=True, text=True, timeout=60)
        *offered, found = ended.stdout.splitlines()
        assert (found, ended.stderr) == ("[]", "")
        assert offered


SHELLS = {
    "bash": """eval "$(_GRADPROOF_COMPLETE=bash_source gradproof)"
compopt() { echo "$2"; }  # which the shell has only while somebody types
complete -p gradproof >&2
COMP_WORDS=(TYPED) COMP_CWORD=$((COUNT - 1))
_gradproof_completion gradproof
printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """autoload -U compinit; compinit -u -D
eval "$(_GRADPROOF_COMPLETE=zsh_source gradproof)"
compadd() { print -l -- $completions; }
_path_files() { echo "files"; }
words=(TYPED) CURRENT=COUNT
_gradproof_completion""",
    "fish": "_GRADPROOF_COMPLETE=fish_source gradproof | source; complete -C 'LINE'",
}
FILES = {"bash": "default", "zsh": "files", "fish": "my net.py"}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_it(shell: str, place: Path) -> None:
    """A real one, as it is turned on in README.md."""
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell}")

    def offered(*words: str) -> list[str]:
        typed = " ".join(f"'{word}'" for word in ("gradproof", *words))
        script = SHELLS[shell].replace("TYPED", typed).replace("COUNT", str(len(words) + 1))
        script = script.replace("LINE", " ".join(("gradproof", *words)))
        line = [shell, *["--norc"] * (shell == "bash"), *["-f"] * (shell == "zsh"), "-c", script]
        ended = subprocess.run(line, cwd=place, env=environment(place), capture_output=True, text=True, timeout=60)
        return [line.partition("\t")[0] for line in ended.stdout.splitlines() if line]

    assert offered("study", "N3") == ["N3", "N30", "N31", "N32"]
    assert offered("check", "--convention", "rows,s") == ["rows,single", "rows,sum"]
    assert offered("explain", "BP3", "av") == ["averaged"]
    assert FILES[shell] in offered("check", "my")
    if shell == "bash":
        assert offered("check", "--cost", "=", "h") == ["hinge", "huber"]
