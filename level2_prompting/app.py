"""The page of level 2: ask documents, watch the answer come, and open the proof of every claim.

streamlit run level2_prompting/app.py
"""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from level2_prompting import LEVEL, view
from level2_prompting.ask import Answer, ask
from level2_prompting.choose import choose_index, choose_provider
from level2_prompting.index import Index
from level2_prompting.stages import LONGEST_QUESTION
from shared import ui
from shared.errors import LadderError

EXAMPLES = (
    "Does doubling a vector change its score?",
    "Why do language models fail to count the letters in a word?",
    "What does it cost to rent a GPU?",
)


@dataclass
class Turn:
    """One question of the chat. Without an answer and without an error it was stopped."""

    question: str
    over: str
    answer: Answer | None = None
    error: LadderError | None = None
    recorded: bool = False
    url: str | None = None

    @property
    def shown(self) -> str:
        """The question, but for the end of one that is too long to be asked."""
        return self.question[:LONGEST_QUESTION] + " …" * (len(self.question) > LONGEST_QUESTION)


def show_turn(number: int, turn: Turn) -> None:
    """A question that was asked, with what came of it."""
    with st.chat_message("user"):
        st.markdown(ui.plain(turn.shown))
    with st.chat_message("assistant"):
        if turn.error:
            ui.error_box(turn.error)
        elif turn.answer is None:
            st.caption("Stopped before the answer was whole.")
        else:
            show_answer(turn.answer, turn.over)
            link = st.container(key=f"link {number}")
            if turn.recorded:
                with link:
                    ui.run_link(turn.url, "trace")


def show_answer(answer: Answer, over: str) -> None:
    """The proven claims with their sources, or a plain no; then everything behind it."""
    if answer.abstained:
        st.info(why_not(answer))
    for claim in answer.claims:
        st.markdown(ui.plain(claim.text))
        label = f"{claim.passage} · {ui.plain(claim.source)}, characters {claim.start:,} to {claim.end:,}"
        with st.expander(label, icon=":material/format_quote:"):
            st.html(view.marked(answer.texts[claim.source], claim.start, claim.end))
    if answer.dropped:
        count = len(answer.dropped)
        with st.expander(f"{count} {'claim' if count == 1 else 'claims'} dropped", icon=":material/block:"):
            for one in answer.dropped:
                st.markdown(f"{ui.plain(one.text)}  \n*{ui.plain(one.reason)}*")
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(answer.engine, answer.endpoint)
        parts = [over, f"{answer.wall_s:.1f} s"]
        if answer.usage:
            parts.append(f"{answer.usage['total_tokens']:,} tokens")
        st.caption(" · ".join(parts))
    if answer.engine == "reader":
        st.caption(
            "The reader writes nothing of its own: it finds the sentences that answer, and quotes them."
        )
    with st.expander("What was read, and the prompt", icon=":material/search:"):
        st.caption("Passages by how near they are in meaning (cosine, 1 at most), then what the model got.")
        rows = [
            {
                "id": f"S{n}",
                "source": p.chunk.source,
                "similarity": round(p.similarity, 3),
                "passage": p.chunk.text,
            }
            for n, p in enumerate(answer.passages, 1)
        ]
        st.dataframe(rows, hide_index=True, width="stretch")
        st.code(answer.prompt, language=None, wrap_lines=True, height=260)


def why_not(answer: Answer) -> str:
    """In words: there is no answer, and what that means."""
    if answer.withheld:
        return ui.plain(answer.text)
    if answer.dropped:
        return "The model said something, but none of it could be proven from these documents."
    names = dict.fromkeys(ui.plain(p.chunk.source) for p in answer.passages)
    return f"These documents do not answer this. The nearest passages are in {', '.join(names)}."


def answer_now(turn: Turn, index: Index, provider: str) -> None:
    """Ask, and show the model's words as they come: a draft, replaced by what could be proven."""
    with st.chat_message("user"):
        st.markdown(ui.plain(turn.shown))
    with st.chat_message("assistant"):
        place = st.empty()
        place.caption("Looking for passages …")
        said: list[str] = []

        def on_delta(text: str) -> None:
            said.append(text)
            place.html(view.draft("".join(said)))

        try:
            turn.answer = ask(turn.question, index, provider=provider, on_delta=on_delta)
        except LadderError as error:
            turn.error = error


def record_turns(turns: list[Turn]) -> bool:
    """Record what was answered and is shown; whether there was something to record."""
    waiting = [turn for turn in turns if turn.answer and not turn.recorded]
    for turn in waiting:
        from level2_prompting.record import record_answer

        assert turn.answer
        with st.spinner("Recording this question in MLflow …"):
            trace = record_answer(turn.answer, source="page")
        turn.recorded, turn.url = True, trace.url if trace else None
    return bool(waiting)


def examples() -> str | None:
    """Questions to begin with, for the articles."""
    with st.container(horizontal=True):
        for question in EXAMPLES:
            if st.button(question, icon=":material/chat:"):
                return question
    return None


def main() -> None:
    ui.page(LEVEL)
    over, index = choose_index()
    provider = choose_provider()
    turns: list[Turn] = st.session_state.setdefault("turns", [])
    chosen = examples() if over == "The ten articles" else None
    for number, turn in enumerate(turns):
        show_turn(number, turn)
    asked = st.chat_input(
        "Ask these documents" if index else "Upload a document first",
        disabled=index is None, submit_mode="stop",  # max_chars would swallow what is too long, in silence
    )  # fmt: skip
    question = (chosen or asked or "").strip()
    if question and index:
        turns.append(Turn(question, over))
        answer_now(turns[-1], index, provider)
        st.rerun()
    if record_turns(turns):
        st.rerun()


main()
