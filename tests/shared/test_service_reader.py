"""The extractive engine: which sentences there are, which are chosen, and what a question is."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.encoder import Encoder
from shared.grounding import Source, sources_block
from shared.service.engines.base import Message
from shared.service.engines.reader import (
    MARGIN,
    THRESHOLD,
    Evidence,
    Reader,
    choose,
    last_question,
    latest_sources,
    overlap,
    stems,
)
from shared.service.engines.sentences import sentences

MARKDOWN = """# Tides

Underlined
----------

The sea rises, e.g. in spring. It falls
again. Dr. Smith (J. R. Smith et al. 2019) said so! "Is it 3.5 m?" she asked.

- One thing
- Another thing. With more.
1. First, do this.
   It goes on.

```python
x = 1. Y = 2.
```

> A quote. Two.
Last one without a stop
"""


def test_prose_and_list_items_are_sentences_headings_and_code_are_not() -> None:
    assert [s.text for s in sentences(MARKDOWN)] == [
        "The sea rises, e.g. in spring.",
        "It falls again.",
        "Dr. Smith (J. R. Smith et al. 2019) said so!",
        '"Is it 3.5 m?" she asked.',
        "One thing",
        "Another thing.",
        "With more.",
        "First, do this.",
        "It goes on.",
        "A quote.",
        "Two.",
        "Last one without a stop",
    ]


@given(st.text(st.sampled_from("aB1.!? \n-#>*`|=\"'。é")))
def test_every_sentence_is_where_it_says(text: str) -> None:
    found = sentences(text)
    for sentence in found:
        assert " ".join(text[sentence.start : sentence.end].split()) == sentence.text
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))


@pytest.mark.parametrize("piece", ["A. ", "a.", ".) ", "- ", "(", "x\n", "| ", "```\n", ". "], ids=repr)
@pytest.mark.timeout(60)
def test_no_text_is_read_for_ever(piece: str) -> None:
    """100,000 characters are the most that the service takes: in quadratic time it would never end."""
    text = piece * (100_000 // len(piece))
    assert all(0 <= s.start < s.end <= len(text) for s in sentences(text))


def test_overlap_is_the_share_of_idf_weight() -> None:
    """By hand: three texts; `gate` is in two of them, `built` in one, `harlow` in none."""
    texts = ["The gate was built.", "A gate.", "Cats sleep."]
    weight = {n: math.log(1 + (3 - n + 0.5) / (n + 0.5)) for n in range(3)}
    total = weight[2] + weight[1] + weight[0]
    found = overlap("Who built the Harlow gate?", texts)
    assert found == pytest.approx([(weight[2] + weight[1]) / total, weight[2] / total, 0])
    assert overlap("Who is it?", texts) == [0, 0, 0]
    assert overlap("Gate?", []) == []


def test_word_forms_meet() -> None:
    assert stems("The gates hold.") == stems("holding gate")


def piece(text: str, value: float) -> Evidence:
    return Evidence("S1", text, value, value, value)


def test_the_best_and_what_is_near_it_are_chosen_at_most_three() -> None:
    best = THRESHOLD + 0.3
    evidence = [piece("far", best - MARGIN - 0.01), *(piece(f"near {i}", best - i / 1000) for i in range(5))]
    assert [p.text for p in choose(evidence)] == ["near 0", "near 1", "near 2"]
    assert [p.text for p in choose(evidence[:2])] == ["near 0"]
    assert choose([piece("weak", THRESHOLD - 0.01)]) == choose([]) == []


def test_a_heading_says_what_a_passage_is_about() -> None:
    """What doubles, the tides or the rents, stands above it alone."""
    reader = Reader(Encoder.load())
    found = {
        heading: reader.evidence(
            "What happens to the tides?", [Source("S1", "It doubles in a year.", heading)]
        )[0]
        for heading in ("Tides", "Rents", "")
    }
    tides, rents, nothing = found.values()
    assert tides.meaning > max(rents.meaning, nothing.meaning)
    assert tides.passage > max(rents.passage, nothing.passage)
    assert tides.words == nothing.words and tides.text == "It doubles in a year."


def test_the_question_is_what_follows_the_sources() -> None:
    block = sources_block([Source("S1", "Question: why? Because.")], "ab")
    for text in (f"Rules.\n{block}\nQuestion: How?", f"Question: No.\n{block}\nQuestion: How?\n", "How?"):
        messages = [Message("user", "Earlier?"), Message("assistant", "Yes."), Message("user", text)]
        assert last_question(messages) == "How?"
    assert last_question([Message("user", block)]) == ""
    assert last_question([]) == ""


def test_the_latest_sources_are_used() -> None:
    old, new = [Source("S1", "Old.")], [Source("S1", "New.")]
    told = [Message("system", sources_block(old)), Message("user", sources_block(new)), Message("user", "?")]
    assert latest_sources(told) == new
    assert latest_sources([told[0], Message("assistant", sources_block(new))]) == old
