"""The page of level 3: change the encoder, watch what each change costs, and see what a cosine means.

streamlit run level3_modify/app.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from level3_modify import LEVEL, chart, view
from level3_modify.job import Job
from level3_modify.quality import agreement, remembering
from level3_modify.search import TOP, Index, cosine, questions
from level3_modify.slim import Plan, Row, Study, changed, original, original_encode
from level3_modify.variants import VARIANTS, find, source
from level3_modify.words import sentence, sentences
from shared import ui
from shared.errors import LadderError

if TYPE_CHECKING:
    from level3_modify.record import Recorded

LOOK_S = 0.5  # how often the page looks how far a study is
OWN = "A question of my own"
SPEEDS = {"32 texts": "batch32_p50_ms", "1 text": "batch1_p50_ms"}
QUALITIES = {"nDCG@10": "ndcg_at_10", "Cosine": "cosine_mean"}


# What it costs ---------------------------------------------------------------------------------------


def choose() -> Plan:
    """Which variants to measure, and how long to time them."""
    others = [name for name in VARIANTS if name != "fp32"]
    names = st.multiselect("Changes to measure beside fp32", others, default=others, key="names")
    rounds = st.slider("Rounds of timing", 3, 50, 5, key="rounds", width=320)
    return Plan(("fp32", *names), rounds)


def measure(plan: Plan) -> Study | None:
    """The study of this plan: its rows as they come, then its chart, its words, its run."""
    jobs: dict[Plan, Job] = st.session_state.setdefault("jobs", {})
    if plan not in jobs:
        jobs[plan] = Job(plan)
    job = jobs[plan]
    with st.container(horizontal=True):
        x = st.segmented_control("Time for", list(SPEEDS), default="32 texts", key="x", required=True)
        y = st.segmented_control("Quality by", list(QUALITIES), default="nDCG@10", key="y", required=True)
    bar, place = st.empty(), st.empty()
    seen: tuple[Row, ...] | None = None
    while not job.wait(LOOK_S):
        bar.progress(job.share, job.label())
        if job.rows != seen:
            seen = job.rows
            draw(place, seen, x, y)
    bar.empty()
    try:
        study = job.result()
    except LadderError as error:
        ui.error_box(error)
        return None
    draw(place, study.rows, x, y)
    st.markdown("\n".join(f"- {ui.plain(line)}" for line in sentences(study)))
    st.caption(f"Measured with {ui.plain(study.circumstances)}.")
    ui.run_link(recorded(study).run.url)
    return study


def draw(place: DeltaGenerator, rows: tuple[Row, ...], x: str, y: str) -> None:
    """The table, and the chart as soon as there are times."""
    with place.container():
        st.dataframe(
            view.frame(rows), hide_index=True, width="stretch", placeholder="–", column_config=view.formats()
        )
        if chart.points(rows):
            st.altair_chart(chart.interactive(rows, SPEEDS[x], QUALITIES[y]), width="stretch")
            st.caption(
                "Further left is faster, further up is better; the area of a mark is the size of the file."
            )


def recorded(study: Study) -> Recorded:
    """The runs of this study, recorded once."""
    from level3_modify.record import record

    kept: dict[Plan, Recorded] = st.session_state.setdefault("recorded", {})
    if study.plan not in kept:
        with st.spinner("Recording this run in MLflow …"):
            kept[study.plan] = record(study, source="page")
    return kept[study.plan]


# Before and after ------------------------------------------------------------------------------------


@st.cache_resource(show_spinner=False)
def sight(name: str) -> Index:
    """The corpus as a variant of the encoder sees it."""
    return Index(original_encode() if name == "fp32" else remembering(changed(original(), find(name)).encode))


@st.fragment
def before_and_after() -> None:
    """The same question, or the same two sentences, by fp32 and by a variant."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox("Variant", [n for n in VARIANTS if n != "fp32"], index=5, key="beside", width=220)
        kind = st.segmented_control(
            "By", ["A question", "Two sentences"], default="A question", key="kind", required=True
        )
    try:
        with st.spinner("Loading the encoder of 91 MB, then reading the corpus with it …"):
            before = sight("fp32")
        with st.spinner(f"Changing the encoder to {name} and reading the corpus with it …"):
            after = sight(name)
    except LadderError as error:
        ui.error_box(error)
        return
    if kind == "A question":
        ask(name, before, after)
    else:
        compare(name, before, after)


def ask(name: str, before: Index, after: Index) -> None:
    """The passages nearest to a question, side by side."""
    known = {question.text: question for question in questions()}
    chosen = st.selectbox("Question", [*known, OWN], key="question")
    text = st.text_input("Your question", key="own") if chosen == OWN else chosen
    if not text.strip():
        return
    left, right = before.top(text), after.top(text)
    same = len({f.passage.id for f in left} & {f.passage.id for f in right})
    moved = agreement(after.encode([text]), before.encode([text])).mean
    ui.metric_row(
        {"Cosine of the question's two vectors": f"{moved:.4f}", "Passages in both": f"{same} of {TOP}"}
    )
    for column, title, here, there in zip(
        st.columns(2), ("fp32", name), (left, right), (right, left), strict=True
    ):
        with column:
            st.markdown(f"**{title}**")
            view.ranking(here, there, known.get(text))


def compare(name: str, before: Index, after: Index) -> None:
    """How much alike two sentences are, before and after."""
    one = st.text_input("One", "The gate is shut at high water.", key="one")
    other = st.text_input("Other", "They close it when the tide is in.", key="other")
    ui.metric_row(
        {
            "Cosine by fp32": f"{cosine(before.encode, one, other):.3f}",
            f"Cosine by {name}": f"{cosine(after.encode, one, other):.3f}",
        }
    )
    st.caption("A search compares such cosines: what counts is their order, not their height.")


# The changes -----------------------------------------------------------------------------------------


def cards(study: Study | None) -> None:
    """For each variant what it changes, the code that does it, and what came of it."""
    rows = {row.name: row for row in study.rows} if study else {}
    for variant in VARIANTS.values():
        with st.expander(f"**{variant.name}** · {variant.changes}"):
            st.markdown(f"Tensors: {ui.plain(variant.tensors)}  \nThrough: `{variant.seam}`")
            st.code(source(variant), language="python")
            row = rows.get(variant.name)
            if study is None or row is None:
                st.caption("Not measured on this page yet: choose it above and press Measure.")
                continue
            st.markdown(ui.plain(sentence(row, study.reference, study.questions)))
            ui.run_link(recorded(study).urls[variant.name])


def main() -> None:
    ui.page(LEVEL)
    st.markdown(
        "The encoder all-MiniLM-L6-v2 finds the passages of level 2. Here it is changed through public seams "
        "alone: no line of a library is edited, and the original stays as it is."
    )
    st.subheader("What each change costs", anchor=False)
    plan = choose()
    if st.button("Measure", type="primary", icon=":material/speed:"):
        st.session_state["asked"] = plan
        jobs: dict[Plan, Job] = st.session_state.get("jobs", {})
        st.session_state["jobs"] = {key: job for key, job in jobs.items() if not job.failed}
    costs = st.container()
    st.subheader("What agreement means", anchor=False)
    sights = st.container()
    st.subheader("The changes, in code", anchor=False)
    code = st.empty()
    with code.container():  # to read while the encoder is loaded and the measuring goes on
        cards(None)
    with sights:
        before_and_after()
    if asked := st.session_state.get("asked"):
        with costs:
            if asked != plan:
                st.info("This is what was chosen before. Press Measure for the new choice.")
            study = measure(asked)
        with code.container():
            cards(study)


main()
