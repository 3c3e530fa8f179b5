"""What the figures of a study say: the table, and for each variant the sentence a reader would draw from it.

Nothing here is typed in: every word follows from a number.
"""

from __future__ import annotations

from typing import Any

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
ALIKE = 0.05  # times within 5 % are called equal: so much the same code differs by from run to run


def study_table(study: Study) -> str:
    """The study as a table for the terminal."""
    return table(list(COLUMNS), [cells(row) for row in study.rows], right=list(COLUMNS)[1:-1])


def cells(row: Row) -> tuple[str, ...]:
    """One variant in the columns of the table; a dash for what is not measured."""
    figures = [cell(name, row.metrics.get(name)) for name in list(COLUMNS.values())[1:-1]]
    return (row.name, *figures, row.absent or moved(row.ndcg_shift))


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
    """The fastest change that the questions cannot tell from the original, in one line."""
    good = [row for row in study.rows[1:] if row.times and row.ndcg_shift and not row.ndcg_shift.certain]
    if not good:
        return "every change lowers what is found"
    best = min(good, key=lambda row: row.times[32].p50)
    assert best.size and study.reference.size
    smaller = 1 - best.size.mb / study.reference.size.mb
    faster = study.reference.times[32].p50 / best.times[32].p50
    return (
        f"{best.name}: {smaller:.0%} smaller, {faster:.1f} times as fast on 32 texts, "
        f"nDCG@10 {best.metrics['ndcg_at_10']:.3f} (fp32: {study.reference.metrics['ndcg_at_10']:.3f})"
    )


def sentences(study: Study) -> list[str]:
    """One sentence a variant, in the order of the rows."""
    return [sentence(row, study.reference, study.questions) for row in study.rows]


def sentence(row: Row, reference: Row, questions: int) -> str:
    """What the figures of one variant come to, next to the reference."""
    if row.absent:
        return f"{row.name}: {row.absent}"
    if row.name == reference.name:
        return f"{row.name}: {_place(row)}; all others are compared with it."
    return f"{row.name}: {_size(row, reference)}, {_speed(row, reference)}; {_quality(row, questions)}."


def _place(row: Row) -> str:
    assert row.size
    share = row.size.share("embeddings")
    return f"the reference, {row.size.mb:.1f} MB, of which {share:.0%} is the table of word embeddings"


def _size(row: Row, reference: Row) -> str:
    assert row.size and reference.size
    words = f"{1 - row.size.mb / reference.size.mb:.0%} smaller"
    share = row.size.share("embeddings")
    return f"{words} (the embedding table is {share:.0%} of what is left)" if share > 2 / 3 else words


def _speed(row: Row, reference: Row) -> str:
    parts = []
    for batch, times in sorted(row.times.items()):
        ratio = reference.times[batch].p50 / times.p50
        texts = f"{batch} text{'s' * (batch > 1)}"
        if abs(ratio - 1) <= ALIKE:
            parts.append(f"as fast on {texts}")
        else:
            word, times_as = ("fast", ratio) if ratio > 1 else ("slow", 1 / ratio)
            parts.append(f"{times_as:.1f} times as {word} on {texts}")
    return " and ".join(parts) or "not timed"


def _quality(row: Row, questions: int) -> str:
    assert row.agreement and row.ndcg_shift
    cosine = f"its vectors agree with the reference's to {row.agreement.mean:.4f}"
    return f"{cosine}, and nDCG@10 moves by {moved(row.ndcg_shift)}: {verdict(row.ndcg_shift, questions)}"


def verdict(shift: Shift, questions: int) -> str:
    """What an interval allows to say, and no more."""
    if shift.interval.low == shift.interval.high == 0:
        return f"not one of the {questions} questions is ranked otherwise"
    if not shift.certain:
        return f"{questions} questions cannot tell that from chance"
    return "it finds less" if shift.mean < 0 else "it finds more"
