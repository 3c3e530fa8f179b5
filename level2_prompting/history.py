"""What was said before: a follow-up question is put so that it stands alone, and then asked like any other.

    history = History()
    history.add("What does BM25 reward?", "It rewards rare words.")
    stand_alone("Why does it do that?", history, who).text     # "Why does it do that? BM25 reward"

An index knows nothing of a conversation: "Why does it do that?" is near to no passage. An engine that
follows instructions writes the question anew, by `prompts/rewrite.md`. For one that does not there is a plain
rule: if the question has a pronoun, begins like a follow-up ("And the gate?"), or holds no word that carries
content, those of the last question are put behind it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from level2_prompting.ask import prompt_template
from level2_prompting.engine import Engine
from level2_prompting.failures import told
from level2_prompting.hygiene import clean, fresh_mark
from level2_prompting.stages import LONGEST_QUESTION, one_line

TURNS = 6  # that the engine gets to read
ANSWER_CHARS = 600  # of each answer
ADDED = 8  # words that the rule adds at most
PRONOUNS = """
it its itself they them their theirs this that these those he him his she her hers one ones
"""
COMMON = """
a about again all also an and any are as at be been being but by can could did do does done else for from get
give has have how i if in into is just like many may me more most much must my no not of on only or other our
out over please same say should so some such tell than the then there to too under up us very was we were what
when where which while who whom whose why will with would you your
"""
GOING_ON = re.compile(r"(?:and|but|or|so|then|also|(?:what|how) about)\b", re.IGNORECASE)
POINTING = frozenset(PRONOUNS.split())
EMPTY = frozenset(COMMON.split()) | POINTING


@dataclass(frozen=True)
class Exchange:
    """A question as it stood alone, and what was answered."""

    question: str
    answer: str


@dataclass(frozen=True)
class StandAlone:
    """A question that can be understood by itself. `by` says how it came about: asked, engine or rule."""

    text: str
    by: str


class History:
    """The last exchanges of a conversation, oldest first."""

    def __init__(self, turns: int = TURNS) -> None:
        self._exchanges: deque[Exchange] = deque(maxlen=turns)

    def add(self, question: str, answer: str) -> None:
        """Remember an exchange; the oldest is forgotten."""
        self._exchanges.append(Exchange(question, answer))

    def clear(self) -> None:
        """Forget everything."""
        self._exchanges.clear()

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    def __len__(self) -> int:
        return len(self._exchanges)


def stand_alone(question: str, history: History, who: Engine) -> StandAlone:
    """The question with what it refers to.

    Raises:
        BadUsage: the question is empty or too long.
        LadderError: the engine cannot be reached.
    """
    question = one_line(question)
    if not history:
        return StandAlone(question, "asked")
    if who.follows_instructions and (written := _written(question, history, who)):
        return StandAlone(written, "asked" if written == question else "engine")
    *_, last = history
    return by_rule(question, last.question)


def by_rule(question: str, last: str) -> StandAlone:
    """The question, with the words that carry content of the last one if it needs them."""
    own = content_words(question)
    has_pronoun = not POINTING.isdisjoint(re.findall(r"\w+", question.casefold()))
    goes_on = has_pronoun or not own or bool(GOING_ON.match(question))
    added = [word for folded, word in content_words(last).items() if folded not in own][:ADDED]
    text = " ".join([question, *added])
    if added and goes_on and len(text) <= LONGEST_QUESTION:
        return StandAlone(text, "rule")
    return StandAlone(question, "asked")


def content_words(text: str) -> dict[str, str]:
    """The words that carry content and are no pronoun, in order, by their lower-case spelling."""
    words: dict[str, str] = {}
    for word in re.findall(r"\w+", text):
        words.setdefault(word.casefold(), word)
    return {folded: word for folded, word in words.items() if folded not in EMPTY}


def _written(question: str, history: History, who: Engine) -> str:
    """The question as the engine writes it; empty if what it wrote is no single question."""
    said = "\n".join(
        f"Question: {one.question}\nAnswer: {clean(one.answer)[:ANSWER_CHARS]}" for one in history
    )
    mark = fresh_mark([said, question])
    filled = {"history": f"<conversation-{mark}>\n{said}\n</conversation-{mark}>", "question": question}
    with told(who.provider, who.name):
        text = (prompt_template("rewrite") | who.chat).invoke(filled).text
    lines = [line for line in clean(text).splitlines() if line.strip()]
    flat = " ".join(lines[0].split()).strip('"“” ') if len(lines) == 1 else ""
    return flat if len(flat) <= LONGEST_QUESTION else ""
