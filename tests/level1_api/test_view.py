"""What the page shows of a transcript, as strings."""

from __future__ import annotations

import re

import pytest

from level1_api import LEVEL, view
from level1_api.plan import Options
from level1_api.score import alignment
from shared.captions import to_srt
from shared.speech import Segment, Transcript, Word
from shared.ui import lesson, plain

HOSTILE = "<script>alert('x')</script> & \"quoted\""


def words(*probabilities: float | None) -> list[Word]:
    return [Word(word=f"w{i}", start=i, end=i + 0.5, probability=p) for i, p in enumerate(probabilities)]


@pytest.mark.parametrize(
    ("probability", "name"), [(1, "sure"), (0.9, "sure"), (0.89, "unsure"), (0.6, "unsure"), (0.0, "guess")]
)
def test_confidence_is_told_in_words_as_well_as_in_colour(probability: float, name: str) -> None:
    shown = view.coloured(words(probability))
    assert f"{probability:.0%} {name}" in shown
    assert name in view.legend()


def test_a_word_without_a_probability_gets_no_colour() -> None:
    assert "<span" not in view.coloured(words(None))


def test_words_are_never_markup() -> None:
    word = Word(word=HOSTILE, start=0, end=1, probability=0.1)
    shown = [
        view.coloured([word]),
        view.coloured([word.model_copy(update={"probability": None})]),
        view.misheard(alignment(HOSTILE, "something else")),
        view.misheard(alignment("something else", HOSTILE)),
    ]
    assert not any("<script" in html for html in shown)
    assert "&lt;script&gt;" in shown[0]


def test_what_was_misheard_stands_beside_what_was_said() -> None:
    shown = view.misheard(alignment("the old cat sat", "the cold cat sat down"))
    assert "<del>old</del> <ins>cold</ins>" in shown and "<ins>down</ins>" in shown
    assert re.sub(r"<ins>.*?</ins>|<[^>]*>", "", shown).split() == ["the", "old", "cat", "sat"]
    assert "<ins>" not in view.misheard(alignment("one two", "one"))


def test_the_key_of_the_marks_uses_the_marks() -> None:
    marks = set(re.findall(r"<(del|ins)>", view.misheard(alignment("old", "cold"))))
    assert set(re.findall(r"<(del|ins)>", view.misheard_key())) == marks == {"del", "ins"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(model="pocketsphinx", vad=True, words=True), "pocketsphinx, speech filter on, word times"),
        (Options(model="x", vad=False, language="de"), "x, language de, speech filter off, no word times"),
        (Options(model="whisper-1", provider="openai"), "whisper-1, no word times"),
    ],
)
def test_settings_in_words(options: Options, words: str) -> None:
    assert view.in_words(options) == words


def test_a_phrase_is_a_subtitle_with_its_words() -> None:
    text = (
        "a long segment that has far more words than a subtitle can hold in its two lines of letters at all"
    )
    tokens = text.split()
    timed = [Word(word=w, start=i, end=i + 0.9, probability=0.5) for i, w in enumerate(tokens)]
    transcript = Transcript(
        duration=21, text=text, words=timed, segments=[Segment(id=0, start=0, end=21, text=text)]
    )
    found = view.phrases(transcript)
    assert len(found) == to_srt(transcript.segments, timed).count("-->") == 2
    assert [w for phrase in found for w in phrase.words] == timed, "every word once"
    assert found[0].end <= found[1].start
    assert all(phrase.start <= w.start and w.end <= phrase.end for phrase in found for w in phrase.words)


def test_a_phrase_without_word_times_is_its_text() -> None:
    transcript = Transcript(
        duration=2, text="so it is", segments=[Segment(id=0, start=0.5, end=2, text="so it is")]
    )
    (phrase,) = view.phrases(transcript)
    assert (phrase.start, phrase.end) == (0.5, 2.0)
    assert [(w.word, w.probability) for w in phrase.words] == [("so it is", None)]
    assert view.phrases(Transcript(duration=2, text="")) == []


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0:00.0"), (5.12, "0:05.1"), (59.96, "1:00.0"), (61.5, "1:01.5"), (3723.4, "1:02:03.4")],
)
def test_the_clock(seconds: float, shown: str) -> None:
    assert view.clock(seconds) == shown


def test_plain_text_has_no_way_to_become_markup() -> None:
    shown = plain("**b** [l](u) :red[x] $x$ `c`\n\n# head <i>")
    assert "\n" not in shown and "<" not in shown
    assert not re.search(r"(?<!\\)[*\[\]()$`#:_]", shown.replace("&lt;", "").replace("&gt;", ""))


def test_the_lesson_inside_the_page_does_not_say_its_title_twice() -> None:
    text = lesson(LEVEL)
    assert LEVEL.question not in text
    headings = re.findall(r"^(#+) (.+)$", text, flags=re.MULTILINE)
    assert {"What you will see", "Run it", "Change it", "Sources"} <= {name for _, name in headings}
    assert {len(marks) for marks, _ in headings} == {4}
