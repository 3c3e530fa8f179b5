"""What came of a comparison of prompts: how far it is, then figures, words, and every answer."""

from __future__ import annotations

import streamlit as st

from level2_prompting import lab_view as view
from level2_prompting.lab_items import Item
from level2_prompting.lab_job import LabJob, Setup
from level2_prompting.lab_report import Report
from level2_prompting.lab_view import KEY
from shared import ui
from shared.errors import LadderError

LOOK_S = 0.5  # how often the page looks how far a comparison is
REASONS = 3  # of failures that are shown
COLUMNS = 3  # versions side by side


def came_of(job: LabJob, setup: Setup | None) -> None:
    """A comparison while it is at work, and its result afterwards."""
    asked = job.setup
    st.subheader(f"{ui.plain(asked.name)}: {ui.plain(', '.join(asked.variants))}", anchor=False)
    if not job.wait(0):
        watch(job)
        return
    if setup not in (None, asked):
        st.info("This is what was chosen before. Press the button above for the new choice.")
    try:
        report = job.result()
    except LadderError as error:
        ui.error_box(error)
        return
    show_report(job, report)
    link = st.container()
    show_answers(report)
    with link:
        ui.run_link(recorded(report))


@st.fragment(run_every=LOOK_S)
def watch(job: LabJob) -> None:
    """How far it is, and a way to end it."""
    if job.wait(0):
        st.rerun()
    st.progress(job.share, job.label())
    st.button(
        "Stop", icon=":material/stop:", key=f"{KEY} stop", disabled=job.stopping, on_click=job.stop,
        help="What has come by then is kept.",
    )  # fmt: skip


def show_report(job: LabJob, report: Report) -> None:
    """Means with their intervals, each difference in words, and what got no answer."""
    from level2_prompting.lab_record import stopped

    lab = report.lab
    with st.container(horizontal=True, vertical_alignment="center"):
        names = sorted({outcome.engine for outcome in lab.outcomes if outcome.engine})
        ui.engine_badge(", ".join(names) or lab.model, lab.endpoint)
        st.caption(f"{len(lab.items)} items, {lab.wall_s:.1f} s")
    for line in [*job.told, *([stopped(lab)] if lab.stopped else [])]:
        st.info(ui.plain(line))
    failures = report.failures()
    for line in failures[:REASONS]:
        st.warning(ui.plain(line))
    if failures[REASONS:]:
        st.caption(f"And {len(failures) - REASONS} more reasons; they stand below, item by item.")
    st.dataframe(view.means(report), hide_index=True, width="stretch")
    if drawn := view.chart(report):
        st.altair_chart(drawn, width="stretch")
        st.caption(
            "The dot is the mean of the items that were answered, the bar its 95 % interval: of 100 bars "
            "drawn so, each from other items of this kind, about 95 hold the true mean. Where all score "
            "the same there is no bar; that shows how few they are, and not how sure it is."
        )
    scores = {name: view.MEANING[name] for one in report.variants for name in one.scores}
    st.caption("; ".join(f"{ui.plain(name)}: {what}" for name, what in scores.items()) + ".")
    if report.differences:
        st.markdown("**Do they differ?** Each item with the one prompt and with the other:")
        st.markdown("\n".join(f"- {ui.plain(view.sentence(found))}" for found in report.differences))
        st.caption(
            "An interval from few items is too narrow: where it and the test disagree, go by the test. And "
            "of 20 comparisons of equals, about one has p < 0.05."
        )


def show_answers(report: Report) -> None:
    """Every item with what each version made of it, and one of them in full."""
    came = view.by_item(report)
    with st.expander("Item by item", icon=":material/list:", expanded=True):
        only = st.toggle("Only where they differ", key=f"{KEY} differ")
        shown = [name for name, outcomes in came.items() if not only or view.differ(outcomes)]
        if not shown:
            st.caption("There is no item on which they differ but for the length.")
            return
        st.dataframe(view.answers(report, shown), hide_index=True, width="stretch")
        chosen = st.selectbox("One item in full", shown, key=f"{KEY} in full")
        asked_and_expected(came[chosen][0].item)
        columns = st.columns(min(len(came[chosen]), COLUMNS))
        for number, outcome in enumerate(came[chosen]):
            with columns[number % COLUMNS]:
                st.markdown(f"**{ui.plain(outcome.variant)}** · {ui.plain(view.marks(outcome))}")
                if outcome.error:
                    st.caption(ui.plain(outcome.error))
                else:
                    st.code(outcome.answer or "(nothing)", language=None, wrap_lines=True)


def recorded(report: Report) -> str | None:
    """The link to the parent run of this comparison, recorded once."""
    from level2_prompting.lab_record import record_lab

    if f"{KEY} url" not in st.session_state:
        with st.spinner("Recording this run in MLflow …"):
            st.session_state[f"{KEY} url"] = record_lab(report, source="page").url
    return st.session_state[f"{KEY} url"]


def asked_and_expected(item: Item) -> None:
    """An item: what goes into the prompt, and the right answer."""
    for variable, said in item.inputs.items():
        st.markdown(f"**{ui.plain(variable)}**: {ui.plain(said)}")
    st.markdown(f"**Expected**: {ui.plain(view.expected(item))}")
