"""A file that is written again and again, and what a reader sees meanwhile."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from whichworker import whole_files
from whichworker.apps import shims

TEXTS = (b"a" * 3_000_000, b"b" * 2_000_000)


def test_a_reader_never_sees_a_part(tmp_path: Path) -> None:
    place = whole_files.write(tmp_path / "page", TEXTS[0])
    done = threading.Event()

    def write() -> None:
        for number in range(30):
            whole_files.write(place, TEXTS[number % 2])
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen = {place.read_bytes() in TEXTS}
    while not done.is_set():
        seen.add(place.read_bytes() in TEXTS)
    writer.join()
    assert seen == {True}
    assert [one.name for one in tmp_path.iterdir()] == ["page"]


def test_a_link_is_followed_and_a_mode_kept(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.write_text("x")
    old.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(old)
    assert whole_files.write(link, b"new") == old
    assert (link.is_symlink(), old.read_text(), old.stat().st_mode & 0o777) == (True, "new", 0o640)


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "old"
    old.write_text("x")

    def full(_: Path, __: Path) -> Path:
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        whole_files.write(old, b"new")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("old", "x")]


def test_a_shim_stays_whole_while_another_command_writes_it(tmp_path: Path) -> None:
    text = shims.of_factory(shims.parse_call("shop:create_app('production')"))
    folder = Path(shims.write(tmp_path, text))
    module = folder / f"{shims.MODULE}.py"
    first = module.stat().st_ino
    assert shims.write(tmp_path, text) == str(folder)
    assert module.read_text() == text
    assert module.stat().st_ino != first, "a new file took the place of the old one"
