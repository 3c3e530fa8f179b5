"""What is in a file, whatever it is called: HTML and PDF taken apart, hostile files refused in a sentence."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from pdf_files import pdf, said
from pypdf import PdfReader, PdfWriter

from level2_prompting import loaders
from level2_prompting.documents import document, page_at, read
from level2_prompting.split import split

PAGE = b"""<!DOCTYPE html><html><head><title>Tide gates</title><style>p {color: red}</style>
<script>document.write("# injected")</script></head>
<body><nav><a href="/">Home</a></nav>
<h1>Tide &amp; gate</h1><p>A gate <b>holds</b> back
   the sea.</p><!-- a remark --><h2>Parts<br>of it</h2><ul><li><p>Hinge</p></li><li>Leaf</li></ul>
<p hidden>Not shown.</p><table><tr><th>Width</th><td>4 m</td></tr></table>one<br>two
<pre>if x:
    # no heading
</pre><noscript>Switch it on.</noscript></body></html>"""
WORDS = """# Tide & gate

A gate holds back the sea.

## Parts of it

Hinge

Leaf

Width 4 m

one
two

```
if x:
    # no heading
```
"""


def test_html_is_its_words_with_headings_as_markdown_writes_them() -> None:
    found = document("gate.html", PAGE)
    assert found.text == WORDS
    chunks = split(found.text, found.name)
    assert [chunk.text.splitlines()[0] for chunk in chunks] == ["# Tide & gate", "## Parts of it"]
    assert all(found.text[c.start : c.end] == c.text for c in chunks)


def test_a_page_without_a_heading_has_its_title_and_optional_tags_may_be_missing() -> None:
    text = document("a.html", b"<html><head><title>Ferries</title><body><p>One<p>Two").text
    assert text == "# Ferries\n\nOne\n\nTwo\n"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("<p>café</p>".encode(), "café\n"),
        ('<meta charset="iso-8859-1"><p>café</p>'.encode("latin-1"), "café\n"),
        (b"<p>&#xD800;&lt;b&gt; &nbsp; x</p>", "\ufffd<b> x\n"),
    ],
)
def test_html_is_read_in_the_characters_it_is_written_in(data: bytes, text: str) -> None:
    assert document("a.html", data).text == text


def test_contents_decide_and_the_name_only_where_nothing_else_can() -> None:
    assert document("a.txt", PAGE).text == document("a.html", PAGE).text
    assert document("a.md", pdf([said("A gate.")])).text.strip() == "A gate."
    readme = b'<p align="center">Logo</p>\n\n# Title\n'
    assert document("readme.md", readme).text == readme.decode()
    assert document("readme.html", readme).text == "Logo\n\n# Title\n"
    assert document("plain.htm", b"2 < 3\n\nand so on").text == "2 < 3\n\nand so on"


def test_a_pdf_is_its_pages_joined_and_a_place_names_its_page() -> None:
    found = document("a.pdf", pdf([said("First page."), said("Second", "page."), said("Third.")]))
    assert [found.text[start:].split()[0] for start in found.pages] == ["First", "Second", "Third."]
    for number, word in enumerate(["First", "Second", "Third"], 1):
        assert page_at(found.pages, found.text.index(word)) == number
    assert page_at(found.pages, len(found.text)) == 3
    assert page_at((), 7) is None


def encrypted(password: str) -> bytes:
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf([said("A secret.")]))))
    writer.encrypt(user_password=password, owner_password="owner", algorithm="AES-256")
    out = BytesIO()
    writer.write(out)
    return out.getvalue()


def archive() -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("a.md", "# Words")
    return out.getvalue()


def test_an_empty_password_is_none() -> None:
    assert document("a.pdf", encrypted("")).text.strip() == "A secret."


BOMB = pdf([b" " * (loaders.MOST_UNPACKED + 1)])
NESTED = [b" ".join([b"/X%d Do" % (n + 1)] * 10) for n in range(9)] + [said("boom")]
HOSTILE = {
    "secret.pdf": (encrypted("key"), "it is encrypted"),
    "cut.pdf": (pdf([said("Words.")])[:300], "it is a broken PDF"),
    "noise.pdf": (b"%PDF-1.7\n" + bytes(range(256)) * 40, "it is a broken PDF"),
    "scan.pdf": (pdf([b"0 0 m 9 9 l S"]), "only pictures"),
    "bomb.pdf": (BOMB, "it unpacks to far more"),
    "pages.pdf": (pdf([said("x")], count=loaders.MOST_PAGES + 1), "it has 2,001 pages"),
    "no.pdf": (b"Only words.", "it is no PDF"),
    "zip.pdf": (archive(), "it is a ZIP archive"),
    "zip.txt": (archive(), "it is a ZIP archive"),
    "line.txt": (b"x" * 1_000_000, "it has a line of 1,000,000"),
    "line.html": (b"<html><p>" + b"x" * 1_000_000, "it has a line of 1,000,000"),
    "nul.txt": (b"words\0words", "NUL bytes"),
    "nul.html": (b"<html><p>words\0</p>", "NUL bytes"),
    "script.html": (b"<html><script>" + b"alert(1);" * 1000, "it is empty"),
    "large.html": (b"<html>" + b"x " * 5_000_000, "it has 10,000,006 bytes"),
}


def test_hostile_files_get_a_sentence_each_and_the_rest_is_read(tmp_path: Path) -> None:
    good = {"a.md": b"# Gate\n\nWords.", "deep.html": b"<html>" + b"<div><b>" * 50_000 + b"found</html>"}
    good["headings.md"] = b"".join(b"# Heading %d\n\nWords.\n\n" % n for n in range(5_000))
    for name, data in {**good, **{name: data for name, (data, _) in HOSTILE.items()}}.items():
        (tmp_path / name).write_bytes(data)
    documents, skipped = read([tmp_path])
    assert {found.name for found in documents} == set(good)
    assert next(found.text for found in documents if found.name == "deep.html") == "found\n"
    headings = next(found.text for found in documents if found.name == "headings.md")
    assert len(split(headings, "headings.md")) == 5_000
    reasons = {file.name: file.reason for file in skipped}
    assert reasons.keys() == HOSTILE.keys()
    for name, (_, words) in HOSTILE.items():
        assert words in reasons[name], reasons[name]
        assert reasons[name].endswith(".") and "\n" not in reasons[name]


def test_forms_that_draw_each_other_without_end_come_to_an_end() -> None:
    nested = pdf([b"/X0 Do"], forms=NESTED)  # 10⁹ times boom
    assert "boom" in document("a.pdf", nested).text  # pypdf draws the first few hundred


def test_what_takes_too_long_to_read_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "LONGEST_S", 0.2)
    endless = {"a.html": b"<html>" + b"<!--" * 50_000, "a.pdf": pdf([b"BT " + b"0 Tc " * 300_000 + b"ET"])}
    for name, data in endless.items():
        with pytest.raises(ValueError, match=r"takes more than 0\.2 seconds"):
            document(name, data)


def test_the_text_of_a_pdf_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaders, "MOST_CHARACTERS", 20)
    assert document("a.pdf", pdf([said("short")])).text
    with pytest.raises(ValueError, match="more than 20 characters"):
        document("a.pdf", pdf([said("twelve chars"), said("twelve chars")]))
