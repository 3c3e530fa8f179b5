"""The first tab of the page of level 2: a conversation with documents, each answer with its proof.

    with tab:
        show()

An answer is made in a thread of its own (`chat_job.py`). Whoever turns a knob or looks at another tab in the
meantime finds it again; only the stop button ends it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

import streamlit as st
from streamlit.runtime.scriptrunner import StopException

from level2_prompting import choose, panel, view
from level2_prompting.answer_view import show_answer, show_calls
from level2_prompting.chat import record_turn
from level2_prompting.chat_job import Answering, How
from level2_prompting.choose import Choice
from level2_prompting.history import History
from level2_prompting.knobs import choose_plan
from level2_prompting.plan import Staged
from level2_prompting.stages import LONGEST_QUESTION
from shared import ui
from shared.errors import LadderError

LOOK_S = 0.1  # how often the page looks for new words


@dataclass
class Asked:
    """One question of the page, and what is known of it.

    Attributes:
        over: the documents' name.
        url: of its trace, once `recorded`.
        again: the same question searched by another plan.
    """

    over: str
    job: Answering
    recorded: bool = False
    url: str | None = None
    again: Staged | None = None

    @property
    def question(self) -> str:
        """As it was typed, but for the end of one that is too long to be asked."""
        typed = self.job.question
        return typed[:LONGEST_QUESTION] + " …" * (len(typed) > LONGEST_QUESTION)

    @property
    def answered(self) -> bool:
        return self.job.wait(0) and not self.job.failed and not self.job.stopped


@dataclass
class Conversation:
    """The questions about some documents, and the session that their traces share."""

    asked: list[Asked] = field(default_factory=list)
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    def ask(self, question: str, choice: Choice, how: How) -> None:
        """Begin to answer a question. One that is still on its way is stopped."""
        assert choice.opening
        if self.asked and not self.asked[-1].job.wait(0):
            self.asked[-1].job.stop()
        before = next((one.job.history for one in reversed(self.asked) if one.answered), History())
        self.asked.append(Asked(choice.name, Answering(question, choice.opening, how, before, self.session)))


def show(live: bool = True) -> None:
    """The whole tab.

    Args:
        live: whether it is the tab that is looked at; only then there is a box to type into.
    """
    choice = choose.choose_documents()
    ready = choice.opening is not None and choose.how_far(choice.opening)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        provider = choose.choose_provider()
        plan = choose_plan()
        tools = choose.choose_tools(provider)
        st.button(
            "New conversation", icon=":material/add_comment:", on_click=_begin_anew, args=(choice.name,),
            help="What was said before no longer counts for the next question.",
        )  # fmt: skip
    if said := choose.about_the_engine(provider):
        st.caption(said)
    talk = conversation(choice.name)
    typed = type_in(ready) if live else None
    first = st.empty()
    question = (typed or "").strip()
    if not talk.asked and not question:
        with first.container():
            question = examples(choice.examples) or ""
    if question and ready:
        first.empty()
        talk.ask(question, choice, How(plan, provider, tools))
    links = [show_asked(number, asked) for number, asked in enumerate(talk.asked)]
    if talk.asked and talk.asked[-1].answered and choice.opening:
        panel.search_again(talk.asked[-1], choice.opening, plan, provider)
    for asked, link in zip(talk.asked, links, strict=True):
        if asked.answered and not asked.recorded:
            with link:
                record(asked)
                ui.run_link(asked.url, "trace")


def record(asked: Asked) -> None:
    """Record an answer once. It is noted before the page is touched again, where a click may end this run."""
    with st.spinner("Recording this question in MLflow …"):
        trace = record_turn(asked.job.result(), source="page")
        asked.recorded, asked.url = True, trace.url if trace else None


def type_in(ready: bool) -> str | None:
    """The box at the bottom of the page; while an answer comes, its button stops it."""
    with st.bottom:
        return st.chat_input(
            "Ask these documents" if ready else "Upload a document first",
            disabled=not ready, submit_mode="stop",  # max_chars would swallow what is too long, in silence
        )  # fmt: skip


def conversation(over: str) -> Conversation:
    """The one about these documents: other documents, another conversation."""
    return st.session_state.setdefault("conversations", {}).setdefault(over, Conversation())


def _begin_anew(over: str) -> None:
    for asked in conversation(over).asked[-1:]:
        asked.job.stop()
    st.session_state["conversations"][over] = Conversation()


def examples(questions: tuple[str, ...]) -> str | None:
    """Questions to begin with."""
    with st.container(horizontal=True):
        for question in questions:
            if st.button(question, icon=":material/chat:"):
                return question
    return None


def show_asked(number: int, asked: Asked) -> st.delta_generator.DeltaGenerator:
    """A question with what came of it, after a wait if it is still on its way.

    Returns:
        the place where the link to its trace belongs.
    """
    with st.chat_message("user"):
        st.markdown(ui.plain(asked.question))
    with st.chat_message("assistant"):
        if not asked.job.stopped:
            watch(asked.job)
        if (put := asked.job.put) and put.alone.by != "asked":
            st.caption(f"Asked as: {ui.plain(put.alone.text)}", help=HOW_PUT[put.alone.by])
        if asked.job.stopped:
            st.caption("Stopped before the answer was whole.")
            return st.container()
        try:
            turn = asked.job.result()
        except LadderError as error:
            ui.error_box(error)
            return st.container()
        show_calls(turn.calls)
        show_answer(turn.answer, asked.over)
        panel.behind(number, turn.answer)
        link = st.container()
        if asked.recorded:
            with link:
                ui.run_link(asked.url, "trace")
    return link


HOW_PUT = {
    "engine": "The engine wrote the question anew, so that it is understood without what was said before.",
    "rule": "The words that carry content of the last question were put behind it: an index knows nothing of "
    "a conversation.",
}


def watch(job: Answering) -> None:
    """The question as it is asked, each call, and the model's words as they come: a draft, not proven."""
    place = st.empty()
    try:
        while not job.wait(LOOK_S):
            with place.container():
                if job.put and job.put.alone.by != "asked":
                    st.caption(f"Asked as: {ui.plain(job.put.alone.text)}")
                show_calls(job.calls)
                if job.draft:
                    st.html(view.draft(job.draft))
                else:
                    st.caption("Looking for passages …" if job.put else "Reading the question …")
    except StopException:  # the stop button; a click elsewhere only draws the page anew
        job.stop()
        raise
    place.empty()
