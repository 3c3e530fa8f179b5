"""How right are the answers? Questions asked, and what came of them counted.

    found = answer_all(index, asked=questions("development"))
    print(found.right.value, found.right.interval, found.abstention_precision.value)

Whether an answer is right is decided by its quotes, not by how it reads: a quote has to stand where the
question's own quote stands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from level2_prompting.ask import Answer, Claim, ask
from level2_prompting.evaluate import first_rank
from level2_prompting.index import Index
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.questions import Question, questions
from shared.stats import Interval, percentile, share_interval

SHARES = (
    "right", "declined_answerable", "beside_the_point", "abstention_precision", "abstention_recall",
    "quotes_proven", "withheld",
)  # fmt: skip


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    part: int
    of: int

    @staticmethod
    def among(those: Sequence[bool]) -> Share:
        """How many of them are True."""
        return Share(sum(those), len(those))

    @property
    def value(self) -> float | None:
        """None for a share of nothing."""
        return self.part / self.of if self.of else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's of 95 %; None for a share of nothing."""
        return share_interval(self.part, self.of) if self.of else None

    def as_dict(self) -> dict[str, Any]:
        """What a script reads."""
        interval = self.interval
        return {**asdict(self), "value": self.value, "interval": asdict(interval) if interval else None}


@dataclass(frozen=True)
class Answers:
    """The questions with what was answered."""

    asked: tuple[tuple[Question, Answer], ...]

    @property
    def abstention_precision(self) -> Share:
        """Of the questions that were declined, the share that has no answer."""
        return Share.among([not q.answerable for q, a in self.asked if a.abstained])

    @property
    def abstention_recall(self) -> Share:
        """Of the questions that have no answer, the share that was declined."""
        return Share.among([a.abstained for q, a in self.asked if not q.answerable])

    @property
    def right(self) -> Share:
        """Of the questions that have an answer, the share with a claim that quotes it."""
        return Share.among([is_right(q, a) for q, a in self.asked if q.answerable])

    @property
    def declined_answerable(self) -> Share:
        """Of the questions that have an answer, the share that was declined all the same."""
        return Share.among([a.abstained for q, a in self.asked if q.answerable])

    @property
    def beside_the_point(self) -> Share:
        """Of the questions that have an answer, the share whose proven quotes are all somewhere else."""
        return Share.among([not a.abstained and not is_right(q, a) for q, a in self.asked if q.answerable])

    @property
    def quotes_proven(self) -> Share:
        """Of all claims that were made, the share whose quote is in the source it names."""
        proven = sum(len(a.claims) for _, a in self.asked)
        return Share(proven, proven + sum(len(a.dropped) for _, a in self.asked))

    @property
    def withheld(self) -> Share:
        """Of all questions, the share whose answer held what no passage it cites holds."""
        return Share.among([bool(a.withheld) for _, a in self.asked])

    def shares(self) -> dict[str, Share]:
        """All of these, by name."""
        return {name: getattr(self, name) for name in SHARES}

    def costs(self) -> dict[str, float | None]:
        """Seconds of a whole answer; tokens of all, None where the engine does not count them."""
        seconds = [answer.wall_s for _, answer in self.asked]
        used = [answer.usage for _, answer in self.asked]
        tokens = [one for one in used if one is not None]
        return {
            "latency_p50_s": percentile(seconds, 50), "latency_p95_s": percentile(seconds, 95),
            "tokens_in": sum(one["input_tokens"] for one in tokens) if tokens else None,
            "tokens_out": sum(one["output_tokens"] for one in tokens) if tokens else None,
        }  # fmt: skip

    def rows(self) -> list[dict[str, Any]]:
        """A row for each question: what was wanted, what came, where that stands, how far up it was found."""
        return [
            {
                "question": q.text,
                "wanted": q.quote or "(no answer)",
                "answer": a.text,
                "abstained": a.abstained,
                "right": is_right(q, a) if q.answerable else a.abstained,
                "where": ", ".join(f"{c.source} {c.start}–{c.end}" for c in a.claims),
                "rank": first_rank(q, a.found) if a.found and q.answerable else None,
                "dropped": len(a.dropped),
                "wall_s": round(a.wall_s, 3),
            }
            for q, a in self.asked
        ]


def answer_all(
    index: Index,
    provider: str | None = None,
    plan: Plan = CHOSEN,
    asked: Sequence[Question] | None = None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Answers:
    """Ask every development question over the ten articles, or the questions that are given, one by one."""
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
