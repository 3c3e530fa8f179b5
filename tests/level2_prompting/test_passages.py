"""Passages: exact places, nothing lost, nothing across a heading, for any text at all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from level2_prompting.split import CHUNK_CHARS, split

# Any text, and text that looks like Markdown, with the line ends that people forget about.
PIECES = st.sampled_from(
    [
        "# One\n",
        "## Two\n",
        "\n",
        "\n\n",
        "```\n",
        "# x",
        "Words. More words? ",
        "- item\n",
        " ",
        "\u2028",
        "\x0b",
    ]
)
MARKDOWN = st.lists(PIECES | st.text(max_size=12), max_size=40).map("".join)


@given(MARKDOWN | st.text(), st.integers(1, 60))
@settings(deadline=None)
def test_every_passage_is_exactly_its_place_in_the_source(text: str, size: int) -> None:
    chunks = split(text, "a.md", size)
    covered = [False] * len(text)
    last = 0
    for chunk in chunks:
        assert chunk.text == text[chunk.start : chunk.end]
        assert 0 < len(chunk.text) <= size
        assert chunk.start >= last
        last = chunk.end
        covered[chunk.start : chunk.end] = [True] * (chunk.end - chunk.start)
    lost = [sign for sign, kept in zip(text, covered, strict=True) if not kept and not sign.isspace()]
    assert not lost
    assert len({chunk.id for chunk in chunks}) == len(chunks)


def test_a_passage_never_crosses_a_heading_and_a_heading_never_stands_alone() -> None:
    text = "# Sea\n\n## Tides\n\nThe moon pulls.\n\n## Waves\n\nThe wind pushes.\n"
    assert [chunk.text for chunk in split(text, "sea.md")] == [
        "# Sea\n\n## Tides\n\nThe moon pulls.",
        "## Waves\n\nThe wind pushes.",
    ]


def test_a_comment_in_code_is_no_heading() -> None:
    text = "Run this:\n\n```\n# first\nladder up\n```\n"
    assert len(split(text, "run.md")) == 1


def test_a_long_paragraph_is_cut_between_sentences() -> None:
    sentence = "The gate closes before the water rises, and opens again when it falls. "
    chunks = split(sentence * 20, "gate.md")
    assert len(chunks) > 2
    assert all(chunk.text.endswith("falls.") and len(chunk.text) <= CHUNK_CHARS for chunk in chunks)


def test_the_same_passage_elsewhere_has_another_id() -> None:
    same, other = split("Words.", "a.md")[0], split("Words.", "b.md")[0]
    assert same.id == split("Words.", "a.md")[0].id != other.id
