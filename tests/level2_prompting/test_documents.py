"""What can be indexed, and one sentence for each file that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from level2_prompting.documents import LONGEST_LINE, document, read
from level2_prompting.loaders import LARGEST_BYTES


def test_a_folder_is_read_by_contents_and_the_rest_is_said(tmp_path: Path) -> None:
    good = {"a.md": "Words.", "sub/b.txt": "More words.", "sub/c.MARKDOWN": "# C\n\nText."}
    bad = {
        "latin.md": b"caf\xe9",
        "empty.md": b" \n",
        "picture.md": b"\x89PNG\0\0",
        "line.txt": b"x" * 1_000_000,
    }
    ignored = {".hidden/x.md": b"Words.", "table.csv": b"1,2"}
    for name, data in {**{n: t.encode() for n, t in good.items()}, **bad, **ignored}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    documents, skipped = read([tmp_path, tmp_path / "nowhere.md", tmp_path / "table.csv"])
    assert {d.name: d.text for d in documents} == good
    said = {file.name: file.reason for file in skipped}
    assert set(said) == {*bad, "nowhere.md", "table.csv"}
    for name, word in {
        "latin.md": "not UTF-8", "empty.md": "empty", "picture.md": "not text",
        "line.txt": "a line of 1,000,000",
        "nowhere.md": "There is no file", "table.csv": "no document",
    }.items():  # fmt: skip
        assert word in said[name] and said[name].endswith(".") and "\n" not in said[name]


def test_the_text_is_what_python_reads(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.write_bytes("\ufeffOne\r\ntwo\rthree\n é".encode())
    (found,), _ = read([file])
    assert found.text == file.read_text(encoding="utf-8")


def test_two_files_of_one_name_are_told_apart_and_one_file_is_read_once(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.md").write_text(f"Words of {folder}.")
    documents, skipped = read([tmp_path / "one", tmp_path / "two", tmp_path / "one" / "a.md"])
    assert not skipped
    assert {d.text for d in documents} == {"Words of one.", "Words of two."}
    assert len({d.name for d in documents}) == 2


def test_a_folder_without_documents_is_said(tmp_path: Path) -> None:
    documents, (skipped,) = read([tmp_path])
    assert not documents and "holds no document" in skipped.reason


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "a.md"
    file.symlink_to("/proc/self/mem")  # opens, and fails at the first byte, for root too
    _, (skipped,) = read([file])
    assert "cannot be read" in skipped.reason


def test_limits_are_stated() -> None:
    with pytest.raises(ValueError, match=f"more than {LARGEST_BYTES:,}"):
        document("a.md", b"x \n" * LARGEST_BYTES)
    with pytest.raises(ValueError, match=f"more than {LONGEST_LINE:,}"):
        document("a.md", b"x" * (LONGEST_LINE + 1))
    assert document("a.md", b"x" * LONGEST_LINE).text
