"""How a transcript is shown: words coloured by the engine's own confidence, and what was misheard.

Every word is escaped: a transcript is somebody's words, never markup.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from level1_api.plan import Options
from level1_api.score import Change
from shared.captions import cues
from shared.speech import Transcript, Word

# Semi-transparent, so that they read on a light and on a dark page; the line below says it without colour.
BANDS = (
    (0.9, "sure", "transparent", "none"),
    (0.6, "unsure", "rgba(255, 193, 7, 0.30)", "2px dotted rgba(200, 140, 0, 0.9)"),
    (0.0, "guess", "rgba(244, 67, 54, 0.30)", "2px solid rgba(220, 50, 40, 0.9)"),
)
BOX = "margin:0;line-height:2;font-size:1.05rem;overflow-wrap:anywhere"


def band(probability: float) -> tuple[str, str, str]:
    """Name, background and underline for a confidence between 0 and 1."""
    return next((name, colour, line) for low, name, colour, line in BANDS if probability >= low)


def coloured(words: Iterable[Word]) -> str:
    """HTML of the words, each with its confidence as colour, underline and tooltip."""
    return f'<p style="{BOX}">{" ".join(_word(word) for word in words)}</p>'


def _word(word: Word) -> str:
    text = escape(word.word.strip())
    if word.probability is None:
        return text
    name, colour, line = band(word.probability)
    tip = f"{word.start:.2f} s to {word.end:.2f} s, {word.probability:.0%} {name}"
    return (
        f'<span title="{tip}" style="background:{colour};border-bottom:{line};border-radius:3px;'
        f'padding:0 2px">{text}</span>'
    )


def legend() -> str:
    """HTML that says what the colours mean."""
    parts = [
        f'<span style="background:{colour};border-bottom:{line};padding:0 4px">{name}</span> '
        + (f"from {low:.0%}" if low else "below")
        for low, name, colour, line in BANDS
    ]
    return f"<small>The engine's own confidence: {' · '.join(parts)}</small>"


def misheard(changes: Iterable[Change]) -> str:
    """HTML of a reference with what was heard instead struck through and put beside it."""
    parts = []
    for change in changes:
        wanted, heard = escape(" ".join(change.reference)), escape(" ".join(change.hypothesis))
        if change.kind == "equal":
            parts.append(wanted)
        else:
            struck = [f"<del>{wanted}</del>"] * bool(wanted) + [f"<ins>{heard}</ins>"] * bool(heard)
            parts.append(f'<span style="background:rgba(244,67,54,0.18)">{" ".join(struck)}</span>')
    return f'<p style="{BOX}">{" ".join(parts)}</p>'


def misheard_key() -> str:
    """HTML that says what the marks of `misheard` mean."""
    return "<small><del>struck through</del> was said, <ins>underlined</ins> was heard instead.</small>"


def in_words(options: Options) -> str:
    """The settings of one call as a heading: "pocketsphinx, speech filter on, word times"."""
    parts = [options.model]
    if options.language:
        parts.append(f"language {options.language}")
    if options.vad is not None:
        parts.append(f"speech filter {'on' if options.vad else 'off'}")
    return ", ".join([*parts, "word times" if options.words else "no word times"])


class Phrase(NamedTuple):
    """A stretch to hear at once: as long as one subtitle. Times in seconds."""

    start: float
    end: float
    words: list[Word]


def phrases(transcript: Transcript) -> list[Phrase]:
    """The transcript in stretches of a subtitle each, with their words; one word where none has a time."""
    found = []
    for start, end, text in cues(transcript.segments or [], transcript.words):
        begin, stop = start / 1000, end / 1000
        inside = [w for w in transcript.words or [] if begin <= (w.start + w.end) / 2 <= stop]
        found.append(Phrase(begin, stop, inside or [Word(word=text, start=begin, end=stop)]))
    return found


def clock(seconds: float) -> str:
    """1:02:03.4 or 2:03.4, as a player shows it."""
    tenths = round(seconds * 10)
    minutes, tenth = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{head}:{tenth / 10:04.1f}"
