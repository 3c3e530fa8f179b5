"""What the figures of a study say: the table, and for each variant the sentence a reader would draw from it.

Nothing here is typed in: every word follows from a number.
"""

from __future__ import annotations

from typing import Any

from level3_modify.latency import ENOUGH, Ratio
from level3_modify.quality import Shift
from level3_modify.slim import Row, Study
from shared.tables import table

COLUMNS = {
    "variant": "",
    "MB": "size_mb",
    "parameters": "parameters",
    "1 text, ms": "batch1_p50_ms",
    "p95": "batch1_p95_ms",
    "32 texts, ms": "batch32_p50_ms",
    "p95 ": "batch32_p95_ms",
    "cosine": "cosine_mean",
    "worst": "cosine_min",
    "hit@5": "hit_at_5",
    "nDCG@10": "ndcg_at_10",
    "nDCG@10 against fp32": "",
}
DIGITS = {
    "size_mb": 1, "batch1_p50_ms": 1, "batch1_p95_ms": 1, "batch32_p50_ms": 0, "batch32_p95_ms": 0,
    "cosine_mean": 4, "cosine_min": 4, "hit_at_5": 3, "ndcg_at_10": 3,
}  # fmt: skip
MARK = "*"
MARKED = (
    f"{MARK} moved against fp32 by more than chance explains: the interval of its change (95 %) leaves out 0"
)


def study_table(study: Study) -> str:
    """The study as a table for the terminal, with what its marks mean if it has any."""
    rows = [cells(row) for row in study.rows]
    drawn = table(list(COLUMNS), rows, right=list(COLUMNS)[1:-1])
    marked = any(cell.startswith(MARK) for row in rows for cell in row)
    return f"{drawn}\n\n{MARKED}" if marked else drawn


def cells(row: Row) -> tuple[str, ...]:
    """One variant in the columns of the table; a dash for what is not measured."""
    shifts = {"hit_at_5": row.hit_shift, "ndcg_at_10": row.ndcg_shift}
    figures = [
        mark(shifts.get(name)) + cell(name, row.metrics.get(name)) for name in list(COLUMNS.values())[1:-1]
    ]
    return (row.name, *figures, row.absent or moved(row.ndcg_shift))


def mark(shift: Shift | None) -> str:
    """What stands before a figure that moved by more than chance explains."""
    return MARK if shift and shift.certain else ""


def cell(name: str, value: float | None) -> str:
    """One figure with as many digits as it is worth."""
    if value is None:
        return "–"
    if name == "parameters":
        return f"{value / 1e6:.1f} M"
    return f"{value:,.{DIGITS[name]}f}"


def moved(shift: Shift | None) -> str:
    """ "-0.012 (95 %: -0.030 to +0.004)", or a dash."""
    if shift is None:
        return "–"
    return f"{shift.mean:+.3f} (95 %: {shift.interval.low:+.3f} to {shift.interval.high:+.3f})"


def as_dict(study: Study) -> dict[str, Any]:
    """The study as plain data, for `--json`."""
    variants = [
        {"variant": row.name, "absent": row.absent or None, **row.metrics, "says": line}
        for row, line in zip(study.rows, sentences(study), strict=True)
    ]
    return {
        "variants": variants, "rounds": study.plan.rounds, "seed": study.plan.seed, "threads": study.threads,
        "machine": study.machine, "int8_engine": study.engine, "passages": study.passages,
        "questions": study.questions,
    }  # fmt: skip


def headline(study: Study) -> str:
    """The smallest change without a certain loss, in one line: size, quality, and speed if it is clear."""
    good = [row for row in study.rows[1:] if row.size and not row.loses]
    if not good:
        return "every change lowers what is found"
    best = min(good, key=lambda row: row.metrics["size_mb"])
    old, new = study.reference.metrics, best.metrics
    line = (
        f"{best.name}: {1 - new['size_mb'] / old['size_mb']:.0%} smaller, "
        f"nDCG@10 {new['ndcg_at_10']:.3f} (fp32: {old['ndcg_at_10']:.3f})"
    )
    speed = best.speeds.get(32)
    return f"{line}, {times_as(speed.median)} on 32 texts" if speed and speed.clear else line


def sentences(study: Study) -> list[str]:
    """One sentence a variant, in the order of the rows."""
    return [sentence(row, study.reference, study.questions) for row in study.rows]


def sentence(row: Row, reference: Row, questions: int) -> str:
    """What the figures of one variant come to, next to the reference."""
    if row.absent:
        return f"{row.name}: {row.absent}"
    if row.name == reference.name:
        return f"{row.name}: {_place(row)}; all others are compared with it."
    return f"{row.name}: {_size(row, reference)}, {_speed(row)}; {_quality(row, questions)}."


def _place(row: Row) -> str:
    assert row.size
    share = row.size.share("embeddings")
    return f"the reference, {row.size.mb:.1f} MB, of which {share:.0%} is the table of word embeddings"


def _size(row: Row, reference: Row) -> str:
    assert row.size and reference.size
    words = f"{1 - row.size.mb / reference.size.mb:.0%} smaller"
    share = row.size.share("embeddings")
    return f"{words} (the embedding table is {share:.0%} of what is left)" if share > 2 / 3 else words


def _speed(row: Row) -> str:
    if not row.speeds:
        return "not timed"
    if not all(speed.enough for speed in row.speeds.values()):
        return f"too few rounds to say how fast ({ENOUGH} are needed)"
    return " and ".join(
        f"{pace(speed)} on {batch} text{'s' * (batch > 1)}" for batch, speed in sorted(row.speeds.items())
    )


def pace(speed: Ratio) -> str:
    """ "2.4 times as fast (1.9 to 2.6)", or that the rounds do not agree which is faster."""
    if not speed.clear:
        return f"no clear difference in time ({speed.low:.1f} to {speed.high:.1f})"
    ends = (speed.low, speed.high) if speed.median > 1 else (1 / speed.high, 1 / speed.low)
    return f"{times_as(speed.median)} ({ends[0]:.1f} to {ends[1]:.1f})"


def times_as(ratio: float) -> str:
    """ "2.4 times as fast", or below 1 "2.4 times as slow"."""
    return f"{ratio:.1f} times as fast" if ratio > 1 else f"{1 / ratio:.1f} times as slow"


def _quality(row: Row, questions: int) -> str:
    """nDCG@10 always; hit@5 too where it moved by more than chance explains."""
    assert row.agreement and row.ndcg_shift and row.hit_shift
    told = [
        f"{name} moves by {moved(shift)}: {verdict(shift, questions)}"
        for name, shift in (("nDCG@10", row.ndcg_shift), ("hit@5", row.hit_shift))
        if name == "nDCG@10" or shift.certain
    ]
    return f"its vectors agree with the reference's to {row.agreement.mean:.4f}, and {'; '.join(told)}"


def verdict(shift: Shift, questions: int) -> str:
    """What an interval allows to say, and no more."""
    if shift.interval.low == shift.interval.high == 0:
        return f"not one of the {questions} questions is ranked otherwise"
    if not shift.certain:
        return f"{questions} questions cannot tell that from chance"
    return "it finds less" if shift.mean < 0 else "it finds more"
