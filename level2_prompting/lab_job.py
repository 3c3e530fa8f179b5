"""A comparison of prompts in a thread of its own, so that a page can tell how far it is.

job = LabJob(Setup("extract", ("v1", "v2"), 12, "openai", "gpt-5.5"))
while not job.wait(0.5):
    print(job.label())
print(job.result().table())
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Event

from level2_prompting.lab import chosen, engine, run
from level2_prompting.lab_items import items
from level2_prompting.lab_report import Report, summed_up
from shared.background import Background


@dataclass(frozen=True)
class Setup:
    """What to compare, and who answers.

    Attributes:
        name: the prompt.
        variants: its versions, the first of them the one that all others are compared with.
        items: how many, from the first on.
        temperature: None for the engine's own.
    """

    name: str
    variants: tuple[str, ...]
    items: int
    provider: str
    model: str
    temperature: float | None = None

    @property
    def answers(self) -> int:
        """How many requests it takes."""
        return self.items * len(self.variants)


class LabJob(Background[Report]):
    """One comparison on its way. A page that is drawn anew in between finds it again and goes on looking.

    Attributes:
        share: how much of the answers has come, 0 to 1.
        told: sentences on the way, such as that the store is away.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self.share = 0.0
        self.told: list[str] = []
        self._stop = Event()
        self._start(self._work)

    def _work(self) -> Report:
        found = chosen(self.setup.name, ",".join(self.setup.variants), self.told.append)
        prompts = [*{prompt.version: prompt for prompt in found}.values()]  # the store away, two may be one
        tried = items(self.setup.name)[: self.setup.items]
        asked = engine(self.setup.provider, self.setup.model, self.setup.temperature)
        return summed_up(run(prompts, tried, asked, on_progress=self._advance))

    def _advance(self, share: float) -> None:
        self.share = share
        if self._stop.is_set() and share < 1:
            raise KeyboardInterrupt  # as Ctrl-C in the terminal: the lab keeps what has come

    def stop(self) -> None:
        """End with the next answer that comes; what has come is kept."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()

    def label(self) -> str:
        """What happens now: "5 of 24 answers"."""
        if self.stopping:
            return "Stopping with the next answer"
        if not self.share:
            return "Waiting for the first answer: an engine on this machine is loaded first"
        return f"{round(self.share * self.setup.answers)} of {self.setup.answers} answers"
