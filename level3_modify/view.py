"""How a study and a search are shown: the table, and two rankings side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from level2_prompting.evaluate import relevant
from level2_prompting.questions import Question
from level3_modify.search import Found
from level3_modify.slim import Row
from level3_modify.words import COLUMNS, DIGITS, moved
from shared import ui

if TYPE_CHECKING:
    import pandas as pd

HITS = "hit@5 against fp32"  # the terminal has no room for it: there a mark stands in the column hit@5
HELP = {
    "size_mb": "Millions of bytes of the file that holds the weights.",
    "parameters": "Millions of learnt numbers, however many bits each has.",
    "batch1_p50_ms": "Half of the calls with one question were faster.",
    "batch1_p95_ms": "95 of 100 calls with one question were faster.",
    "batch32_p50_ms": "Half of the calls with 32 passages were faster.",
    "batch32_p95_ms": "95 of 100 calls with 32 passages were faster.",
    "cosine_mean": "Between a passage's vector and its vector by fp32, mean over all passages. 1: the same.",
    "cosine_min": "The same for the passage that moved most.",
    "hit_at_5": "The share of questions with a passage that answers among the first five.",
    "ndcg_at_10": "How far up the passages that answer stand among the first ten. 1: at the top.",
}


def frame(rows: Sequence[Row]) -> pd.DataFrame:
    """The table of the page: the same columns as in the terminal, as numbers."""
    import pandas as pd

    found: list[dict[str, Any]] = []
    for row in rows:
        figures = {label: row.metrics.get(name) for label, name in COLUMNS.items() if name}
        millions = None if row.size is None else row.size.parameters / 1e6
        last = {list(COLUMNS)[-1]: row.absent or moved(row.ndcg_shift), HITS: moved(row.hit_shift)}
        found.append({"variant": row.name, **figures, "parameters": millions, **last})
    return pd.DataFrame(found, columns=[*COLUMNS, HITS])


def formats() -> dict[str, Any]:
    """How each column of the table is written, and what it means."""
    number = st.column_config.NumberColumn
    shown: dict[str, Any] = {
        label: number(format=f"%.{DIGITS[name]}f", help=HELP[name])
        for label, name in COLUMNS.items()
        if name in DIGITS
    }
    shown |= {"variant": st.column_config.TextColumn(width=130, pinned=True)}
    shown |= {label: st.column_config.TextColumn(width=250) for label in (list(COLUMNS)[-1], HITS)}
    return {**shown, "parameters": number(format="%.1f M", help=HELP["parameters"])}


def ranking(found: Sequence[Found], others: Sequence[Found], question: Question | None) -> None:
    """One encoder's passages; marked are those that answer, and those that the other encoder has not."""
    there = {other.passage.id for other in others}
    for rank, here in enumerate(found, 1):
        with st.container(border=True):
            with st.container(horizontal=True):
                st.markdown(f"**{rank}** · {ui.plain(here.passage.source)} · cosine {here.cosine:.3f}")
                if question is not None and relevant(question, here.passage):
                    st.badge("holds the answer", color="green")
                if here.passage.id not in there:
                    st.badge("only here", color="orange")
            st.caption(ui.plain(here.passage.text))
