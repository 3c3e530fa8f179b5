"""The hub: the ladder as a picture, the tour filling in, and a page for each level.

streamlit run shared/hub.py
"""

from __future__ import annotations

import streamlit as st

from shared import store
from shared.levels import RUNGS, levels
from shared.settings import CLONE
from shared.tour import MARK, Stop, stops

st.set_page_config("Ladder", page_icon=":material/stairs:", layout="wide")


@st.fragment(run_every=2)
def ladder() -> None:
    """Six rungs, the top one first; those that stand link to their page and to their run."""
    here = {stop.number: stop for stop in stops()}
    for number in sorted(RUNGS, reverse=True):
        with st.container(border=True, horizontal=True, vertical_alignment="center"):
            _rung(number, here.get(number))


def _rung(number: int, stop: Stop | None) -> None:
    if stop is None:
        st.markdown(f":gray[**{number}** · {RUNGS[number]} · not built yet]")
        return
    st.page_link(PAGES[number], label=f"**{number} · {RUNGS[number]}**", width="content")
    colour = {"done": "green", "failed": "red", "running": "orange"}.get(stop.state, "gray")
    st.badge(f"{MARK[stop.state]} {stop.state}", color=colour)  # type: ignore[arg-type]
    if stop.state == "running":
        st.caption("running now, at most 30 s")
    elif stop.result:
        st.text(stop.result, width="stretch")
    if stop.url:
        st.link_button("run", stop.url, icon=":material/query_stats:")


def home() -> None:
    st.title("Ladder")
    st.markdown(
        "Six levels of working with AI, one runnable project a level. It runs on this machine alone: "
        "no key, no account, no GPU, no network. Every run is recorded, and every number links to its run."
    )
    ladder()
    left, right = st.columns(2)
    left.link_button("All runs in the MLflow UI", store.ui_url(), icon=":material/query_stats:")
    right.caption("In the terminal: `ladder tour` runs what has not run yet, `ladder runs` lists the runs.")


PAGES = {
    level.number: st.Page(
        CLONE / level.package / "app.py", title=f"{level.number} · {RUNGS[level.number]}", url_path=level.slug
    )
    for level in levels()
}
st.navigation(
    [st.Page(home, title="The ladder", icon=":material/stairs:", default=True), *PAGES.values()]
).run()
