"""What is each stage of retrieval worth? The ablation of evaluate.py over a whole corpus, as a table.

print(ablate("frozen").table())
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from level2_prompting import corpus, frozen, questions
from level2_prompting.evaluate import Arm, Figure, ablation, in_memory
from level2_prompting.library import encode
from shared.tables import number, table

METRICS = ("hit_at_1", "hit_at_3", "hit_at_5", "mrr", "ndcg_at_10")
JUDGED_BY = "ndcg_at_10"


@dataclass(frozen=True)
class Ablation:
    """What came of it: the arms in their order, and what they were measured on."""

    arms: tuple[Arm, ...]
    questions: int
    digest: str

    def table(self) -> str:
        """A row for each arm: the means, and the difference to the first arm with its interval."""
        rows = []
        for arm in self.arms:
            means = [number(arm.figures[name].value) for name in METRICS]
            against = arm.against_first[JUDGED_BY]
            rows.append(
                (arm.name, *means, "" if arm is self.arms[0] else _told(against), f"{arm.p95_ms:.0f}")
            )
        columns = ["arm", *METRICS, f"{JUDGED_BY} against {self.arms[0].name}", "p95 ms"]
        return table(columns, rows, right=[*METRICS, "p95 ms"])


def ablate(name: str, seed: int = 0, on_progress: Callable[[float], None] = lambda share: None) -> Ablation:
    """Search a corpus by every plan, for each of its development questions that has an answer.

    Args:
        name: `frozen` for the 84 articles of frozen.py, `articles` for the ten of corpus.py.
        seed: of the intervals.
    """
    if name == "frozen":
        texts, asked, digest = frozen.articles(), frozen.questions("development"), frozen.DIGEST
    else:
        texts, asked, digest = corpus.articles(), questions.questions(), "level2-articles"
    work = encode()
    arms = ablation(in_memory(texts, work), asked, work, np.random.default_rng(seed), on_progress=on_progress)
    return Ablation(tuple(arms), sum(question.answerable for question in asked), digest)


def _told(figure: Figure) -> str:
    return f"{figure.value:+.3f} [{figure.interval.low:+.3f}, {figure.interval.high:+.3f}]"
