"""How right are the answers? All development questions asked, and what came of them counted.

    found = answer_all(index)
    print(found.abstention_precision, found.abstention_recall, found.right, found.quotes_proven)

Whether an answer is right is decided by its quotes, not by how it reads: a quote has to stand where the
question's own quote stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from level2_prompting.ask import Answer, Claim, ask
from level2_prompting.index import Index
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.questions import Question, questions


@dataclass(frozen=True)
class Answers:
    """The questions with what was answered. A share of nothing is None."""

    asked: tuple[tuple[Question, Answer], ...]

    @property
    def abstention_precision(self) -> float | None:
        """Of the questions that were declined, the share that has no answer."""
        return _share([not q.answerable for q, a in self.asked if a.abstained])

    @property
    def abstention_recall(self) -> float | None:
        """Of the questions that have no answer, the share that was declined."""
        return _share([a.abstained for q, a in self.asked if not q.answerable])

    @property
    def right(self) -> float | None:
        """Of the questions that have an answer, the share with a claim that quotes it."""
        return _share([is_right(q, a) for q, a in self.asked if q.answerable])

    @property
    def declined_answerable(self) -> float | None:
        """Of the questions that have an answer, the share that was declined all the same."""
        return _share([a.abstained for q, a in self.asked if q.answerable])

    @property
    def beside_the_point(self) -> float | None:
        """Of the questions that have an answer, the share whose proven quotes are all somewhere else."""
        return _share([not a.abstained and not is_right(q, a) for q, a in self.asked if q.answerable])

    @property
    def quotes_proven(self) -> float | None:
        """Of all claims that were made, the share whose quote is in the source it names."""
        proven = [True for _, a in self.asked for _ in a.claims]
        return _share(proven + [False for _, a in self.asked for _ in a.dropped])

    @property
    def withheld(self) -> float | None:
        """Of all questions, the share whose answer held what no passage it cites holds."""
        return _share([bool(a.withheld) for _, a in self.asked])


def answer_all(
    index: Index,
    provider: str | None = None,
    plan: Plan = CHOSEN,
    asked: Sequence[Question] | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Answers:
    """Ask every development question, or those that are given. The index is that of the ten articles."""
    chosen = questions() if asked is None else asked
    done = []
    for number, question in enumerate(chosen, 1):
        done.append((question, ask(question.text, index, plan=plan, provider=provider)))
        on_progress(number / len(chosen))
    return Answers(tuple(done))


def is_right(question: Question, answer: Answer) -> bool:
    """Whether a claim's quote shares with the question's quote at least half of the shorter of the two."""
    return any(claim.source == question.source and _covers(question, claim) for claim in answer.claims)


def _covers(question: Question, claim: Claim) -> bool:
    shared = min(question.end, claim.end) - max(question.start, claim.start)
    return 2 * shared >= min(question.end - question.start, claim.end - claim.start) > 0


def _share(of: Sequence[bool]) -> float | None:
    return sum(of) / len(of) if of else None
