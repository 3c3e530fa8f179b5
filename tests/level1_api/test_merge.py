"""Cutting a known transcript into overlapping pieces and merging them gives the original back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from level1_api.chunks import Piece, pieces
from level1_api.merge import merge, seam
from shared.speech import Segment, Transcript, Usage, Word

ALPHABET = "abcdefghijklmnop"


@st.composite
def speeches(draw, unique=False):
    """Words with times and gaps, a few to a segment: what a perfect engine would hear in the whole file."""
    count = draw(st.integers(1, 60))
    few = ["the", "cat", "sat", "on", "mat"]  # few words, so that neighbours repeat each other
    texts = (
        [f"w{i}" for i in range(count)]
        if unique
        else draw(st.lists(st.sampled_from(few), min_size=count, max_size=count))
    )
    clock, words = 0.0, []
    for text in texts:
        clock += draw(st.sampled_from([0.0, 0.05, 0.3, 2.5]))
        length = draw(st.sampled_from([0.1, 0.3, 0.6]))
        words.append(Word(word=text, start=round(clock, 3), end=round(clock + length, 3)))
        clock += length
    segments, place = [], 0
    while place < count:
        own = words[place : place + draw(st.integers(1, 6))]
        place += len(own)
        text = " ".join(w.word for w in own).capitalize() + "."
        segments.append(Segment(id=len(segments), start=own[0].start, end=own[-1].end, text=text, seek=0))
    return Transcript(
        duration=round(clock + 0.5, 3),
        text=" ".join(s.text for s in segments),
        segments=segments,
        words=words,
    )


@st.composite
def cut_up(draw, speech, overlap=2.0):
    """Cuts anywhere, also in the middle of words."""
    cuts, at = [], 0.0
    while (at := at + draw(st.floats(4, 20))) < speech.duration - 3:
        cuts.append(round(at, 3))
    return pieces(cuts, speech.duration, overlap)


def heard(speech: Transcript, piece: Piece, *, words=True, segments=True, jitter=0.0) -> Transcript:
    """What an engine would give for a piece: the words whole inside it, its clock starting at 0."""
    own = [w for w in speech.words if w.start >= piece.start and w.end <= piece.end]
    inside = {id(w) for w in own}
    parts = []
    queue = iter(speech.words)
    for segment in speech.segments:
        of = [next(queue) for _ in segment.text.split()]
        pairs = [(t, w) for t, w in zip(segment.text.split(), of, strict=True) if id(w) in inside]
        if pairs:
            parts.append(
                Segment(
                    id=len(parts), start=pairs[0][1].start - piece.start, end=pairs[-1][1].end - piece.start,
                    text=" ".join(t for t, _ in pairs), seek=0,
                )
            )  # fmt: skip

    def moved(n: int, w: Word) -> Word:
        off = jitter * (1 if n % 2 else -1)
        return Word(word=w.word, start=w.start - piece.start + off, end=w.end - piece.start + off)

    return Transcript(
        duration=piece.seconds,
        text=" ".join(s.text for s in parts),
        segments=parts if segments else None,
        words=[moved(n, w) for n, w in enumerate(own)] if words else None,
        usage=Usage(seconds=piece.seconds),
    )


def spoken(transcript: Transcript) -> list[str]:
    return transcript.text.lower().replace(".", "").split()


@given(st.data())
def test_words_with_times_come_back_as_they_were(data):
    speech = data.draw(speeches())
    cuts = data.draw(cut_up(speech))
    whole = merge([(p, heard(speech, p)) for p in cuts], speech.duration)
    assert [w.word for w in whole.words] == [w.word for w in speech.words]
    for ours, theirs in zip(whole.words, speech.words, strict=True):
        assert (ours.start, ours.end) == pytest.approx((theirs.start, theirs.end), abs=1e-6)
    assert whole.text.split() == speech.text.split()
    assert whole.duration == speech.duration


@given(st.data(), st.floats(0, 0.04))
def test_times_that_differ_a_little_neither_lose_nor_double_a_word(data, jitter):
    speech = data.draw(speeches(unique=True))
    cuts = data.draw(cut_up(speech))
    answers = [(p, heard(speech, p, jitter=jitter if n % 2 else 0)) for n, p in enumerate(cuts)]
    whole = merge(answers, speech.duration)
    assert [w.word for w in whole.words] == [w.word for w in speech.words]


@given(st.data())
def test_text_alone_comes_back(data):
    speech = data.draw(speeches(unique=True))
    cuts = data.draw(cut_up(speech))
    whole = merge([(p, heard(speech, p, words=False, segments=False)) for p in cuts], speech.duration)
    assert whole.text.split() == speech.text.split()
    assert whole.words is None or whole.words == []


@given(st.data())
def test_segments_without_words_come_back(data):
    speech = data.draw(speeches(unique=True))
    cuts = data.draw(cut_up(speech))
    whole = merge([(p, heard(speech, p, words=False)) for p in cuts], speech.duration)
    assert spoken(whole) == spoken(speech)


@given(st.data(), st.booleans())
def test_segments_are_in_order_numbered_and_say_the_text(data, words):
    speech = data.draw(speeches(unique=True))
    cuts = data.draw(cut_up(speech))
    whole = merge([(p, heard(speech, p, words=words)) for p in cuts], speech.duration)
    if len(cuts) == 1:
        return
    assert [s.id for s in whole.segments] == list(range(len(whole.segments)))
    assert " ".join(s.text for s in whole.segments) == whole.text
    assert all(0 <= s.start <= s.end <= speech.duration + 1e-6 for s in whole.segments)
    for before, after in pairwise(whole.segments):
        assert before.start <= after.start and before.end <= after.start + 1e-6


def at(*words: tuple[str, float, float]) -> list[Word]:
    return [Word(word=w, start=s, end=e) for w, s, e in words]


def answer(words: list[Word], text: str, seconds: float = 10, **more) -> Transcript:
    segments = [Segment(id=0, start=words[0].start, end=words[-1].end, text=text, **more)]
    return Transcript(duration=seconds, text=text, segments=segments, words=words)


SEAM = (Piece(0, 10), Piece(8, 20))  # the cut is at 9 s


def test_a_word_cut_off_at_a_pieces_edge_is_not_kept():
    left = answer(at(("a", 7, 7.5), ("quiet", 8.2, 8.8), ("harb", 9.6, 10)), "a quiet harb")
    right = answer(at(("et", 0, 0.3), ("quiet", 0.2, 0.8), ("harbour", 1.6, 2.2)), "et quiet harbour", 12)
    whole = merge([(SEAM[0], left), (SEAM[1], right)], 20)
    assert whole.text == "a quiet harbour"
    assert whole.words[-1].start == pytest.approx(9.6)


def test_a_word_across_the_cut_stays_once_however_its_times_fall():
    for shift in (-0.19, -0.1, 0, 0.1, 0.19):
        left = answer(at(("one", 7, 7.5), ("across", 8.8 + shift, 9.2 + shift)), "one across")
        right = answer(at(("across", 0.8 - shift, 1.2 - shift), ("two", 3, 3.5)), "across two", 12)
        assert merge([(SEAM[0], left), (SEAM[1], right)], 20).text == "one across two", shift


def test_a_word_that_is_really_said_twice_stays_twice():
    left = answer(at(("no", 8.5, 8.9), ("no", 9.1, 9.4)), "no no")
    right = answer(at(("no", 0.5, 0.9), ("no", 1.1, 1.4)), "no no", 12)
    assert merge([(SEAM[0], left), (SEAM[1], right)], 20).text == "no no"


def test_spelling_and_punctuation_of_a_split_segment_are_kept():
    left = answer(at(("well", 7, 7.4), ("said", 7.6, 8), ("he", 9.5, 9.9)), "“Well,” said he")
    right = answer(at(("said", 0, 0.1), ("he", 1.5, 1.9), ("and", 2, 2.2)), "said he, and", 12)
    whole = merge([(SEAM[0], left), (SEAM[1], right)], 20)
    assert whole.text == "“Well,” said he, and"


def test_languages_that_part_no_words():
    left = answer(at(("今日", 7, 7.5), ("は", 7.6, 8), ("良い", 9.2, 9.8)), "今日は良い")
    right = answer(at(("良い", 1.2, 1.8), ("天気", 2, 3)), "良い天気", 12)
    whole = merge([(SEAM[0], left), (SEAM[1], right)], 20)
    assert [s.text for s in whole.segments] == ["今日は", "良い天気"]


def only_segments(*segments: tuple[str, float, float]) -> Transcript:
    made = [Segment(id=n, text=t, start=s, end=e) for n, (t, s, e) in enumerate(segments)]
    return Transcript(duration=10, text=" ".join(t for t, *_ in segments), segments=made)


def test_segments_that_were_heard_differently_are_not_lost():
    left = only_segments(("well then", 1, 4), ("let us cease", 8.9, 9.8))
    right = only_segments(("that is sees", 0.1, 1.6), ("the day", 3, 4))
    text = merge([(SEAM[0], left), (SEAM[1], right)], 20).text
    assert "well then" in text and "the day" in text
    assert "cease" in text or "sees" in text


def test_a_segment_without_words_stays_on_its_own_side_alone():
    left, right = answer(at(("one", 1, 2)), "one"), answer(at(("two", 6, 7)), "two", 12)
    music = {"id": 1, "text": "[music]"}
    left.segments.append(Segment(start=8.5, end=8.9, **music))
    right.segments.insert(0, Segment(start=0.5, end=0.9, **music))
    assert merge([(SEAM[0], left), (SEAM[1], right)], 20).text == "one [music] two"


def test_what_an_engine_said_about_a_segment_moves_with_it():
    left = answer(at(("one", 1, 2)), "one", seek=0, avg_logprob=-0.1)
    right = answer(at(("two", 4, 5)), "two", 12, seek=50, no_speech_prob=0.2)
    whole = merge([(SEAM[0], left), (SEAM[1], right)], 20)
    assert [(s.seek, s.avg_logprob, s.no_speech_prob) for s in whole.segments] == [
        (0, -0.1, None),
        (850, None, 0.2),
    ]
    assert whole.segments[1].start == 12


def test_silence_on_one_side():
    nothing = Transcript(duration=10, text="")
    right = answer(at(("two", 4, 5)), "two", 12)
    assert merge([(SEAM[0], nothing), (SEAM[1], right)], 20).words[0].start == 12
    left = answer(at(("one", 4, 5)), "one")
    assert merge([(SEAM[0], left), (SEAM[1], nothing)], 20).text == "one"
    assert merge([(SEAM[0], nothing), (SEAM[1], nothing)], 20).text == ""


def test_what_is_billed_is_what_was_sent():
    parts = [(p, Transcript(duration=p.seconds, text="x", usage=Usage(seconds=p.seconds))) for p in SEAM]
    assert merge(parts, 20).usage.seconds == 22


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("we saw the old pier", "the old pier at dawn", "we saw the old pier at dawn"),
        ("We saw the old pier.", "the old pier, at dawn", "We saw the old pier. at dawn"),
        ("we saw the old pi", "e the old pier at dawn", "we saw the old pier at dawn"),
        ("and so we went", "and so it began", "and so we went and so it began"),
        ("to be", "be quick", "to be quick"),
        ("the cat sat", "a dog ran", "the cat sat a dog ran"),
        ("", "a dog ran", "a dog ran"),
        ("the cat sat", "", "the cat sat"),
    ],
)
def test_seams_in_text(left, right, expected):
    keep, skip = seam(left.split(), right.split())
    assert " ".join(left.split()[:keep] + right.split()[skip:]) == expected
