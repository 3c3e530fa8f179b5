"""A passage in its context: the headings above it, put before it when it is embedded and cut into words.

    in_context(chunks)[3]    # "BM25 > The index behind it\\n\\nBefore counting, text is prepared …"

"It grows with the logarithm" says little by itself. Anthropic's "Contextual Retrieval" (2024) has a model
write a sentence for each passage; the title and the headings cost nothing. What is shown and quoted stays
the passage's own text, with its own place.
"""

from __future__ import annotations

from collections.abc import Sequence

from level2_prompting.split import FENCE, HEADING, Chunk


def in_context(chunks: Sequence[Chunk]) -> list[str]:
    """Each passage with its heading path before it; a passage with no heading above it as it is.

    Args:
        chunks: the passages of whole documents, each document's in the order of its text.
    """
    return [
        f"{path}\n\n{chunk.text}" if path else chunk.text
        for chunk, path in zip(chunks, heading_paths(chunks), strict=True)
    ]


def heading_paths(chunks: Sequence[Chunk]) -> list[str]:
    """For each passage the headings that stand before it and apply to it, the outermost first.

    A heading with which the passage begins is not among them: the passage says it itself.
    """
    paths: list[str] = []
    above: dict[int, str] = {}  # by level, in the order of the levels
    source, fenced = None, False
    for chunk in chunks:
        if chunk.source != source:
            source, above, fenced = chunk.source, {}, False
        path = None
        for line in chunk.text.splitlines():
            fenced ^= bool(FENCE.match(line))
            heading = None if fenced else HEADING.match(line)
            level = len(heading[0].rstrip()) if heading else 7
            above = {higher: title for higher, title in above.items() if higher < level}
            path = " > ".join(above.values()) if path is None else path  # what applies to the first line
            if heading:
                above[level] = line[heading.end() :].strip(" #")
        paths.append(path or "")
    return paths
