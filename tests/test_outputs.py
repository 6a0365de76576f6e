"""What cannot be written is refused before the work, not after it."""

import os
import socket
import subprocess
from pathlib import Path

import pytest
from click import UsageError
from click.testing import CliRunner

from gradproof import files
from gradproof.__main__ import gradproof_command
from gradproof.errors import MachineError
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
    def work(*_: object) -> None:
        raise AssertionError("the work began")

    monkeypatch.setattr(Court, "__init__", work)
    for path in refused.values():
        with pytest.raises((MachineError, UsageError), match=r"^cannot write to .*; choose another$|is a directory"):
            CliRunner().invoke(
                gradproof_command, ["study", "-o", str(path)], standalone_mode=False, catch_exceptions=False
            )


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
