"""The study: each variant is made, weighed, judged and timed beside the untouched encoder.

study = slim(Plan(("bf16", "int8-channel"), rounds=5))
for row in study.rows:
    print(row.name, row.size.mb, row.agreement.mean, row.times[32].p50)
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import torch

from level2_prompting.evaluate import Encode, Retrieval, retrieval_scores
from level3_modify import latency
from level3_modify.quality import Agreement, Shift, agreement, hits, remembering, shift
from level3_modify.search import passages, questions, spread
from level3_modify.size import Size, measure
from level3_modify.variants import Variant, choose, quantisation_engine
from shared.encoder import Encoder
from shared.errors import LadderError

BATCHES = (1, 32)  # one question, as a search sends it; 32 passages, as indexing does
ROUNDS = 20
QUICK_ROUNDS = 3


@dataclass(frozen=True)
class Plan:
    """What to measure: names of variants (none: all), rounds of timing, and the seed of all that is drawn."""

    names: tuple[str, ...] = ()
    rounds: int = ROUNDS
    seed: int = 0


@dataclass(frozen=True)
class Row:
    """What is known of one variant; what is not measured yet is None.

    Attributes:
        absent: why it cannot be had on this machine, in words; empty where it can.
        hit_shift, ndcg_shift: against the reference, over the same questions; None for the reference.
        times: by batch size, for the whole way from text to vector.
        speeds: by batch size, how many times as fast as the reference in the same round; none for itself.
        wall_s: how long it took to make, weigh and judge it.
    """

    name: str
    changes: str
    absent: str = ""
    size: Size | None = None
    agreement: Agreement | None = None
    retrieval: Retrieval | None = None
    hit_shift: Shift | None = None
    ndcg_shift: Shift | None = None
    times: dict[int, latency.Times] = field(default_factory=dict)
    speeds: dict[int, latency.Ratio] = field(default_factory=dict)
    wall_s: float = 0.0

    @property
    def loses(self) -> bool:
        """Whether it finds less by hit@5 or by nDCG@10, and that by more than chance explains."""
        return any(moved.lost for moved in (self.hit_shift, self.ndcg_shift) if moved)

    @property
    def metrics(self) -> dict[str, float]:
        """What has been measured, under the names it has in MLflow, in tables and in JSON."""
        found: dict[str, float] = {}
        if self.size:
            found |= {"size_mb": self.size.mb, "parameters": self.size.parameters}
        for batch, times in self.times.items():
            found |= {f"batch{batch}_p50_ms": times.p50, f"batch{batch}_p95_ms": times.p95}
        for batch, speed in self.speeds.items():
            found |= {
                f"batch{batch}_speed_ratio": speed.median,
                f"batch{batch}_speed_ratio_low": speed.low,
                f"batch{batch}_speed_ratio_high": speed.high,
            }
        if self.agreement:
            found |= {"cosine_mean": self.agreement.mean, "cosine_min": self.agreement.worst}
        if self.retrieval:
            found |= {"hit_at_5": self.retrieval.hit_at_5, "ndcg_at_10": self.retrieval.ndcg_at_10}
        for name, moved in (("hit_at_5", self.hit_shift), ("ndcg_at_10", self.ndcg_shift)):
            if moved:
                found |= {
                    f"{name}_shift": moved.mean,
                    f"{name}_shift_low": moved.interval.low,
                    f"{name}_shift_high": moved.interval.high,
                }
        return found


@dataclass(frozen=True)
class Study:
    """All rows, the reference first, and the circumstances without which the times mean nothing."""

    rows: tuple[Row, ...]
    plan: Plan
    passages: int
    questions: int
    threads: int
    engine: str | None
    machine: str
    began: float

    @property
    def reference(self) -> Row:
        return self.rows[0]

    @property
    def circumstances(self) -> str:
        """One line: "1 thread on …, 20 rounds in turns after 1 to warm up, 96 passages, 40 questions"."""
        rounds = f"{self.plan.rounds} round{'s' * (self.plan.rounds != 1)}"
        return (
            f"{self.threads} thread{'s' * (self.threads != 1)} on {self.machine}, {rounds} "
            f"in turns after {latency.WARM_UP} to warm up, {self.passages} passages, "
            f"{self.questions} questions"
        )


Watch = Callable[[Sequence[Row], float], None]  # the rows so far, and the share that is done, 0 to 1


def slim(plan: Plan = Plan(), on_change: Watch = lambda rows, share: None) -> Study:
    """Measure every variant of the plan.

    Args:
        on_change: told at the start, after each variant, and after each round of timing.

    Raises:
        BadUsage: the plan names a variant that there is not.
    """
    began, chosen = time.time(), choose(plan.names)
    encoders: dict[str, Encoder] = {}
    rows: dict[str, Row] = {v.name: Row(v.name, v.changes) for v in chosen}
    on_change(list(rows.values()), 0.0)
    judge = Judge(plan.seed)
    for done, variant in enumerate(chosen, 1):
        begin = time.perf_counter()
        try:
            encoders[variant.name] = changed(original(), variant)
        except LadderError as error:
            rows[variant.name] = replace(rows[variant.name], absent=f"not on this machine: {error.message}")
        else:
            row = judge.judge(rows[variant.name], encoders[variant.name])
            rows[variant.name] = replace(row, wall_s=time.perf_counter() - begin)
        on_change(list(rows.values()), 0.5 * done / len(chosen))
    for done, seconds in enumerate(_timed(encoders, plan), 1):
        for name in encoders:
            times = {batch: latency.summary(seconds[name, batch]) for batch in BATCHES}
            speeds = {batch: latency.ratio(seconds[name, batch], seconds["fp32", batch]) for batch in BATCHES}
            rows[name] = replace(
                rows[name], times={b: t for b, t in times.items() if t},
                speeds={b: r for b, r in speeds.items() if r and name != "fp32"},
            )  # fmt: skip
        on_change(list(rows.values()), 0.5 + 0.5 * done / plan.rounds)
    return Study(
        tuple(rows.values()), plan, len(passages()), len(questions()), torch.get_num_threads(),
        quantisation_engine(), machine(), began,
    )  # fmt: skip


@lru_cache
def original() -> Encoder:
    """The encoder as it came, loaded once a process. Nothing changes it."""
    return Encoder.load()


@lru_cache
def original_encode() -> Encode:
    """How the original encodes: what it has encoded once in this process is known."""
    return remembering(original().encode)


def changed(original: Encoder, variant: Variant) -> Encoder:
    """An encoder with the changed copy of the model; the original stays as it is."""
    return Encoder(variant.change(original.model), original.tokenizer, original.max_tokens)


class Judge:
    """Weighs changed encoders and compares each with the original."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._texts = [passage.text for passage in passages()]
        self._vectors = original_encode()(self._texts)  # (N, width)
        self._retrieval = retrieval_scores(original_encode())

    def judge(self, row: Row, encoder: Encoder) -> Row:
        """The row with size, agreement and retrieval filled in."""
        if row.name == "fp32":  # a copy bit for bit, whose vectors are known
            return replace(
                row, size=measure(encoder.model), agreement=agreement(self._vectors, self._vectors),
                retrieval=self._retrieval,
            )  # fmt: skip
        encode = remembering(encoder.encode)
        retrieval = retrieval_scores(encode)
        return replace(
            row, size=measure(encoder.model), agreement=agreement(encode(self._texts), self._vectors),
            retrieval=retrieval,
            hit_shift=self._shift(hits(retrieval, 5), hits(self._retrieval, 5)),
            ndcg_shift=self._shift(retrieval.gains, self._retrieval.gains),
        )  # fmt: skip

    def _shift(self, changed: Sequence[float], reference: Sequence[float]) -> Shift:
        return shift(changed, reference, np.random.default_rng(self._seed))


def _timed(encoders: dict[str, Encoder], plan: Plan) -> Iterator[dict[tuple[str, int], list[float]]]:
    """Seconds of each variant at each batch size, after each round."""
    texts = {1: [questions()[0].text], 32: spread(32)}
    calls = {
        (name, batch): partial(encoder.encode, texts[batch])
        for name, encoder in encoders.items()
        for batch in BATCHES
    }
    return latency.take_turns(calls, plan.rounds, np.random.default_rng(plan.seed))


def machine() -> str:
    """The processor's name, as far as the system tells it."""
    info = Path("/proc/cpuinfo")
    names = [n for n in info.read_text().splitlines() if n.startswith("model name")] if info.is_file() else []
    return names[0].partition(":")[2].strip() if names else platform.processor() or platform.machine()
