"""An evaluation in a thread of its own, so that a page can tell how far it is.

job = EvaluationJob("articles")
while not job.wait(0.5):
    print(job.label, job.share)
print(job.result()["url"])
"""

from __future__ import annotations

from threading import Event

from level2_prompting.evaluated import Told, keep
from level2_prompting.evaluation import evaluate
from level2_prompting.material import Corpus, development
from shared.background import Background


class EvaluationJob(Background[Told]):
    """One evaluation of a development half on its way, recorded and kept at its end.

    Attributes:
        label: what happens now: "Asking 138 questions".
        share: how much is done, 0 to 1.
    """

    def __init__(self, corpus: Corpus) -> None:
        self.corpus = corpus
        self.label, self.share = "Beginning", 0.0
        self._stop = Event()
        self._start(self._work)

    def _work(self) -> Told:
        from level2_prompting.record import record_evaluation

        found = evaluate(development(self.corpus), say=self._say, on_progress=self._advance)
        self._say("Recording in MLflow")
        run = record_evaluation(found, source="page")
        told = {**found.as_dict(), "run_id": run.id, "url": run.url}
        if told["whole"]:
            keep(told)
        return told

    def _say(self, words: str) -> None:
        self.label = words

    def _advance(self, share: float) -> None:
        self.share = share
        if self._stop.is_set() and share < 1:
            raise KeyboardInterrupt  # as Ctrl-C in the terminal: what is whole is recorded

    def stop(self) -> None:
        """End with the next step; nothing takes the place of the figures from before."""
        self._stop.set()

    @property
    def stopping(self) -> bool:
        return self._stop.is_set()
