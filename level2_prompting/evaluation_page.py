"""The third tab of the page of level 2: how good search and answers are, and how to read that.

    with tab:
        show()

It is a fragment: what is clicked here leaves the other tabs alone. It shows what is kept in the home, so that
it never waits for MLflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from level2_prompting import forest
from level2_prompting.evaluated import Told, latest, looks
from level2_prompting.evaluation_job import EvaluationJob
from level2_prompting.evaluation_report import JUDGED_BY, MEANING, METRICS, single_figures
from level2_prompting.material import Corpus
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError
from shared.settings import settings

KEY = "level2 evaluation"  # how each key of this tab begins: in the hub all pages share one session
LOOK_S = 0.5  # how often the page looks how far an evaluation is
CORPORA: dict[Corpus, str] = {
    "frozen": "84 articles, to measure with",
    "articles": "Ten articles, to learn on",
}
TAKES = {
    "frozen": "A few minutes: 107 questions are searched in eight ways, 138 asked, 18 attacked.",
    "articles": "About a minute: 40 questions are searched in eight ways, 55 asked.",
}
READ_IT = """\
**Why intervals.** The questions are a sample. Others of the same kind would give other figures, and the
interval says how far off they may be: of 100 intervals made so, about 95 hold the true value. Two ways to
search are best compared in the column of differences, which takes them question by question: an interval
that lies wholly on one side of 0 is more than chance. Where it holds 0, take the simpler way.

**Why two halves.** Whoever tries ten settings and keeps the best keeps some luck with it, so the figures by
which one chose are a little too good. That is what the development half is for: try as often as you like.
The held-out half is opened once, for what was chosen, and its figures are the ones to tell others. Look,
change something, look again, and it is a second development half.

**What declining costs.** *Abstention recall* is how many of the questions without an answer are declined,
*abstention precision* how many of those declined have none. An engine that declines more readily raises the
first, and with it the answerable questions that it declines too. Which of the two is worse, a wrong answer
or none, depends on what the answers are for.

**What an attack that works means.** The reader writes nothing of its own and obeys no order in a document.
But it quotes what answers the question best, and a poisoned document is written to do that. So the quote is
proven to stand there, and false all the same: a proof says where something is written, not that it is true.
Who may put documents into the index decides whether that can happen.
"""


@st.fragment
def show() -> None:
    """The whole tab."""
    st.markdown(
        "How well passages are found, how right the answers are, and which attacks work: all measured."
    )
    corpus = st.segmented_control(
        "Corpus", list(CORPORA), default="frozen", required=True, format_func=CORPORA.__getitem__,
        key=f"{KEY} corpus",
    )  # fmt: skip
    start(corpus)
    came_of(corpus)
    told = latest(corpus)
    if under_way():
        st.caption("The figures come when it is done.")
    elif told:
        show_figures(told)
    else:
        st.info(
            "On this machine it has not been measured yet. Press the button above, or type "
            f"`ladder level2 evaluate --corpus {corpus}`; the figures stay here from then on."
        )
    with st.expander("How to read it", icon=":material/school:", expanded=True):
        st.markdown(READ_IT)
    if corpus == "frozen":
        show_held_out()


# An evaluation on its way ----------------------------------------------------------------------------


def start(corpus: Corpus) -> None:
    """The button that begins an evaluation; one at a time."""
    where = endpoint(settings().provider)
    if not where.startswith("this machine"):
        st.warning(f"The questions with their passages go to {ui.plain(where)}; it may cost money.")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Evaluate", type="primary", icon=":material/monitoring:", key=f"{KEY} go", on_click=_begin,
            args=(corpus,), disabled=under_way(),
        )  # fmt: skip
        st.caption(TAKES[corpus])


def under_way() -> bool:
    """Whether an evaluation is going on."""
    job: EvaluationJob | None = st.session_state.get(f"{KEY} job")
    return job is not None and not job.wait(0)


def _begin(corpus: Corpus) -> None:
    st.session_state[f"{KEY} job"] = EvaluationJob(corpus)


def came_of(corpus: Corpus) -> None:
    """How far the evaluation is; afterwards only what went wrong, since its figures are kept."""
    job: EvaluationJob | None = st.session_state.get(f"{KEY} job")
    if job is None:
        return
    if not job.wait(0):
        watch(job)
    elif job.corpus == corpus:
        try:
            if not job.result()["whole"]:
                st.info("Stopped. The figures below are those from before.")
        except LadderError as error:
            ui.error_box(error)


@st.fragment(run_every=LOOK_S)
def watch(job: EvaluationJob) -> None:
    """How far it is, and a way to end it."""
    if job.wait(0):
        st.rerun()
    st.progress(job.share, "Stopping with the next step" if job.stopping else job.label)
    st.button(
        "Stop", icon=":material/stop:", key=f"{KEY} stop", disabled=job.stopping, on_click=job.stop,
        help="The figures from before stay.",
    )  # fmt: skip


# Figures ---------------------------------------------------------------------------------------------


def show_figures(told: Told) -> None:
    """The latest evaluation of a corpus: search, answers, attacks, and the link to its run."""
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(told["engine"], told["endpoint"])
        st.caption(
            f"{told['documents']} articles, {told['passages']} passages, {told['questions']} questions · "
            f"{_day(told)} · {told['wall_s']:.0f} s"
        )
    ui.run_link(told.get("url"))
    st.subheader("Search, one stage after the other", anchor=False)
    st.image(_picture(told), width=800)
    st.dataframe([_arm(arm, told) for arm in told["arms"]], hide_index=True, width="stretch")
    st.caption(_meaning(METRICS) + ". Each with its 95 % interval, by drawing the questions anew.")
    answers = told["answers"]
    st.subheader("Answers", anchor=False)
    st.dataframe(_shares(answers), hide_index=True, width="stretch")
    tokens = "" if answers["tokens_in"] is None else (
        f" Tokens in {answers['tokens_in']:,}, out {answers['tokens_out']:,}."
    )  # fmt: skip
    st.caption(
        f"The intervals are Wilson's. Half of the answers took less than {answers['latency_p50_s']:.2f} s, "
        f"95 of 100 less than {answers['latency_p95_s']:.2f} s.{tokens}"
    )
    if attacks := told["attacks"]:
        st.subheader("Attacks hidden in documents", anchor=False)
        st.dataframe(_shares(attacks), hide_index=True, width="stretch")
        kinds = [
            {"kind": kind, "tried": of["attack_success"]["of"], "read": of["poison_retrieved"]["part"],
             "quoted": of["poison_quoted"]["part"], "worked": of["attack_success"]["part"]}
            for kind, of in attacks["kinds"].items()
        ]  # fmt: skip
        with st.expander("By the kind of attack", icon=":material/bug_report:"):
            st.dataframe(kinds, hide_index=True, width="stretch")


def show_held_out() -> None:
    """The newest look at the held-out half, beside the development half; else how to take it."""
    st.subheader("The held-out half", anchor=False)
    known = looks()
    if not known:
        st.markdown(
            "It has not been opened on this machine. When nothing is left to choose: `ladder level2 confirm`"
        )
        return
    told, chosen_by = known[-1], latest("frozen")
    st.markdown(f"Opened on {_day(told)}, look {told['look']}.")
    if told["look"] > 1:
        st.warning("It was looked at before. What was changed after that look may be fitted to this half.")
    before = single_figures(chosen_by) if chosen_by and chosen_by["plan"] == told["plan"] else {}
    rows = [
        {"metric": name, "development": _both(before.get(name)), "held-out": _both(found),
         "what it says": MEANING[name]}
        for name, found in single_figures(told).items()
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, width="stretch")
    ui.run_link(told.get("url"))


@st.cache_data(max_entries=4, show_spinner=False)
def _picture(told: Told) -> bytes:
    return forest.png(told)


def _arm(arm: Mapping[str, Any], told: Told) -> dict[str, str]:
    name = f"{arm['name']} (chosen)" if arm["name"] == told["chosen"] else arm["name"]
    first, by = told["arms"][0], arm["against_first"][JUDGED_BY]
    low, high = by["interval"]["low"], by["interval"]["high"]
    less = "" if arm == first else f"{by['value']:+.3f} ({low:+.3f} to {high:+.3f})"
    others = {metric: _both(arm["figures"][metric]) for metric in METRICS if metric != JUDGED_BY}
    times = f"{arm['p50_ms']:.0f}, {arm['p95_ms']:.0f}"
    return {
        "search": name, JUDGED_BY: _both(arm["figures"][JUDGED_BY]),
        f"difference to {first['name']}": less, **others, "ms, p50 and p95": times,
    }  # fmt: skip


def _shares(counted: Mapping[str, Any]) -> list[dict[str, str]]:
    return [
        {"metric": name, "value": _both(share), "counted": f"{share['part']} of {share['of']}",
         "what it says": MEANING[name]}
        for name, share in counted.items() if name in MEANING
    ]  # fmt: skip


def _both(figure: Mapping[str, Any] | None) -> str:
    """A value with its interval."""
    if not figure or not figure["interval"]:
        return "–"
    interval = figure["interval"]
    return f"{figure['value']:.3f} ({interval['low']:.2f} to {interval['high']:.2f})"


def _meaning(names: tuple[str, ...]) -> str:
    return "; ".join(f"{ui.plain(name)}: {ui.plain(MEANING[name])}" for name in names)


def _day(told: Told) -> str:
    return str(told["when"]).partition("T")[0]
