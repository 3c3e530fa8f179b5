"""An evaluation: many clips whose words are known, scored one by one and as a whole.

found = evaluate(clips_of(()), Options())
print(found.table(), found.total.wer)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from level1_api.audio import find_audio
from level1_api.plan import Options, plan
from level1_api.samples import sample, samples
from level1_api.score import Score, score, score_many, speed
from level1_api.transcribe import Result, transcribe
from shared.errors import BadUsage
from shared.tables import number, table


@dataclass(frozen=True)
class Clip:
    """Sound and the words that are said in it."""

    name: str
    path: Path
    text: str


@dataclass(frozen=True)
class Evaluation:
    """The results clip by clip, and the score over all: errors and words summed, then divided."""

    results: list[Result]
    scores: list[Score]
    total: Score

    def table(self) -> str:
        """For the terminal: a line a clip, then the whole."""
        rows = [
            (r.name, number(r.audio_s, 1), _percent(s.wer), _percent(s.cer), s.words, number(r.rtf, 2))
            for r, s in zip(self.results, self.scores, strict=True)
        ]
        total, times = self.total, speed([r.rtf for r in self.results])
        rows.append(
            ("all", number(sum(r.audio_s for r in self.results), 1), _percent(total.wer),
             _percent(total.cer), total.words, number(times["rtf_p50"], 2))
        )  # fmt: skip
        drawn = table(
            ["clip", "s", "WER", "CER", "words", "rtf"], rows, right=["s", "WER", "CER", "words", "rtf"]
        )
        summary = f"real-time factor p95 {number(times['rtf_p95'], 2)}"
        if total.interval:
            low, high = _percent(total.interval.low), _percent(total.interval.high)
            about = f"95 % interval {low} to {high} (over {total.interval.unit})"
            summary = f"WER {_percent(total.wer)}, {about}; {summary}"
        return f"{drawn}\n\n{summary}"

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        clips = [
            {
                "file": r.name, "audio_s": r.audio_s, "rtf": r.rtf, "wer": s.wer, "cer": s.cer,
                "text": r.transcript.text,
            }
            for r, s in zip(self.results, self.scores, strict=True)
        ]  # fmt: skip
        interval = self.total.interval
        return {
            "wer": self.total.wer, "cer": self.total.cer, "words": self.total.words,
            "wer_low": interval.low if interval else None, "wer_high": interval.high if interval else None,
            **speed([r.rtf for r in self.results]), "clips": clips,
        }  # fmt: skip


def clips_of(names: Sequence[str]) -> list[Clip]:
    """Clips by name: `sample:NAME`, or a folder with a `.txt` beside each audio file; all samples if none.

    Raises:
        BadUsage: a name is unknown, or a folder holds no pair of sound and text.
    """
    if not names:
        return [Clip(s.name, s.path, s.text) for s in samples() if s.text]
    clips: list[Clip] = []
    for name in names:
        if name.startswith("sample:"):
            found = sample(name.removeprefix("sample:"))
            clips.append(Clip(found.name, found.path, found.text))
            continue
        if not Path(name).is_dir():
            raise BadUsage(
                f"There is no folder {name}.", "Name a folder of clips, or a sample such as sample:harbour."
            )
        pairs = [(path, path.with_suffix(".txt")) for path in find_audio(Path(name))]
        known = [Clip(p.stem, p, t.read_text(encoding="utf-8")) for p, t in pairs if t.is_file()]
        if not known:
            raise BadUsage(
                f"{name} holds no audio file with its words beside it.",
                "Put the words of talk.mp3 into talk.txt in the same folder.",
            )
        clips += known
    return clips


def evaluate(
    clips: Sequence[Clip],
    options: Options,
    on_progress: Callable[[float], None] = lambda share: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> Evaluation:
    """Transcribe each clip, one at a time so that the times are its own, and score it."""
    notes = plan(options).notes  # true of every clip: said once
    for note in notes:
        say(note)

    def tell(sentence: str) -> None:
        if sentence not in notes:
            say(sentence)

    results: list[Result] = []
    for count, clip in enumerate(clips, 1):
        results.append(transcribe(clip.path, options, name=clip.name, say=tell))
        on_progress(count / len(clips))
    pairs = [(clip.text, result.transcript.text) for clip, result in zip(clips, results, strict=True)]
    return Evaluation(results, [score(*pair) for pair in pairs], score_many(pairs))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"
