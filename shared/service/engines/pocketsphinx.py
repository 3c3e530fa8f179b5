"""The embedded engine: CMU PocketSphinx, whose wheel carries a model of US English.

Small and quick. It writes lower case without punctuation, and cannot use a prompt or a temperature.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator

import numpy as np

from shared.service.audio import RATE
from shared.service.engines.base import Ask
from shared.service.jobs import Cancelled
from shared.service.vad import Span
from shared.speech import Segment, Word

BLOCK = RATE // 10  # samples fed at a time: the decoder holds the interpreter's lock meanwhile
FRAME_S = 0.01
LISTEN_S = 10  # speech heard once before the work, to learn the sound of the channel
PAUSE_S = 0.25  # a pause this long ends a segment: about what one leaves between sentences
VARIANT = re.compile(r"\(\d+\)$")  # "the(2)" is another way to say "the"


class PocketSphinx:
    """A loaded decoder."""

    name = "pocketsphinx"
    languages = frozenset({"en"})
    translates = False

    def __init__(self) -> None:
        from pocketsphinx import Decoder

        self._decoder = Decoder(loglevel="FATAL")
        self._fresh = self._decoder.get_cmn(False)
        self._decoder.add_keyphrase("listen", "forward")  # a search that costs next to nothing

    def transcribe(
        self, samples: np.ndarray, spans: list[Span], ask: Ask, cancel: threading.Event
    ) -> tuple[str | None, Iterator[Segment]]:
        """As SpeechEngine says. Word probabilities are the decoder's posteriors."""
        return "en", self._segments(samples, spans, ask, cancel)

    def _segments(
        self, samples: np.ndarray, spans: list[Span], ask: Ask, cancel: threading.Event
    ) -> Iterator[Segment]:
        self._learn_channel(samples, spans, cancel)
        number = 0
        for span in spans:
            for words in _phrases(self._words(samples, span, cancel)):
                text = " " + " ".join(word.word for word in words)
                yield Segment(
                    id=number,
                    start=words[0].start,
                    end=words[-1].end,
                    text=text,
                    words=words if ask.words else None,
                )
                number += 1

    def _learn_channel(self, samples: np.ndarray, spans: list[Span], cancel: threading.Event) -> None:
        """Set the cepstral mean from the first seconds of speech, so that no request colours the next.

        Without it half of the first sentence's words are wrong.
        """
        heard, first = 0, []
        for span in spans:
            if heard < LISTEN_S * RATE:
                first.append(Span(span.start, min(span.end, span.start + LISTEN_S * RATE - heard)))
                heard += first[-1].end - first[-1].start
        self._decoder.set_cmn(self._fresh)
        self._decoder.start_stream()  # forgets the noise of the request before
        if first:
            self._decoder.activate_search("listen")
            self._hear(samples, first, cancel)
            mean = self._decoder.get_cmn(True)
            self._decoder.activate_search("_default")
            self._decoder.set_cmn(mean)
            self._decoder.start_stream()

    def _hear(self, samples: np.ndarray, spans: list[Span], cancel: threading.Event) -> None:
        """One utterance of the decoder, fed in small blocks."""
        self._decoder.start_utt()
        try:
            for span in spans:
                for start in range(span.start, span.end, BLOCK):
                    if cancel.is_set():
                        raise Cancelled
                    self._decoder.process_raw(samples[start : min(start + BLOCK, span.end)].tobytes())
        finally:
            self._decoder.end_utt()

    def _words(self, samples: np.ndarray, span: Span, cancel: threading.Event) -> list[Word]:
        self._hear(samples, [span], cancel)
        offset = span.start / RATE
        return [
            Word(
                word=VARIANT.sub("", piece.word),
                start=round(offset + piece.start_frame * FRAME_S, 2),
                end=round(min(offset + (piece.end_frame + 1) * FRAME_S, span.end / RATE), 2),
                probability=round(min(1.0, piece.prob), 4),
            )
            for piece in self._decoder.seg() or ()
            if piece.word[0] not in "<["  # <s>, <sil>, [NOISE]
        ]


def _phrases(words: list[Word]) -> Iterator[list[Word]]:
    """The words between two pauses."""
    phrase: list[Word] = []
    for word in words:
        if phrase and word.start - phrase[-1].end >= PAUSE_S:
            yield phrase
            phrase = []
        phrase.append(word)
    if phrase:
        yield phrase
