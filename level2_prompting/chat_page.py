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
from streamlit.delta_generator import DeltaGenerator

from level2_prompting import choose, panel, view
from level2_prompting.answer_view import show_answer, show_calls
from level2_prompting.chat_job import Answering, How, Recording
from level2_prompting.choose import Choice
from level2_prompting.history import History
from level2_prompting.knobs import choose_plan
from level2_prompting.plan import Staged
from level2_prompting.stages import LONGEST_QUESTION
from shared import ui
from shared.errors import LadderError

LOOK_S = 0.1  # how often the page looks for new words
TRACE_S = 0.5  # and whether a trace is written
SCROLL = """
<span id="level2-asked-{number}"></span>
<script>document.getElementById("level2-asked-{number}").scrollIntoView({{block: "start"}})</script>
"""
HOW_PUT = {
    "engine": "The engine wrote the question anew, so that it is understood without what was said before.",
    "rule": "The words that carry content of the last question were put behind it: an index knows nothing of "
    "a conversation.",
}


@dataclass
class Asked:
    """One question of the page, and what is known of it.

    Attributes:
        over: the documents' name.
        again: the same question searched by another plan.
    """

    over: str
    job: Answering
    again: Staged | None = None

    @property
    def question(self) -> str:
        """As it was typed, but for the end of one that is too long to be asked."""
        typed = self.job.question
        return typed[:LONGEST_QUESTION] + " …" * (len(typed) > LONGEST_QUESTION)


@dataclass
class Conversation:
    """The questions about some documents, and the session that their traces share."""

    asked: list[Asked] = field(default_factory=list)
    session: str = field(default_factory=lambda: uuid.uuid4().hex)

    def ask(self, question: str, choice: Choice, how: How) -> None:
        """Begin to answer a question. One that is still on its way is stopped."""
        assert choice.opening
        for one in self.asked[-1:]:
            one.job.stop()
        before = next((one.job.history for one in reversed(self.asked) if one.job.answered), History())
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
    choose.about_the_engine(provider)
    talk = conversation(choice.name)
    typed = type_in(ready, live)
    first = st.empty()
    question = (typed or "").strip()
    if not talk.asked and not question:
        with first.container():
            question = examples(choice.examples) or ""
    if question and ready:
        first.empty()
        talk.ask(question, choice, How(plan, provider, tools))
    newest = len(talk.asked) - 1 if question and ready else None
    links = [show_asked(number, asked, number == newest) for number, asked in enumerate(talk.asked)]
    if talk.asked and talk.asked[-1].job.answered and choice.opening:
        panel.search_again(talk.asked[-1], choice.opening, plan, provider)
    for asked, link in zip(talk.asked, links, strict=True):  # last: MLflow is slow to wake
        if asked.job.answered:
            with link:
                show_trace(asked.job.record())


def type_in(ready: bool, live: bool) -> str | None:
    """The box at the bottom of the page, which is taken away at once where another tab is looked at."""
    with st.bottom:
        place = st.empty()
    if not live:
        return None
    return place.chat_input(
        "Ask these documents" if ready else "Upload a document first",
        disabled=not ready, submit_mode="disable",  # max_chars would swallow what is too long, in silence
    )  # fmt: skip


def conversation(over: str) -> Conversation:
    """The one about these documents: other documents, another conversation."""
    return st.session_state.setdefault("level2 conversations", {}).setdefault(over, Conversation())


def _begin_anew(over: str) -> None:
    for asked in conversation(over).asked[-1:]:
        asked.job.stop()
    st.session_state["level2 conversations"][over] = Conversation()


def examples(questions: tuple[str, ...]) -> str | None:
    """Questions to begin with."""
    with st.container(horizontal=True):
        for question in questions:
            if st.button(question, icon=":material/chat:"):
                return question
    return None


def show_asked(number: int, asked: Asked, new: bool) -> DeltaGenerator:
    """A question with what came of it, after a wait if it is still on its way.

    Args:
        new: whether it was asked just now; the page then scrolls to it.

    Returns:
        the place where the link to its trace belongs.
    """
    job = asked.job
    top = st.empty()  # always there: what comes after keeps its place, and an opened quote stays open
    if new:
        top.html(SCROLL.format(number=number), unsafe_allow_javascript=True)
    with st.chat_message("user"):
        st.markdown(ui.plain(asked.question))
    with st.chat_message("assistant"):
        watch(job)
        as_asked(job)
        if job.stopped:
            st.caption("Stopped before the answer was whole.")
            return st.container()
        try:
            turn = job.result()
        except LadderError as error:
            ui.error_box(error)
            return st.container()
        show_calls(turn.calls)
        show_answer(turn.answer, asked.over)
        panel.behind(number, turn.answer)
        return st.container()


def watch(job: Answering) -> None:
    """What happens while an answer is on its way: each call, and the model's words, a draft, not proven."""
    place = st.empty()
    if job.look(0):
        return
    with place.container():
        told = st.empty()
        st.button("Stop", icon=":material/stop_circle:", key=f"level2 stop {id(job)}", on_click=job.stop)
    while not job.look(LOOK_S):
        with told.container():
            as_asked(job)
            show_calls(job.calls)
            if job.draft:
                st.html(view.draft(job.draft))
            else:
                st.caption("Looking for passages …" if job.put else "Reading the question …")
    place.empty()


def as_asked(job: Answering) -> None:
    """The question as it is asked, where that is not as it was typed."""
    if (put := job.put) and put.alone.by != "asked":
        st.caption(f"Asked as: {ui.plain(put.alone.text)}", help=HOW_PUT[put.alone.by])


def show_trace(recording: Recording) -> None:
    """The link to a trace, as soon as it is written."""
    if recording.wait(0):
        trace = recording.result()
        ui.run_link(trace.url if trace else None, "trace")
    else:
        wait_for(recording)


@st.fragment(run_every=TRACE_S)
def wait_for(recording: Recording) -> None:
    """It leaves the page alone, and draws it anew at the end."""
    if recording.wait(0):
        st.rerun()
    st.caption("Recording this question in MLflow …")
