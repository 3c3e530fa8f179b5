"""Cut a document into passages: by its headings first, then by size. Every passage remembers its place.

    for chunk in split(text, "tides.md"):
        assert chunk.text == text[chunk.start : chunk.end]

LangChain's splitter for Markdown headings rewrites whitespace, after which no place in the source is exact.
So the headings are found here, and its recursive splitter cuts what is still too long.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

CHUNK_CHARS = 450  # the longest passage: a paragraph or two
HEADING = re.compile(r"#{1,6}\s")
FENCE = re.compile(r" {0,3}(```|~~~)")
# Where a section may be cut, the best place first: paragraph, sentence, line, word, anywhere.
SEPARATORS = [r"\n[ \t]*\n", r"(?<=[.!?])\s+", r"\n", r" ", ""]


@dataclass(frozen=True)
class Chunk:
    """A passage of a document.

    Attributes:
        id: a hash of source, text and place: the same passage has the same id in every index.
        source: the document's name.
        text: the passage itself, exactly `source_text[start:end]`.
    """

    id: str
    source: str
    text: str
    start: int
    end: int


def split(text: str, source: str, size: int = CHUNK_CHARS) -> list[Chunk]:
    """The passages of a document, in order, none longer than `size` characters and none across a heading."""
    chunks = []
    for begin, end in _sections(text):
        for piece in _splitter(size).create_documents([text[begin:end]]):
            start = begin + piece.metadata["start_index"]
            chunks.append(_chunk(source, piece.page_content, start))
    return chunks


def _sections(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each section: a heading, or several in a row, with what stands under them.

    A # inside a code fence is a comment and no heading.
    """
    begin = position = 0
    has_body = fenced = False
    for line in text.splitlines(keepends=True):
        if FENCE.match(line):
            fenced = not fenced
        heading = not fenced and HEADING.match(line)
        if heading and has_body:
            yield begin, position
            begin, has_body = position, False
        elif not heading and line.strip():
            has_body = True
        position += len(line)
    yield begin, position


@lru_cache
def _splitter(size: int) -> RecursiveCharacterTextSplitter:
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    return RecursiveCharacterTextSplitter(
        SEPARATORS, keep_separator="end", is_separator_regex=True, chunk_size=size, chunk_overlap=0,
        add_start_index=True,
    )  # fmt: skip


def _chunk(source: str, text: str, start: int) -> Chunk:
    name = hashlib.sha256(f"{source}\0{start}\0{text}".encode(errors="surrogatepass")).hexdigest()[:24]
    return Chunk(name, source, text, start, start + len(text))
