"""The embedded chat engine: it quotes the sentences of the prompt's own sources that answer the question.

It is extractive: it writes nothing of its own, so that it cannot make anything up. Each sentence is scored
against the question by its meaning (the cosine of their vectors), by that of the passage it stands in, and by
its words (the share of the question's rare words that it holds). "It doubles" means little by itself, so the
headings above a passage, where the prompt names them, are put before what is embedded. How sources and quotes
are spelled is in shared/grounding.py.
"""

from __future__ import annotations

import math
import re
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.encoder import Encoder
from shared.grounding import ABSTAIN, Source, quoted, sources_in, without_sources
from shared.service.engines.base import ChatAsk, Delta, Message
from shared.service.engines.sentences import sentences
from shared.service.jobs import Cancelled

# Fitted by level2_prompting/fit_reader.py on its 193 development questions, over two corpora. Of 147 that can
# be answered (136 with the answer among the four passages) the right sentence is quoted first for 69 and at
# all for 87, and 23 are declined; of 46 that cannot, most of them near misses, 23 are declined.
WEIGHTS = (0.4, 0.5, 0.1)  # of the sentence's meaning, its passage's meaning, its words
THRESHOLD = 0.42  # a best score below it: the sources do not answer
MARGIN = 0.05  # a further sentence is quoted if its score is so near to the best
MOST = 3  # sentences quoted

BATCH = 32  # sentences encoded between two looks at the cancel event
NO_SOURCES = (
    "I am an extractive reader: I only quote sources that stand in the prompt, each in a tag such as "
    '<source id="S1">…</source>, and this prompt holds none; for a model that writes answers of its own, '
    "name one with LADDER_PROVIDER=openai and OPENAI_API_KEY, or any compatible server with OPENAI_BASE_URL."
)
NO_QUESTION = "I found sources in the prompt, but no question to answer from them."

QUESTION = re.compile(r"^[ \t]*Question:", re.MULTILINE)
COMMON = """
a about after all also an and any are as at be because been before being between both but by can could
did do does doing done each for from get give had has have having he her here him his how i if in into
is it its just many may me might more most much must my no nor not of on one only or other our out over
own said same say she should so some such than that the their them then there these they this those
through to too under up us use used very was we were what when where which while who whom whose why
will with would you your
"""
STOP_WORDS = frozenset(COMMON.split())


@dataclass(frozen=True)
class Evidence:
    """A sentence of a source, and how well it fits the question.

    Attributes:
        meaning: cosine of the question and the sentence, with the headings above it.
        passage: cosine of the question and the whole source, with the headings above it.
        words: the share of the question's words that the sentence holds, 0 to 1.
    """

    source: str
    text: str
    meaning: float
    passage: float
    words: float

    def score(self, weights: tuple[float, float, float] = WEIGHTS) -> float:
        """All in one number."""
        return sum(w * x for w, x in zip(weights, (self.meaning, self.passage, self.words), strict=True))


class Reader:
    """The engine.

    Args:
        encoder: what turns sentences into vectors.
    """

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def count(self, text: str) -> int:
        """The encoder's tokens in a text."""
        return len(self._encoder.token_ids([text])[0])

    def chat(
        self, messages: Sequence[Message], ask: ChatAsk, cancel: threading.Event
    ) -> tuple[int, Iterator[Delta]]:
        """As ChatEngine says: a line for each quote, or one sentence that says why there is none."""
        return sum(self.count(message.text) for message in messages), self._answer(messages, ask, cancel)

    def _answer(self, messages: Sequence[Message], ask: ChatAsk, cancel: threading.Event) -> Iterator[Delta]:
        room = ask.max_tokens
        for text in self._lines(messages, cancel):
            tokens = self.count(text)
            if room is not None and tokens > room:
                yield Delta(self._cut(text, room), room, "length")
                return
            room = None if room is None else room - tokens
            yield Delta(text, tokens)
        yield Delta("", 0, "stop")

    def evidence(
        self, question: str, sources: Sequence[Source], cancel: threading.Event | None = None
    ) -> list[Evidence]:
        """Every sentence of the sources with its scores, in order, none twice."""
        found: dict[str, Source] = {}  # the source that each sentence was first seen in
        for source in sources:
            for sentence in sentences(source.text):
                found.setdefault(sentence.text, source)
        texts = list(found)
        meaning = self._cosines(
            question, [_under(source.heading, text) for text, source in found.items()], cancel
        )
        whole = self._cosines(question, [_under(source.heading, source.text) for source in sources], cancel)
        passage = dict(zip(sources, whole, strict=True))
        words = overlap(question, texts)
        return [
            Evidence(source.id, text, meaning[i], passage[source], words[i])
            for i, (text, source) in enumerate(found.items())
        ]

    def _cosines(self, question: str, texts: list[str], cancel: threading.Event | None) -> list[float]:
        asked = self._encoder.encode([question])[0]
        found: list[float] = []
        for start in range(0, len(texts), BATCH):
            if cancel and cancel.is_set():
                raise Cancelled
            found += (self._encoder.encode(texts[start : start + BATCH]) @ asked).tolist()
        return found

    def _lines(self, messages: Sequence[Message], cancel: threading.Event) -> Iterator[str]:
        sources, question = latest_sources(messages), last_question(messages)
        if not sources or not question:
            yield NO_QUESTION if sources else NO_SOURCES
            return
        chosen = choose(self.evidence(question, sources, cancel))
        for number, piece in enumerate(chosen):
            yield ("\n" if number else "") + quoted(piece.text, piece.source)
        if not chosen:
            yield ABSTAIN

    def _cut(self, text: str, tokens: int) -> str:
        places = self._encoder.tokenizer(
            text, add_special_tokens=False, truncation=False, padding=False, return_offsets_mapping=True
        )["offset_mapping"]
        return text[: places[tokens - 1][1]] if tokens else ""


def choose(
    evidence: Sequence[Evidence],
    weights: tuple[float, float, float] = WEIGHTS,
    threshold: float = THRESHOLD,
    margin: float = MARGIN,
) -> list[Evidence]:
    """The one to three sentences that answer, best first; none if even the best is under the threshold."""
    ranked = sorted(evidence, key=lambda piece: -piece.score(weights))[:MOST]
    floor = max(threshold, ranked[0].score(weights) - margin) if ranked else threshold
    return [piece for piece in ranked if piece.score(weights) >= floor]


def _under(heading: str, text: str) -> str:
    """A text in its context, as level 2 embeds it."""
    return f"{heading}\n\n{text}" if heading else text


def overlap(question: str, texts: Sequence[str]) -> list[float]:
    """For each text the share of the question's words that it holds, a rare word counting for more.

    The weight of a word is BM25's inverse document frequency (Robertson and Zaragoza, "The Probabilistic
    Relevance Framework", 2009, eq. 3.3, with the 1 that keeps it positive) over these texts.
    """
    wanted, held = stems(question), [stems(text) for text in texts]
    holding = Counter(word for words in held for word in words)
    weights = {w: math.log(1 + (len(texts) - holding[w] + 0.5) / (holding[w] + 0.5)) for w in wanted}
    total = sum(weights.values()) or 1.0
    return [sum(weights[word] for word in wanted & words) / total for words in held]


def stems(text: str) -> set[str]:
    """The words that carry content, without their commonest English endings."""
    words = set(re.findall(r"\w+", text.casefold())) - STOP_WORDS
    return {re.sub(r"(?<=\w{3})(?:ations?|ing|ed|es|s|e|ly)$", "", word) for word in words}


def latest_sources(messages: Sequence[Message]) -> list[Source]:
    """The sources of the last message that holds any. What the assistant said is no source."""
    for message in reversed(messages):
        if message.role != "assistant" and (sources := sources_in(message.text)):
            return sources
    return []


def last_question(messages: Sequence[Message]) -> str:
    """The last message of the user without its sources; only what follows `Question:`, if that is there."""
    asked = next((m.text for m in reversed(messages) if m.role == "user"), "")
    return QUESTION.split(without_sources(asked))[-1].strip()
