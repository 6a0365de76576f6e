"""What cannot be written is refused before the work, not after it."""

import os
import socket
import subprocess
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gradproof import files
from gradproof.__main__ import gradproof_command
from gradproof.errors import GradproofError, MachineError
from gradproof.judge import decision
from gradproof.study.trial import Court


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Places where nothing can be written, whoever asks."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    bound = socket.socket(socket.AF_UNIX)
    monkeypatch.chdir(tmp_path)
    bound.bind("socket")
    bound.close()
    return {
        "a folder": tmp_path / "folder",
        "no such folder": tmp_path / "none" / "page.html",
        "a file for a folder": tmp_path / "file" / "page.html",
        "a socket": tmp_path / "socket",
        "a name too long": tmp_path / ("x" * 300),
        "a folder that takes none": Path("/proc/page.html"),
    }


def test_a_page_of_the_study_that_cannot_be_written_is_refused_before_a_line_is_tried(
    refused: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Court, "__init__", begun)
    for path in refused.values():
        with pytest.raises(
            (MachineError, click.UsageError), match=r"^cannot write to .*; choose another$|is a directory"
        ):
            CliRunner().invoke(
                gradproof_command, ["study", "-o", str(path)], standalone_mode=False, catch_exceptions=False
            )


def begun(*_: object) -> None:
    raise AssertionError("the work began")


@pytest.mark.parametrize("option", ["--junit", "--script", "--certificate"])
def test_a_file_of_check_that_cannot_be_written_is_refused_before_the_code_is_loaded(
    option: str, refused: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one in the place of the code, or of another."""
    monkeypatch.setattr(decision, "File", begun)
    monkeypatch.setattr(decision, "Assessment", begun)
    Path("mine.py").write_text("its code")
    Path("link.py").symlink_to("mine.py")
    wanted = [["mine.py", option, str(path)] for path in refused.values()]
    wanted += [[code, option, own] for code in ("mine.py", "mine.py:f", "mine") for own in ("mine.py", "link.py")]
    wanted += [["mine.py", option, "out", other, "./out"] for other in {"--junit", "--script"} - {option}]
    for arguments in wanted:
        with pytest.raises((GradproofError, click.UsageError), match=r"; choose another$|is a directory") as said:
            CliRunner().invoke(gradproof_command, ["check", *arguments], standalone_mode=False, catch_exceptions=False)
        assert said.value.exit_code in (2, 4)
    assert Path("mine.py").read_text() == "its code"


def test_of_work_that_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "File", begun)
    monkeypatch.setattr(decision, "Assessment", begun)
    monkeypatch.chdir(tmp_path)
    Path("mine.py").touch()
    outputs = ["--junit", "a", "--script", "b", "--certificate", "c"]
    with pytest.raises(AssertionError, match="the work began"):
        CliRunner().invoke(
            gradproof_command, ["check", "mine.py", *outputs], standalone_mode=False, catch_exceptions=False
        )
    assert os.listdir() == ["mine.py"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root writes as others")
def test_the_file_of_another_user_is_refused_where_that_keeps_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in /tmp; where the folder is one's own, it is replaced."""
    for folder, mode in (("shared", 0o1777), ("open", 0o777)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder).chmod(mode)
        (tmp_path / folder / "report.xml").touch()
    tmp_path.chmod(0o755)
    monkeypatch.chdir(tmp_path)  # in folders that are root's alone
    os.seteuid(12345)
    try:
        files.expect(Path("open/report.xml"))
        files.give(Path("open/report.xml"), "mine")
        with pytest.raises(MachineError, match="it belongs to another user; choose another"):
            files.expect(Path("shared/report.xml"))
        with pytest.raises(MachineError):
            files.give(Path("shared/report.xml"), "mine")
    finally:
        os.seteuid(0)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_folder_that_is_mounted_for_reading_alone_is_refused(tmp_path: Path) -> None:
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(tmp_path)], capture_output=True, timeout=20)
    if made.returncode:
        pytest.skip("this system lets nobody mount")
    try:
        with pytest.raises(MachineError, match="Read-only file system; choose another"):
            files.expect(tmp_path / "page.html")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True, timeout=20)


def test_what_can_be_written_is_expected_and_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    os.mkfifo(tmp_path / "pipe")
    for name in ("page.html", "there", "pipe"):
        files.expect(tmp_path / name)
    files.expect(Path("/dev/stdout"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pipe", "there"]
    assert (tmp_path / "there").read_text() == "before"
