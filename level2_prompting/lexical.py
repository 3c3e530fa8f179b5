"""Search by words: BM25 ranks passages by the rare words that they share with the question.

    lexical = Lexical.of(["A tide gate holds back the sea.", "A gull is grey."])
    lexical.scores("tides")    # array([0.23, 0.  ])

The formula is that of Lucene (Kamphuis et al., "Which BM25 Do You Mean?", 2020), computed by bm25s: the sum
over the question's words of idf · tf / (tf + K1 · (1 - B + B · length / mean length)), with
idf = ln(1 + (N - n + 0.5) / (n + 0.5)) for a word that n of N passages hold.

A word is a run of letters and digits, in lower case, without the commonest English endings; the 33 stop words
of Lucene are no words. A question is cut in the same way as the passages, or nothing would match. On the
development questions cutting the endings lifts hit@5 from 0.68 to 0.80.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from bm25s import BM25

K1 = 1.5  # how soon a further mention of a word adds little
B = 0.75  # how much a long passage is marked down
WORD = re.compile(r"\w+")
ENDING = re.compile(r"(?<=\w{3})(?:ations?|ing|ed|es|s|e|ly)$")  # as the reader does


class Lexical:
    """The words of C passages, ready to be searched.

    Args:
        table: bm25s' table of scores, a row a passage; None if no passage holds a word.
        passages: C.
    """

    def __init__(self, table: BM25 | None, passages: int) -> None:
        self._table, self._passages = table, passages

    @classmethod
    def of(cls, texts: Sequence[str]) -> Lexical:
        """The table of these passages."""
        from bm25s import BM25
        from bm25s.tokenization import Tokenized

        vocabulary: dict[str, int] = {}
        numbers = [[vocabulary.setdefault(word, len(vocabulary)) for word in words(text)] for text in texts]
        if not vocabulary:
            return cls(None, len(texts))
        table = BM25(method="lucene", k1=K1, b=B)
        table.index(Tokenized(numbers, vocabulary), create_empty_token=False, show_progress=False)
        return cls(table, len(texts))

    def scores(self, question: str) -> np.ndarray:
        """The score of each passage, (C,); 0 where no word is shared."""
        wanted = self._table.get_tokens_ids(words(question)) if self._table else []
        if not self._table or not wanted:
            return np.zeros(self._passages, np.float32)
        return self._table.get_scores_from_ids(wanted)

    def save(self, folder: Path) -> None:
        """Write the table into a folder; without a table the folder stays empty."""
        folder.mkdir(parents=True, exist_ok=True)
        if self._table:
            self._table.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path, passages: int) -> Lexical:
        """The table that `save` wrote.

        Raises:
            OSError, ValueError, EOFError: it is not whole.
        """
        from bm25s import BM25

        if not any(folder.iterdir()):
            return cls(None, passages)
        return cls(BM25.load(folder, show_progress=False), passages)  # without pickle: that is its default


def words(text: str) -> list[str]:
    """The words of a text that count, in order, repeats included."""
    left_out = stop_words()
    return [ENDING.sub("", word) for word in WORD.findall(text.lower()) if word not in left_out]


@lru_cache
def stop_words() -> frozenset[str]:
    """Lucene's list for English, as bm25s brings it."""
    from bm25s.stopwords import STOPWORDS_EN

    return frozenset(STOPWORDS_EN)
