"""Join the transcripts of overlapping pieces into one, as if the file had been heard at once.

At a seam both neighbours heard the same two seconds. What each knows decides how its double is found:

- words with times: each word belongs to the side of the seam on which its middle lies;
- text, or segments, alone: the end of the left and the beginning of the right are laid side by side, and
  the longest run of equal words is kept once. What the left heard after that run, and the right before it,
  was cut off in mid-word at a piece's edge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from functools import reduce

from level1_api.chunks import Piece
from shared.speech import Segment, Transcript, Usage, Word

REACH = 30  # words on each side of a seam that are compared: more than are spoken in an overlap


def merge(parts: Sequence[tuple[Piece, Transcript]], seconds: float) -> Transcript:
    """One transcript of the whole file.

    Args:
        parts: each piece with its transcript, in order; the transcript's times begin at the piece's start.
        seconds: length of the whole file.

    Returns:
        times from the file's beginning; segments numbered anew; the text is that of the segments.
    """
    if len(parts) == 1:
        return parts[0][1]
    moved = [(piece, _moved(answer, piece.start)) for piece, answer in parts]
    _, whole = reduce(lambda left, right: (right[0], _joined(left, right)), moved)
    usages = [answer.usage for _, answer in parts if answer.usage]
    return whole.model_copy(
        update={
            "duration": seconds,
            "segments": _numbered(whole.segments),
            "usage": Usage(seconds=sum(u.seconds for u in usages)) if len(usages) == len(parts) else None,
        }
    )


def _joined(left: tuple[Piece, Transcript], right: tuple[Piece, Transcript]) -> Transcript:
    """Both transcripts, what was heard twice taken out once."""
    (before, a), (after, b) = left, right
    cut = (after.start + before.end) / 2
    words: list[Word] | None = None
    segments: list[Segment] | None = None
    if a.words is not None and b.words is not None and a.segments is not None and b.segments is not None:
        mine, theirs = split_words(a.words, b.words, cut)
        words = mine + theirs
        segments = _with_words(a.segments, a.words, mine, lambda s: _middle(s) < cut)
        segments += _with_words(b.segments, b.words, theirs, lambda s: _middle(s) >= cut)
    elif a.segments is not None and b.segments is not None:
        segments = _joined_segments(a.segments, b.segments, cut)
    else:
        mine_text, their_text = a.text.split(), b.text.split()
        keep, skip = seam(mine_text, their_text)
        text = " ".join(mine_text[:keep] + their_text[skip:])
    if segments is not None:
        text = " ".join(t for s in segments if (t := s.text.strip()))
    return Transcript(
        task=a.task,
        language=a.language or b.language,
        duration=b.duration,
        text=text,
        segments=segments,
        words=words,
        engine=a.engine or b.engine,
    )


# By time ---------------------------------------------------------------------------------------------


def split_words(left: list[Word], right: list[Word], cut: float) -> tuple[list[Word], list[Word]]:
    """The words that each side keeps: those whose middle lies on its own side of the cut.

    The sides time a word that lies across the cut a little differently; it must neither stay twice nor
    vanish twice.
    """
    mine = [w for w in left if _middle(w) < cut]
    theirs = [w for w in right if _middle(w) >= cut]
    if mine and theirs and _same(mine[-1], theirs[0]):
        return mine, theirs[1:]
    lost_left, lost_right = left[len(mine) : len(mine) + 1], right[: len(right) - len(theirs)][-1:]
    if lost_left and lost_right and _same(lost_left[0], lost_right[0]):
        return [*mine, lost_left[0]], theirs
    return mine, theirs


def _same(a: Word, b: Word) -> bool:
    """Whether two words are one that was heard twice."""
    return plain(a.word) == plain(b.word) and a.start < b.end and b.start < a.end


def _with_words(
    segments: list[Segment], words: list[Word], kept: list[Word], stays: Callable[[Segment], bool]
) -> list[Segment]:
    """The segments with only the words that were kept; a segment that lost all of its words goes.

    A segment that never had words goes by `stays`.
    """
    staying = {id(w) for w in kept}
    result = []
    for segment, own in _by_segment(segments, words):
        left = [w for w in own if id(w) in staying]
        if len(left) == len(own):
            result += [segment] if own or stays(segment) else []
        elif left:
            result.append(
                segment.model_copy(
                    update={
                        "text": _text_of(segment.text, own, left),
                        "start": left[0].start if left[0] is not own[0] else segment.start,
                        "end": left[-1].end if left[-1] is not own[-1] else segment.end,
                        "tokens": None,  # they spelled the whole segment
                        "words": None,
                    }
                )
            )
    return result


def _by_segment(segments: list[Segment], words: list[Word]) -> list[tuple[Segment, list[Word]]]:
    """Each segment with its words. The API lists both side by side; a word goes to the nearest segment."""
    own: list[tuple[Segment, list[Word]]] = [(segment, []) for segment in segments]
    place = 0
    for word in words:
        while place + 1 < len(own) and _away(own[place + 1][0], word) <= _away(own[place][0], word):
            place += 1
        if own:
            own[place][1].append(word)
    return own


def _text_of(text: str, own: list[Word], left: list[Word]) -> str:
    """The text of the words that are left, in the segment's own spelling where words and text pair up."""
    spelled = text.split()
    space = "" if len(spelled) == 1 else " "  # Chinese and Japanese part no words
    if len(spelled) != len(own):
        spelled = [w.word.strip() for w in own]
    staying = {id(w) for w in left}
    return space.join(s for s, w in zip(spelled, own, strict=True) if id(w) in staying)


def _away(segment: Segment, word: Word) -> float:
    return max(segment.start - _middle(word), _middle(word) - segment.end, 0.0)


def _middle(x: Word | Segment) -> float:
    return (x.start + x.end) / 2


# By words --------------------------------------------------------------------------------------------


def seam(left: Sequence[str], right: Sequence[str]) -> tuple[int, int]:
    """How many words of the left to keep and how many of the right to skip.

    The longest run of equal words at the left's end and the right's beginning. A few words may lie between
    the run and the edge, cut off or misheard; the run must be twice as long as those on either side, or it
    is taken for a chance likeness. Without a run both stay whole.
    """
    a, b = [plain(w) for w in left[-REACH:]], [plain(w) for w in right[:REACH]]
    best = (0, 0, 0)
    for run in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks():
        beyond, before = len(a) - (run.a + run.size), run.b
        if run.size > best[0] and run.size >= 2 * max(beyond, before) and any(a[run.a : run.a + run.size]):
            best = (run.size, beyond, before)
    size, beyond, before = best
    return (len(left) - beyond, before + size) if size else (len(left), 0)


def _joined_segments(left: list[Segment], right: list[Segment], cut: float) -> list[Segment]:
    """Segments without word times: by their words where a run is found, else by their middles."""
    mine, theirs = _spread(left), _spread(right)
    keep, skip = seam([w for _, w in mine], [w for _, w in theirs])
    if skip == 0:
        before = [s for s in left if _middle(s) < cut]
        heard_to = min(cut, before[-1].end) if before else 0.0  # rather twice than not at all
        return before + [s for s in right if _middle(s) >= heard_to]
    kept_left, kept_right = _gathered(left, mine[:keep]), _gathered(right, theirs[skip:])
    if kept_left and kept_right:  # a segment that was cut has no times of its own: it ends or begins there
        last, first = kept_left[-1], kept_right[0]
        first.start = min(max(first.start, last.end), first.end)
    return kept_left + kept_right


def _spread(segments: list[Segment]) -> list[tuple[int, str]]:
    """The words of all segments, each with the place of its segment."""
    return [(place, word) for place, segment in enumerate(segments) for word in segment.text.split()]


def _gathered(segments: list[Segment], words: list[tuple[int, str]]) -> list[Segment]:
    """The segments that still have words, with only those."""
    texts: dict[int, list[str]] = {}
    for place, word in words:
        texts.setdefault(place, []).append(word)
    return [segments[place].model_copy(update={"text": " ".join(left)}) for place, left in texts.items()]


def plain(word: str) -> str:
    """A word as it is compared: small letters, no punctuation."""
    return "".join(c for c in word.casefold() if c.isalnum())


# Housekeeping ----------------------------------------------------------------------------------------


def _moved(answer: Transcript, by: float) -> Transcript:
    """The transcript with its times counted from the file's beginning."""

    def move(x: Segment | Word) -> dict[str, float]:
        return {"start": x.start + by, "end": x.end + by}

    segments, words = answer.segments, answer.words
    if not answer.text.strip():  # nothing was heard: there are no times to miss
        segments, words = segments or [], words or []
    if segments is not None:
        segments = [s.model_copy(update=move(s) | {"seek": _moved_seek(s.seek, by)}) for s in segments]
    if words is not None:
        words = [w.model_copy(update=move(w)) for w in words]
    return answer.model_copy(update={"segments": segments, "words": words})


def _moved_seek(seek: int | None, by: float) -> int | None:
    """Whisper counts `seek` in hundredths of a second."""
    return None if seek is None else seek + round(by * 100)


def _numbered(segments: list[Segment] | None) -> list[Segment] | None:
    return None if segments is None else [s.model_copy(update={"id": i}) for i, s in enumerate(segments)]
