"""Cases of `score`. The oracle is jiwer; for `normalise`, words whose case and marks are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType

import jiwer
import numpy as np

from level1_api.samples import sample
from level1_api.score import normalise
from shared.study import Case

VOCABULARY = ["the", "a", "cat", "sat", "on", "mat", "don't", "3"]  # few words: many alignments are near
MARKS = [" ", ", ", ". ", "! ", " - ", "\n", '" ', "; ", "-"]

# What the engine in the box made of it: ladder level1 transcribe sample:harbour
HARBOUR = (
    "good morning from the harbor office today the wind is light and come from the north the morning will be "
    "dry with some son before noon in the afternoon we expect clowns and the little rain the water is still "
    "twelve so please flair alarms hack at all that's nice to be back before nine this evening"
)

# jiwer and the learner divide the same two whole numbers: only the last digit of the quotient may differ.
LAST_DIGIT = 1e-12


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    yield Case(
        "letters, marks and spaces",
        call="normalise",
        args=('Good  morning,\n"harbour-office"!',),
        expected=["good", "morning", "harbour", "office"],
        mistakes={
            "keeps-punctuation": lambda got: any(mark in word for word in got for mark in ',-"!'),
            "merges-words": lambda got: "".join(got) == "goodmorningharbouroffice" and len(got) < 4,
        },
    )
    yield Case(
        "letters beyond a to z",
        call="normalise",
        args=("ÜBER 3 Städte: déjà vu",),
        expected=["über", "3", "städte", "déjà", "vu"],
        mistakes={"ascii-letters": lambda got: "".join(got).isascii()},
    )
    yield Case(
        "an apostrophe inside a word is part of it, quotes are not",
        call="normalise",
        args=("'Don't' is 1 word - not 2.",),
        expected=["don't", "is", "1", "word", "not", "2"],
        mistakes={"loses-apostrophes": ["don", "t", "is", "1", "word", "not", "2"]},
    )
    words = _drawn(rng, 12)
    yield Case(
        "words with marks drawn at random", call="normalise", args=(_dressed(rng, words),), expected=words
    )

    said = ["the", "cat", "sat", "on", "the", "mat"]
    yield Case(
        "one word invented in front: one error, whatever follows",
        call="errors",
        args=(said, ["so", *said]),
        expected=1,
        mistakes={"by-position": 7, "free-start": 0},
    )
    yield Case(
        "one word misheard: one error, not one lost and one invented",
        call="errors",
        args=(said, ["the", "cat", "sat", "on", "a", "mat"]),
        expected=1,
        mistakes={"substitution-is-two": 2},
    )

    yield Case(
        "two clips, one long and one short",
        call="wer",
        args=(
            [
                ("the cat sat on the mat in the sun", "the cat sat on the mat in the sun"),
                ("Yes.", "yes it is"),
            ],
        ),
        expected=jiwer.wer(
            ["the cat sat on the mat in the sun", "yes"], ["the cat sat on the mat in the sun", "yes it is"]
        ),
        tolerance=LAST_DIGIT,
        mistakes={"mean-of-rates": 1.0, "divides-by-heard": 2 / 12},
    )
    text = sample("harbour").text
    yield Case(
        "a real transcript: the engine in the box on sample:harbour",
        call="wer",
        args=([(text, HARBOUR)],),
        given="the words of sample:harbour, and what ladder level1 transcribe sample:harbour gave",
        expected=jiwer.wer(normalise(text), normalise(HARBOUR)),
        tolerance=LAST_DIGIT,
    )
    clips = [(said := _drawn(rng, int(rng.integers(1, 40))), _misheard(rng, said)) for _ in range(20)]
    clips.append((_drawn(rng, 3), []))
    yield Case(
        "21 clips drawn at random, one of which the engine did not hear",
        call="wer",
        args=([(_dressed(rng, said), _dressed(rng, heard)) for said, heard in clips],),
        given="clips of up to 40 words: some lost, some invented, some misheard",
        expected=jiwer.wer([" ".join(said) for said, _ in clips], [" ".join(heard) for _, heard in clips]),
        tolerance=LAST_DIGIT,
    )


def _drawn(rng: np.random.Generator, count: int) -> list[str]:
    return [str(word) for word in rng.choice(VOCABULARY, count)]


def _dressed(rng: np.random.Generator, words: list[str]) -> str:
    """A text of these words: some with a capital, marks between them."""
    return "".join(
        (word.capitalize() if rng.random() < 0.3 else word) + str(rng.choice(MARKS)) for word in words
    )


def _misheard(rng: np.random.Generator, said: list[str]) -> list[str]:
    """What a poor engine makes of it: about one word in six lost, one misheard, one invented."""
    heard: list[str] = []
    for word in said:
        lost, misheard, invented = rng.random(3) < 1 / 6
        heard += [] if lost else _drawn(rng, 1) if misheard else [word]
        heard += _drawn(rng, 1) if invented else []
    return heard
