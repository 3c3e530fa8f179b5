"""The tab "Baselines" of the page of level 4: what to try before a network, and what a network adds.

with tab:
    show()
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import streamlit as st

from level4_build.job import Surveying
from level4_build.page_parts import recorded
from shared import ui
from shared.errors import LadderError

if TYPE_CHECKING:
    from level4_build.survey import Survey

KEY = "level4 baselines"  # how each key of this tab begins
LOOK_S = 1.0  # how often the page looks how far it is
DATA = {
    "digits": "Digits: 1,797 pictures of 8 by 8",
    "cancer": "Cancer: 569 tumours, 30 measures",
    "wine": "Wine: 178 wines, 13 measures",
    "diabetes": "Diabetes: 442 patients, a number to tell",
}
HOW = {
    "first-look": "**Look first.** Unequal classes make a high accuracy cheap. Columns of very different "
    "range need scaling before most models. The strange rows may be mistakes in the data, or the cases that "
    "matter.",
    "learning-curves": "**Bias or variance.** Both lines low and close together: the model cannot say what "
    "the data ask, and more rows will not help. Far apart: it learns rows by heart, and more rows help, or "
    "less freedom. Both high and close: little is missing.",
    "regularisation": "**The penalty.** To the left the model is free and may learn its rows by heart; to "
    "the right it is held until it says nothing. Take the strongest penalty whose score is within the band "
    "of the best: it is the simpler model.",
    "slices": "**Where it errs.** One number over all rows hides a part on which a model fails. Look for an "
    "interval that lies apart from the dashed line; among twenty slices expect one such by chance.",
}


def show() -> None:
    """The whole tab."""
    st.markdown(
        "What to try before a network, with scikit-learn on data that come with it. Whatever is left for a "
        "network to add is its reason to be."
    )
    start()
    job: Surveying | None = st.session_state.get(f"{KEY} job")
    if job is None:
        st.caption("Less than a minute. The test rows stay closed: nothing here is chosen by them.")
    elif not job.wait(0):
        watch(job)
    else:
        came_of(job)


def start() -> None:
    """Which data, and the button that begins."""
    job: Surveying | None = st.session_state.get(f"{KEY} job")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.selectbox(
            "Data", DATA, format_func=DATA.__getitem__, key=f"{KEY} data", width=340, persist_state="session"
        )
        seed = st.number_input(
            "Seed", 0, 999, 0, key=f"{KEY} seed", width=120, persist_state="session",
            help="Decides which rows are put aside, the folds and every model.",
        )  # fmt: skip
        if st.button(
            "Try them all", type="primary", icon=":material/play_arrow:", key=f"{KEY} go",
            disabled=job is not None and not job.wait(0),
        ):  # fmt: skip
            st.session_state[f"{KEY} job"] = Surveying(name, seed)
            st.rerun()


@st.fragment(run_every=LOOK_S)
def watch(job: Surveying) -> None:
    """How far it is, and a way to end it."""
    if job.wait(0):
        st.rerun()
    st.progress(job.share, "Stopping with this part" if job.stopping else job.label)
    st.button("Stop", icon=":material/stop:", key=f"{KEY} stop", disabled=job.stopping, on_click=job.stop)


def came_of(job: Surveying) -> None:
    """The table, what the network adds, and the figures with how to read them."""
    if job.stopped:
        st.info("Stopped: nothing is kept.")
        return
    try:
        found = job.result()
    except LadderError as error:
        ui.error_box(error)
        return
    st.info(found.added.words)
    st.dataframe(rows(found), hide_index=True, width="stretch")
    st.caption(
        f"{found.table.name}: {found.table.target}. {found.table.metric} over five folds of "
        f"{found.look.rows} rows; {found.test_rows} rows are put aside. The interval is of the mean over the "
        "folds; on its own rows a model may score by heart."
    )
    recorded(job.recording)
    st.image(job.pictures["comparison"], width=860)
    st.subheader("A first look", anchor=False)
    for note in found.look.notes:
        st.markdown(f"- {ui.plain(note)}")
    figure(job, "first-look", 860)
    st.subheader("Learning curves", anchor=False)
    figure(job, "learning-curves", 1100)
    st.markdown("\n".join(f"- {ui.plain(curve.reading)}" for curve in found.curves))
    st.subheader("Regularisation path", anchor=False)
    figure(job, "regularisation", 460 * len(found.paths))
    st.subheader(f"Errors of {found.best.name}, slice by slice", anchor=False)
    figure(job, "slices", 760)


def figure(job: Surveying, name: str, width: int) -> None:
    """A figure under what to look for in it."""
    st.markdown(HOW[name])
    st.image(job.pictures[name], width=width)


def rows(found: Survey) -> list[dict[str, str]]:
    """The candidates as rows of a table, the simplest first."""
    return [
        {
            "baseline": score.name, found.table.metric: f"{score.mean:.3f}",
            "95 %": f"{score.interval.low:.3f} to {score.interval.high:.3f}",
            "on its own rows": f"{score.train:.3f}", "one training": f"{score.fit_s:.2f} s",
            "what it is": score.words,
        }
        for score in found.scores
    ]  # fmt: skip
