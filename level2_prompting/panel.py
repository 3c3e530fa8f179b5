"""How an answer was found: each stage's candidates and times, the prompt, the model's words; and what another
search would have found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from level2_prompting.ask import Answer
from level2_prompting.chat_job import Opening
from level2_prompting.knobs import in_words
from level2_prompting.plan import Candidate, Plan, Staged
from level2_prompting.stages import search
from shared import ui
from shared.errors import LadderError

if TYPE_CHECKING:
    from level2_prompting.chat_page import Asked

HEIGHT = 320
SHOWN = 10  # of each ranking, when two are laid side by side
STAGES = {"dense": "by meaning", "bm25": "by words", "fused": "fused", "reranked": "reranked"}
SCORES = (
    "Each stage's rank and score. By meaning: the cosine, 1 at most. By words: BM25, with no upper end. "
    "Fused: 1 / (60 + rank), summed by weight. Reranked: the mean cosine of passage and best sentence. "
    "Scores of two stages cannot be compared; ranks can."
)


@st.fragment
def behind(number: int, answer: Answer) -> None:
    """The panel of an answer. What is in it is sent to the browser when it is opened."""
    shown = st.expander(
        "How the answer was found",
        icon=":material/account_tree:",
        key=f"level2 behind {number}",
        on_change="rerun",
    )
    if not shown.open:
        return
    with shown:
        stages, prompt, words = st.tabs(["Stages", "Prompt", "The model's own words"])
    with stages:
        if answer.found:
            show_stages(answer.found)
        else:
            st.caption("The engine searched by itself: its calls stand above.")
    with prompt:
        st.caption("Word for word what the model was sent: rules, passages, question.")
        st.code(answer.prompt, language=None, wrap_lines=True, height=HEIGHT)
    with words:
        st.caption("Before anything was proven. Each quote in it was looked up in the passage it names.")
        st.code(answer.raw or "(nothing)", language=None, wrap_lines=True)


def show_stages(found: Staged) -> None:
    """What was searched, how long each step took, and every candidate."""
    st.markdown(f"Searched {in_words(found.plan)}.")
    st.caption(" · ".join(f"{step} {1000 * seconds:.1f} ms" for step, seconds in found.times.items()))
    st.dataframe(
        candidates(found), hide_index=True, width="stretch", height=HEIGHT, column_config=_columns(found)
    )
    st.caption(f"S1 to S{len(found.passages)} went into the prompt. {SCORES}")


def candidates(found: Staged) -> list[dict[str, Any]]:
    """A row for each candidate: what became of it, its rank and score in each stage, and its words."""
    names = _names(found)
    rows = []
    for candidate in found.candidates:
        chunk = candidate.chunk
        row: dict[str, Any] = {"in the prompt": names[chunk.id]}
        for stage in found.stages:
            at = candidate.places.get(stage)
            row[f"{stage} #"], row[stage] = (at.rank, at.score) if at else (None, None)
        rows.append({**row, "source": _source(found, candidate), "passage": " ".join(chunk.text.split())})
    return rows


def _columns(found: Staged) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    shown: dict[str, Any] = {f"{stage} #": number("#", width=40) for stage in found.stages}
    shown |= {stage: number(STAGES[stage], format="%.4f", width=90) for stage in found.stages}
    shown |= {"source": st.column_config.TextColumn(width=180)}
    return {**shown, "passage": st.column_config.TextColumn(width="large")}


def _names(found: Staged) -> dict[str, str]:
    """What became of each candidate, by id: S1 … for those in the prompt, a twin with its better one."""
    names = {passage.chunk.id: f"S{number}" for number, passage in enumerate(found.passages, 1)}
    order = {candidate.chunk.id: number for number, candidate in enumerate(found.candidates, 1)}
    for candidate in found.candidates:
        twin = candidate.twin
        kept = f"twin of {names.get(twin) or f'number {order[twin]}'}" if twin else ""
        names.setdefault(candidate.chunk.id, kept)
    return names


def _source(found: Staged, candidate: Candidate) -> str:
    page = found.page(candidate.chunk)
    return f"{candidate.chunk.source}, page {page}" if page else candidate.chunk.source


# Another search ---------------------------------------------------------------------------------------


def search_again(asked: Asked, opening: Opening, plan: Plan, provider: str) -> None:
    """The last question searched by the knobs as they are now, beside the search that was answered from."""
    before = asked.job.result().answer.found
    if before is None:
        return
    same = before.plan == plan
    if st.button(
        "Try the same question with this search", icon=":material/compare_arrows:", disabled=same,
        help="Turn a knob under Search first." if same else "It searches only: no model is asked.",
    ):  # fmt: skip
        try:
            with st.spinner("Searching …"):
                asked.again = search(opening.result(), before.question, plan, provider)
        except LadderError as error:
            ui.error_box(error)
    if asked.again:
        side_by_side(before, asked.again)


def side_by_side(before: Staged, after: Staged) -> None:
    """Two rankings of the same question."""
    st.markdown(compared(before, after))
    for column, title, found, other in zip(
        st.columns(2), ("Then", "Now"), (before, after), (None, before), strict=True
    ):
        with column:
            st.caption(f"**{title}**: {in_words(found.plan)} · {1000 * sum(found.times.values()):.0f} ms")
            st.dataframe(ranking(found, other), hide_index=True, width="stretch")


def compared(before: Staged, after: Staged) -> str:
    """In a sentence: how much of the prompt would be another."""
    then, now = ([p.chunk.id for p in found.passages] for found in (before, after))
    stay = len(set(then) & set(now))
    same = "in the same order" if then == now else "in another order" if set(then) == set(now) else ""
    return f"Of the {len(now)} passages for the prompt {stay} were in it before{', ' + same if same else ''}."


def ranking(found: Staged, other: Staged | None = None) -> list[dict[str, Any]]:
    """The first of a ranking; beside another, how far each passage has moved."""
    names = _names(found)
    old = _ranks(other.candidates) if other else {}
    rows = []
    for number, candidate in enumerate(found.candidates[: max(SHOWN, len(found.passages))], 1):
        row: dict[str, Any] = {"in the prompt": names[candidate.chunk.id]}
        if other:
            row["moved"] = moved(old.get(candidate.chunk.id), number)
        text = " ".join(candidate.chunk.text.split())
        rows.append({**row, "source": _source(found, candidate), "passage": text})
    return rows


def moved(before: int | None, now: int) -> str:
    """ "↑ 3", "↓ 1", "=", or "new" for what was no candidate before."""
    if before is None:
        return "new"
    if before == now:
        return "="
    return f"{'↑' if now < before else '↓'} {abs(before - now)}"


def _ranks(ranked: Sequence[Candidate]) -> dict[str, int]:
    return {candidate.chunk.id: number for number, candidate in enumerate(ranked, 1)}
