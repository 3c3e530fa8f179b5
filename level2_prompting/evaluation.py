"""A whole evaluation: search in eight ways, answers, attacks.

found = evaluate(development("frozen"))
print(found.chosen.figures["ndcg_at_10"].value, found.answers.right.value)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from level2_prompting.answers import Answers, answer_all
from level2_prompting.attacks import Attacks, attack_all
from level2_prompting.documents import Document
from level2_prompting.engine import engine
from level2_prompting.evaluate import ARMS, Arm, ablation
from level2_prompting.index import Index
from level2_prompting.library import made
from level2_prompting.material import Material
from level2_prompting.plan import CHOSEN, Plan
from level2_prompting.prepared import Prepared
from level2_prompting.questions import Question
from shared.clients import endpoint

# How long each part takes of a first evaluation of the frozen corpus, in per cent: for the progress alone.
WEIGHTS = {"index": 40, "retrieval": 25, "answers": 25, "poisoned index": 5, "attacks": 5}


@dataclass(frozen=True)
class Evaluation:
    """What came of it. A part that was not reached before it was stopped is empty.

    Attributes:
        plan: by which the answers' passages were found.
        arms: one for each way to search.
        passages: how many the index holds; model: who made their vectors.
        engine: who answered; endpoint: where it runs.
        seconds: how long each part took.
    """

    material: Material
    plan: Plan
    seed: int
    arms: tuple[Arm, ...] = ()
    answers: Answers | None = None
    attacks: Attacks | None = None
    passages: int = 0
    model: str = ""
    engine: str = ""
    endpoint: str = ""
    seconds: dict[str, float] = field(default_factory=dict)
    stopped: bool = False
    when: str = ""

    @property
    def chosen(self) -> Arm | None:
        """The arm that finds as the answers' plan does."""
        return next((arm for arm in self.arms if replace(arm.plan, k=self.plan.k) == self.plan), None)

    @property
    def name(self) -> str:
        """What its run is called. A few questions are no evaluation: they reach no baseline."""
        if not self.material.whole:
            return f"try {len(self.material.questions)} questions of {self.material.corpus}"
        verb = "confirm" if self.material.split == "held-out" else "evaluate"
        return f"{verb} {self.material.corpus}"

    @property
    def wall_s(self) -> float:
        return sum(self.seconds.values())

    def as_dict(self) -> dict[str, Any]:
        """What a script reads, and what is kept for the page."""
        return {
            "corpus": self.material.corpus, "split": self.material.split, "digest": self.material.digest,
            "whole": self.material.whole and not self.stopped, "when": self.when, "seed": self.seed,
            "documents": len(self.material.articles), "passages": self.passages,
            "questions": len(self.answers.asked) if self.answers else 0,
            "answerable": len(self.arms[0].ranks) if self.arms else 0,
            "plan": asdict(self.plan), "chosen": self.chosen.name if self.chosen else None,
            "embedding_model": self.model, "engine": self.engine, "endpoint": self.endpoint,
            "arms": [arm.as_dict() for arm in self.arms],
            "answers": _counted(self.answers) | self.answers.costs() if self.answers else None,
            "attacks": _attacked(self.attacks) if self.attacks else None,
            "seconds": {part: round(took, 3) for part, took in self.seconds.items()},
            "wall_s": round(self.wall_s, 3),
        }  # fmt: skip


def evaluate(
    material: Material,
    plan: Plan = CHOSEN,
    plans: Mapping[str, Plan] = ARMS,
    provider: str | None = None,
    seed: int = 0,
    asked: Sequence[Question] | None = None,
    say: Callable[[str], None] = lambda sentence: None,
    on_progress: Callable[[float], None] = lambda share: None,
) -> Evaluation:
    """Measure search, answers and attacks on some material. Ctrl-C ends it; whole parts are kept.

    Args:
        plan: how the passages of an answer are found.
        plans: the ways to search, by name; the others are compared with the first.
        provider: `local`, `openai`, or None for the setting LADDER_PROVIDER: who answers.
        seed: of the intervals of retrieval.
        asked: the questions to answer; all of the material's if they are not given.
        say: is told which part begins.

    Raises:
        LadderError: a model cannot be reached.
    """
    who, asked = engine(provider), material.questions if asked is None else asked
    found = Evaluation(material, plan, seed, engine=who.name, endpoint=endpoint(who.provider))
    parts = _Parts(bool(material.attacks), say, on_progress)
    try:
        with parts.part("index", f"Indexing {len(material.articles)} articles") as advance:
            index = _index(material, advance)
            snapshot = index.snapshot()
            encode = index.encoder(snapshot.manifest)
            prepared = Prepared(snapshot.chunks, encode, index.extra(snapshot.manifest))
        found = replace(found, passages=len(snapshot.chunks), model=snapshot.manifest.model)
        with parts.part("retrieval", f"Searching in {len(plans)} ways") as advance:
            rng = np.random.default_rng(seed)
            arms = ablation(snapshot, material.questions, encode, rng, plans, prepared, advance)
        found = replace(found, arms=tuple(arms))
        with parts.part("answers", f"Asking {len(asked)} questions") as advance:
            answers = answer_all(index, provider, plan, asked, advance)
        found = replace(found, answers=answers, engine=answers.asked[0][1].engine)
        if material.attacks:
            with parts.part("poisoned index", "Indexing the poisoned documents") as advance:
                poisoned = _index(material, advance, without=index)
            with parts.part("attacks", f"Trying {len(material.attacks)} attacks") as advance:
                attacks = attack_all(poisoned, material.attacks, provider, plan, advance)
            found = replace(found, attacks=attacks)
    except KeyboardInterrupt:
        found = replace(found, stopped=True)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return replace(found, seconds=parts.seconds, when=now)


class _Parts:
    """The parts one after the other: how long each takes, and how far the whole is."""

    def __init__(self, attacks: bool, say: Callable[[str], None], on_progress: Callable[[float], None]):
        self.seconds: dict[str, float] = {}
        self._say, self._on_progress = say, on_progress
        self._total = sum(WEIGHTS.values()) if attacks else sum(list(WEIGHTS.values())[:3])
        self._done = 0

    @contextmanager
    def part(self, name: str, words: str) -> Iterator[Callable[[float], None]]:
        self._say(words)
        before, weight, began = self._done, WEIGHTS[name], time.monotonic()
        try:
            yield lambda share: self._on_progress((before + weight * share) / self._total)
        finally:
            self.seconds[name] = time.monotonic() - began
        self._done += weight
        self._on_progress(self._done / self._total)


def _index(material: Material, on_progress: Callable[[float], None], without: Index | None = None) -> Index:
    """The index of the articles; given that, the one of the articles and the poisoned documents."""
    documents = [Document(one.name, one.text) for one in material.articles]
    if without is None:
        return made(material.corpus, documents, on_progress=on_progress)
    documents += [Document(one.name, one.text) for one in material.poisoned]
    return made(f"poisoned {material.split}", documents, on_progress=on_progress, like=without)


def _counted(found: Answers | Attacks) -> dict[str, Any]:
    return {name: share.as_dict() for name, share in found.shares().items()}


def _attacked(found: Attacks) -> dict[str, Any]:
    return {**_counted(found), "kinds": {kind: _counted(of) for kind, of in found.by_kind().items()}}
