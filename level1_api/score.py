"""How far a transcript is from what was said: word and character error rates, with an interval.

    score("the cat sat", "the cat sat down").wer    # 0.333: one word too many, of three

WER = (substituted + deleted + inserted words) / words of the reference. Over many files the errors and the
words are summed first and divided once, so that a long file counts for more than a short one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from shared.stats import Interval, bootstrap_ratio, percentile

MIN_FILES = 5  # fewer files say too little about other files: words are drawn instead
Kind = Literal["equal", "substitute", "delete", "insert"]


@dataclass(frozen=True)
class Change:
    """A stretch of an alignment: these words of the reference became those of the hypothesis."""

    kind: Kind
    reference: tuple[str, ...]
    hypothesis: tuple[str, ...]


@dataclass(frozen=True)
class Score:
    """Counts over words, and the rates made of them.

    Attributes:
        wer, cer: None where the reference has no words: there is nothing to divide by. What was invented
            there is in `insertions`.
        interval: where the WER of other speech like this would lie, 95 times of 100; `interval.unit` says
            whether files or words were drawn.
    """

    wer: float | None
    cer: float | None
    hits: int
    substitutions: int
    deletions: int
    insertions: int
    words: int
    files: int = 1
    interval: Interval | None = None

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions


def normalise(text: str) -> str:
    """Text as it is compared: what a listener would call the same words becomes the same string.

    Unicode is put in one form (NFKC), letters are made small, curly apostrophes straight. Punctuation and
    symbols become spaces, except an apostrophe inside a word ("don't") and a point inside a number (3.5);
    the comma in 1,000 goes. Hyphens part words. Numbers are not spelled out: "10" and "ten" differ, as do
    "colour" and "color". Whisper's own normaliser would equate those, for English alone.
    """
    text = unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("ʼ", "'")
    text = re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)
    return " ".join("".join(_kept(text, i) for i in range(len(text))).split())


def _kept(text: str, i: int) -> str:
    """The character at i if it is part of a word, else a space."""
    character = text[i]
    if unicodedata.category(character)[0] in "LMN":
        return character
    around = text[i - 1 : i] + text[i + 1 : i + 2]
    inside = len(around) == 2 and i > 0
    if inside and ((character == "'" and around.isalpha()) or (character == "." and around.isdigit())):
        return character
    return " "


def score(reference: str, hypothesis: str, rng: np.random.Generator | None = None) -> Score:
    """Compare what was heard with what was said."""
    return score_many([(reference, hypothesis)], rng)


def score_many(pairs: Iterable[tuple[str, str]], rng: np.random.Generator | None = None) -> Score:
    """Compare a set of files: sums first, then one division.

    Args:
        pairs: (reference, hypothesis) of each file.
        rng: draws the interval; seed 0 by default. With five files or more, files are drawn; with fewer,
            words in blocks of neighbours, since errors come in bursts.
    """
    files = [(normalise(r), normalise(h)) for r, h in pairs]
    rng = rng or np.random.default_rng(0)
    errors = [_word_errors(r, h) for r, h in files]
    kinds: dict[Kind, int] = {"equal": 0, "substitute": 0, "delete": 0, "insert": 0}
    for r, h in files:
        for change in _align(r.split(), h.split()):
            kinds[change.kind] += max(len(change.reference), len(change.hypothesis))
    words = sum(len(r.split()) for r, _ in files)
    letters = sum(len(r) for r, _ in files)
    wrong = kinds["substitute"] + kinds["delete"] + kinds["insert"]
    return Score(
        wer=wrong / words if words else None,
        cer=sum(_letter_errors(r, h) for r, h in files) / letters if letters else None,
        hits=kinds["equal"],
        substitutions=kinds["substitute"],
        deletions=kinds["delete"],
        insertions=kinds["insert"],
        words=words,
        files=len(files),
        interval=_interval(files, errors, rng) if words else None,
    )


def alignment(reference: str, hypothesis: str) -> list[Change]:
    """What became of each word, for display: the texts are normalised, then laid side by side."""
    return _align(normalise(reference).split(), normalise(hypothesis).split())


def speed(rtfs: Sequence[float]) -> dict[str, float | None]:
    """The middle and the slow end of real-time factors."""
    return {"rtf_p50": percentile(rtfs, 50), "rtf_p95": percentile(rtfs, 95)}


def _align(reference: list[str], hypothesis: list[str]) -> list[Change]:
    """The fewest changes from one to the other, by jiwer."""
    if not reference or not hypothesis:  # jiwer reads an empty text as one empty word
        kind: Kind = "insert" if hypothesis else "delete"
        return [Change(kind, tuple(reference), tuple(hypothesis))] if reference or hypothesis else []
    import jiwer

    found = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments[0]
    return [
        Change(
            c.type,  # type: ignore[arg-type]
            tuple(reference[c.ref_start_idx : c.ref_end_idx]),
            tuple(hypothesis[c.hyp_start_idx : c.hyp_end_idx]),
        )
        for c in found
    ]


def _letter_errors(reference: str, hypothesis: str) -> int:
    if not reference or not hypothesis:
        return max(len(reference), len(hypothesis))
    import jiwer

    found = jiwer.process_characters(reference, hypothesis)
    return found.substitutions + found.deletions + found.insertions


def _word_errors(reference: str, hypothesis: str) -> np.ndarray:
    """(words,) errors at each word of the reference; an inserted word counts at the word before it.

    Where the reference has no words: (1,) what was invented.
    """
    errors: list[int] = []
    before = 0  # inserted before the first word
    for change in _align(reference.split(), hypothesis.split()):
        if change.kind == "insert":
            if errors:
                errors[-1] += len(change.hypothesis)
            else:
                before += len(change.hypothesis)
        else:
            errors += [0 if change.kind == "equal" else 1] * len(change.reference)
    if errors:
        errors[0] += before
        return np.array(errors)
    return np.array([before])


def _interval(files: list[tuple[str, str]], errors: list[np.ndarray], rng: np.random.Generator) -> Interval:
    if len(files) >= MIN_FILES:
        words = [len(r.split()) for r, _ in files]
        return bootstrap_ratio([e.sum() for e in errors], words, rng, unit="files")
    each = np.concatenate([e for (r, _), e in zip(files, errors, strict=True) if r])
    block = round(len(each) ** (1 / 3)) + 1  # the usual size: grows with the cube root of the length
    return bootstrap_ratio(each, np.ones(len(each)), rng, block=block, unit="words")
