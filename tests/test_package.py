"""What is installed: every import is declared and every dependency imported, help names nothing that the wheel leaves
out, and a set-up begins with the right Python or not at all."""

import ast
import email
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.test_walls import PACKAGES, imports, sources
from tests.thorough import THOROUGH

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ANOTHERS = {"pytest"}  # which alone loads the plugin that imports it


def imported() -> set[str]:
    """The distributions that the three packages import, wherever in a module."""
    found = {
        name.partition(".")[0]
        for package in PACKAGES
        for where, tree in sources(ROOT, package)
        for name in imports(tree, where)
    }
    known = packages_distributions()
    return {known[name][0].lower() for name in found - set(sys.stdlib_module_names) - set(PACKAGES)}


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    declared = {re.split(r"[<>=!~ \[;]", line)[0].lower() for line in PROJECT["dependencies"]}
    assert imported() - ANOTHERS == declared


def built(place: Path) -> Path:
    """The wheel of this checkout."""
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (file,) = place.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    with zipfile.ZipFile(built(tmp_path_factory.mktemp("wheel"))) as content:
        yield content


@pytest.mark.skipif(not THOROUGH, reason="builds the wheel again")
def test_a_wheel_that_is_built_twice_is_the_same_to_the_byte(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    assert wheel.filename
    assert built(tmp_path).read_bytes() == Path(wheel.filename).read_bytes()


def metadata(wheel: zipfile.ZipFile) -> email.message.Message:
    (name,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
    return email.message_from_bytes(wheel.read(name))


def test_every_file_that_a_message_or_help_names_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    files, modules = set(wheel.namelist()), [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    named = {name for path in modules for name in re.findall(r'manual\.named\(["\'](.*?)["\']\)', path.read_text())}
    assert {"ledger.md", "bounds.md"} <= named
    assert {f"gradproof/docs/{name}" for name in named} <= files
    kept = {str(path.relative_to(ROOT)) for path in (ROOT / "gradproof").rglob("*") if path.is_file()}
    assert {name for name in kept if "__pycache__" not in name} <= files


def test_no_text_that_is_shown_names_a_file_of_docs_by_itself() -> None:
    """Of the repository: who installed a wheel has none of that name."""
    for package in PACKAGES:
        for where, tree in sources(ROOT, package):
            for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
                assert "docs/" not in ast.unparse(call), where


def test_the_metadata_name_both_licences_and_link_to_nothing_that_is_not_there(wheel: zipfile.ZipFile) -> None:
    told = metadata(wheel)
    assert told["License-Expression"] == "MIT AND CC-BY-SA-3.0"
    assert len(told.get_all("License-File") or []) == 2
    links = re.findall(r"\]\((.*?)\)", str(told.get_payload()))
    assert [link for link in links if "://" not in link] == []


def test_the_citation_is_of_this_version() -> None:
    assert f"version: {PROJECT['version']}\n" in (ROOT / "CITATION.cff").read_text("utf8")


STUB = """#!/bin/sh
echo "$@" >> calls
case "$1" in
  -c) exec {python} -c "import sys; sys.version_info = ({version}, 'final', 0); $2" ;;
  --version) echo "Python {version}" ;;
  -m) mkdir -p .venv/bin; printf '#!/bin/sh\\nexit 0\\n' > .venv/bin/python; chmod +x .venv/bin/python ;;
esac
"""


def made(place: Path, version: str) -> subprocess.CompletedProcess[str]:
    """`make setup` in a folder with spaces in its name, with a Python that says it is of that version."""
    place.mkdir(exist_ok=True)
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        (place / name).write_bytes((ROOT / name).read_bytes())
    (place / "stub").write_text(STUB.format(python=sys.executable, version=version))
    (place / "stub").chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    line = ["make", "setup", "PYTHON=./stub"]
    return subprocess.run(line, cwd=place, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("version", ["2, 7, 18", "3, 10, 13"])
def test_set_up_says_which_python_it_needs_and_makes_nothing(version: str, tmp_path: Path) -> None:
    done = made(tmp_path / "a b", version)
    said = rf"Makefile:\d+: \*\*\* gradproof needs Python 3\.11 or later, .*; ./stub is Python {version}; .*Stop\.\n"
    assert re.fullmatch(said, done.stderr)
    assert (done.returncode, done.stdout) == (2, "")
    assert not (tmp_path / "a b/.venv").exists()


def test_a_half_made_environment_is_made_anew_and_a_whole_one_stays(tmp_path: Path) -> None:
    half = tmp_path / "a b/.venv/lib/half"
    half.mkdir(parents=True)
    assert made(tmp_path / "a b", "3, 12, 1").returncode == 0
    assert not half.exists()
    assert (tmp_path / "a b/.venv/installed").exists()
    half.mkdir(parents=True)
    os.utime(tmp_path / "a b/.venv/installed", (2**32, 2**32))  # the files are copied once more
    assert made(tmp_path / "a b", "3, 12, 1").returncode == 0
    assert half.exists()
