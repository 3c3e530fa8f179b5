"""The text of a file, whatever it is called: Markdown and plain text as they are, HTML and PDF taken apart.

    text, pages = load(Path("report.pdf").read_bytes(), ".pdf")

What comes out is the document: it is what is split, quoted and shown, and all offsets count in it. The kind
is told from the bytes. Only between Markdown that begins with a tag and a piece of HTML the name decides,
because nothing else can.

A file may be broken, or made to do harm: to unpack into gigabytes, to nest without end. So every loader has
limits, and says in a few words which one was passed.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bs4 import BeautifulSoup

LARGEST_BYTES = 10_000_000  # of a text or HTML; some 20 novels
LARGEST_PDF = 50_000_000  # bytes: most of them are pictures
MOST_CHARACTERS = LARGEST_BYTES  # of text in a PDF
MOST_PAGES = 2_000
MOST_UNPACKED = 10_000_000  # bytes that one part of a PDF may unpack to; pypdf's own limit is 75 million
MOST_FORMS = 500  # drawings that a page may draw within each other; pypdf's own limit is 5,000
LONGEST_S = 60  # seconds for one file: a page of a PDF takes some 0.02, a megabyte of HTML some 3

PAGE_MARK = "\n\n"  # between two pages
HTML_START = re.compile(rb"(?>\s|<!--.*?-->|<\?xml[^>]*>)*+<(!doctype\s+html|html|head|body)\b", re.I | re.S)
TAG = re.compile(rb"<[a-z!/][^<>]*>", re.I)
# Not the document's words: programs, looks, and what leads elsewhere.
GONE = frozenset({"script", "style", "template", "noscript", "nav", "title", "svg", "iframe", "object"})
HEADINGS = {f"h{level}": "#" * level for level in range(1, 7)}
# Elements that stand on lines of their own; everything else is part of a line.
BLOCKS = frozenset({
    "address", "article", "aside", "blockquote", "body", "caption", "dd", "details", "div", "dl", "dt",
    "fieldset", "figcaption", "figure", "footer", "form", "header", "hr", "html", "legend", "li", "main",
    "ol", "p", "section", "summary", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip


class Unreadable(ValueError):
    """Why a file has no text to index, in words that follow "it is left out: "."""


def load(data: bytes, suffix: str = "") -> tuple[str, tuple[int, ...]]:
    """The text of a file, and where each page begins in it; no pages but for a PDF.

    Args:
        suffix: the end of the file's name, as in `.html`.

    Raises:
        Unreadable: it has no text, or too much.
    """
    kind = _kind(data, suffix)
    most = LARGEST_PDF if kind == "pdf" else LARGEST_BYTES
    if len(data) > most:
        raise Unreadable(f"it has {len(data):,} bytes, more than {most:,}")
    if kind == "pdf":
        text, pages = _pdf(data)
    else:
        text, pages = _html(data) if kind == "html" else _plain(data), ()
    if not text.strip():
        raise Unreadable("it holds no text, only pictures (a scan?)" if kind == "pdf" else "it is empty")
    return text, pages


def _kind(data: bytes, suffix: str) -> str:
    """What a file is: `pdf`, `html` or `plain`."""
    if b"%PDF-" in data[:1024]:
        return "pdf"
    if data.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise Unreadable("it is a ZIP archive, whatever its name says (a Word file is one too)")
    if b"\0" in data:
        raise Unreadable("it holds NUL bytes, so it is not text, whatever its name says")
    if suffix.lower() == ".pdf":
        raise Unreadable("it is no PDF, whatever its name says")
    named = suffix.lower() in {".html", ".htm"}
    if HTML_START.match(data.removeprefix(b"\xef\xbb\xbf")[:4096]) or (named and TAG.search(data)):
        return "html"
    return "plain"


def _plain(data: bytes) -> str:
    """What `Path.read_text(encoding="utf-8")` gives."""
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise Unreadable(f"it is not UTF-8 text (byte {error.start:,})") from None


def _html(data: bytes) -> str:
    """The words of a page, a paragraph a block, with headings as Markdown writes them.

    The tree is walked with a list of what is still to come, not by functions that call themselves: tags may
    be nested deeper than Python's stack is.
    """
    from bs4 import NavigableString, Tag
    from bs4.element import PreformattedString

    soup = _soup(data)
    blocks: list[str] = []
    line: list[str] = []

    def end_block() -> None:
        rows = [" ".join(row.split()) for row in "".join(line).split("\n")]  # \n is only where a <br> was
        blocks.append("\n".join(filter(None, rows)))
        line.clear()

    title = soup.title.get_text() if soup.title and not soup.h1 else ""
    blocks.append(_heading("#", title))
    todo: list[Tag | NavigableString | None] = [soup]  # None: a block ends here
    while todo:
        node = todo.pop()
        if node is None:
            end_block()
        elif not isinstance(node, Tag):
            if not isinstance(node, PreformattedString):  # comments and the like
                line.append(re.sub(r"\s+", " ", node))
        elif node.name in GONE or node.has_attr("hidden"):
            continue
        elif node.name == "br":
            line.append("\n")
        elif node.name in HEADINGS:
            end_block()
            for rest in node("br"):
                rest.replace_with("\n")
            blocks.append(_heading(HEADINGS[node.name], node.get_text()))
        elif node.name == "pre":
            end_block()
            blocks.append(f"```\n{node.get_text().strip(chr(10))}\n```")
        else:
            if node.name in BLOCKS:
                end_block()
                todo.append(None)
            if node.name in {"td", "th"}:
                line.append(" ")
            todo.extend(reversed(node.contents))  # type: ignore[arg-type]
    end_block()
    return _clean("\n\n".join(filter(None, blocks)) + "\n")


def _soup(data: bytes) -> BeautifulSoup:
    """The tree of a page. UTF-8 where it can be; else what the page says it is written in."""
    from bs4 import BeautifulSoup
    from bs4.exceptions import ParserRejectedMarkup

    try:
        markup: str | bytes = data.decode("utf-8")
    except UnicodeDecodeError:
        markup = data
    in_time = _watch()

    class Timed(BeautifulSoup):
        """Python's own parser takes the square of the length for a file of `<!--` that are never closed."""

        def handle_data(self, data: str) -> None:
            in_time()
            super().handle_data(data)

        def handle_starttag(self, *about: Any, **more: Any) -> Any:
            in_time()
            return super().handle_starttag(*about, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it looks like XML or like an address: it is read all the same
        try:
            return Timed(markup, "html.parser")
        except ParserRejectedMarkup:
            raise Unreadable("it is broken HTML") from None


def _watch() -> Callable[..., None]:
    """A function to call at every step, whatever it is called with: it raises when the time is over."""
    ends = time.monotonic() + LONGEST_S

    def in_time(*_: object) -> None:
        if time.monotonic() > ends:
            raise Unreadable(f"reading it takes more than {LONGEST_S} seconds")

    return in_time


def _heading(marks: str, words: str) -> str:
    flat = " ".join(words.split())
    return f"{marks} {flat}" if flat else ""


def _pdf(data: bytes) -> tuple[str, tuple[int, ...]]:
    """The words of all pages, and where each page begins."""
    from pypdf import PdfReader, apply_configuration
    from pypdf.errors import LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # what it mends by itself is nobody's concern
    in_time = _watch()
    try:
        with apply_configuration(
            zlib_maximum_output_length=MOST_UNPACKED, lzw_maximum_output_length=MOST_UNPACKED,
            run_length_maximum_output_length=MOST_UNPACKED,
            array_based_stream_maximum_output_length=MOST_UNPACKED,
            xform_maximum_invocations_per_extraction=MOST_FORMS,
        ):  # fmt: skip
            reader = PdfReader(BytesIO(data))
            if reader.is_encrypted and not reader.decrypt(""):  # many are, with an empty password
                raise Unreadable("it is encrypted; save it without its password first")
            if len(reader.pages) > MOST_PAGES:
                raise Unreadable(f"it has {len(reader.pages):,} pages, more than {MOST_PAGES:,}")
            texts: list[str] = []
            size = 0
            for page in reader.pages:
                texts.append(_clean(page.extract_text(visitor_operand_before=in_time)))
                size += len(texts[-1])
                in_time()
                if size > MOST_CHARACTERS:
                    raise Unreadable(f"it holds more than {MOST_CHARACTERS:,} characters of text")
    except Unreadable:
        raise
    except LimitReachedError:
        raise Unreadable("it unpacks to far more than a document holds") from None
    except Exception:  # a broken file makes a parser stumble in every way there is
        raise Unreadable("it is a broken PDF") from None
    return _joined(texts)


def _joined(texts: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    starts, at = [], 0
    for text in texts:
        starts.append(at)
        at += len(text) + len(PAGE_MARK)
    return PAGE_MARK.join(texts), tuple(starts)


def _clean(text: str) -> str:
    """Without what no text holds: NULs, and halves of a character."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
