"""Error rates, against cases counted by hand and against jiwer's own sums."""

import jiwer
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from level1_api.score import alignment, normalise, score, score_many, speed


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("  Good morning,\n Harbour Office!", "good morning harbour office"),
        ("Don’t — I can't.", "don't i can't"),
        ("'quoted' words' ends", "quoted words ends"),
        ("a well-known twenty-one", "a well known twenty one"),
        ("It cost $1,000.50, or 3.5 %.", "it cost 1000.50 or 3.5"),
        ("1,2 and 3", "1 2 and 3"),
        ("ﬁne Ⅷ", "fine viii"),
        ("Straße ÉTÉ", "strasse été"),
        ("e\u0301te\u0301", "été"),
        ("नमस्ते, दुनिया", "नमस्ते दुनिया"),
        ("今日は。", "今日は"),
        ("…!?", ""),
        ("", ""),
    ],
)
def test_normalise(text, plain):
    assert normalise(text) == plain


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text):
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


def test_counted_by_hand():
    #            the cat sat on the mat       cat→hat, "on" lost, "down" added
    found = score("The cat sat on the mat.", "the hat sat the mat down")
    assert (found.hits, found.substitutions, found.deletions, found.insertions) == (4, 1, 1, 1)
    assert found.wer == 3 / 6 and found.words == 6 and found.errors == 3
    assert found.cer == (1 + 3 + 5) / len("the cat sat on the mat")


def test_a_set_is_summed_before_it_is_divided():
    pairs = [("one", "two"), ("a b c d e f g h i", "a b c d e f g h i")]
    assert score_many(pairs).wer == pytest.approx(1 / 10)  # not (1 + 0) / 2


@given(
    st.lists(
        st.tuples(*[st.lists(st.sampled_from("abcd"), min_size=1, max_size=12).map(" ".join)] * 2),
        min_size=1,
        max_size=8,
    )
)
def test_agrees_with_jiwer_over_a_set(pairs):
    references, hypotheses = map(list, zip(*pairs, strict=True))
    found = score_many(pairs)
    assert found.wer == pytest.approx(jiwer.wer(references, hypotheses))
    assert found.cer == pytest.approx(jiwer.cer(references, hypotheses))
    theirs = jiwer.process_words(references, hypotheses)
    assert (found.hits, found.substitutions, found.deletions, found.insertions) == (
        theirs.hits, theirs.substitutions, theirs.deletions, theirs.insertions,
    )  # fmt: skip


def test_nothing_said_has_no_rate_but_what_was_invented_is_counted():
    silent = score("", "thank you for watching")
    assert (silent.wer, silent.cer, silent.interval) == (None, None, None)
    assert silent.insertions == 4
    assert score("", "").errors == 0
    assert score("hello there", "").wer == 1
    assert score_many([("", "thank you"), ("a b c d", "a b c d")]).wer == 0.5


def test_the_interval_says_what_was_drawn():
    text = "the quick brown fox jumps over the lazy dog " * 5
    assert score(text, text.replace("fox", "box")).interval.unit == "words"
    assert score_many([(text, text)] * 4).interval.unit == "words"
    assert score_many([(text, text)] * 5).interval.unit == "files"


def test_the_interval_holds_the_rate_and_shrinks_with_more_speech():
    rng = np.random.default_rng(2)

    def spoil(words: int) -> tuple[str, str]:
        said = [f"w{i}" for i in range(words)]
        return " ".join(said), " ".join("x" if rng.random() < 0.2 else w for w in said)

    short, long = score(*spoil(60)), score(*spoil(6000))
    for found in (short, long):
        assert found.interval.low < found.wer < found.interval.high
    assert (short.interval.high - short.interval.low) > 4 * (long.interval.high - long.interval.low)


def test_a_perfect_transcript_has_an_interval_of_nothing():
    found = score("the cat sat", "The cat sat!")
    assert (found.wer, found.interval.low, found.interval.high) == (0, 0, 0)


def test_insertions_count_in_the_interval():
    words = " ".join(f"w{i}" for i in range(50))
    found = score(words, words.replace("w25", "w25 and and and and and"))
    assert found.wer == 0.1 and found.interval.high > 0.1
    first = score(words, f"um um {words}")
    assert first.interval.high > 0


def test_alignment_shows_each_word_once_in_order():
    changes = alignment("The cat sat on the mat.", "the hat sat the mat down")
    assert [(c.kind, c.reference, c.hypothesis) for c in changes] == [
        ("equal", ("the",), ("the",)),
        ("substitute", ("cat",), ("hat",)),
        ("equal", ("sat",), ("sat",)),
        ("delete", ("on",), ()),
        ("equal", ("the", "mat"), ("the", "mat")),
        ("insert", (), ("down",)),
    ]
    assert alignment("", "") == []
    assert [c.kind for c in alignment("a b", "")] == ["delete"]


def test_speed():
    assert speed([0.1, 0.2, 0.3]) == {"rtf_p50": 0.2, "rtf_p95": pytest.approx(0.29)}
    assert speed([]) == {"rtf_p50": None, "rtf_p95": None}
