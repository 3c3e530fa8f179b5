"""The hub: the ladder as a picture, the tour filling in, and a page for each level.

streamlit run shared/hub.py
"""

from __future__ import annotations

import streamlit as st

from shared import store
from shared.levels import RUNGS, levels
from shared.settings import CLONE
from shared.tour import Stop, stops
from shared.ui import TAB_ICON

STATES = {
    "waiting": ("not run yet", "gray"),
    "running": ("running, at most 30 s", "orange"),
    "done": ("✓ done", "green"),
    "failed": ("✗ failed", "red"),
}

# Two rails and what hangs between them. Half-transparent, so that it reads on a light and on a dark page.
PICTURE = """<style>
.st-key-ladder {
    border: solid rgba(179, 84, 30, .65); border-width: 0 10px; border-radius: 6px;
    padding: .9rem 0; gap: .9rem;
}
[class*="st-key-rung"] {
    border: solid rgba(179, 84, 30, .35); border-width: 0 0 6px; padding: .3rem 1rem .5rem;
}
</style>"""


@st.fragment(run_every=2)
def ladder() -> None:
    """Six rungs, the top one first; those that stand link to their page and to their run."""
    here = {stop.number: stop for stop in stops()}
    st.html(PICTURE)
    with st.container(key="ladder"):
        for number in sorted(RUNGS, reverse=True):
            with st.container(key=f"rung{number}", horizontal=True, vertical_alignment="center"):
                _rung(number, here.get(number))


def _rung(number: int, stop: Stop | None) -> None:
    if stop is None:
        st.markdown(f":gray[**{number} · {RUNGS[number]}** · not built yet]")
        return
    st.page_link(PAGES[number], label=f"**{number} · {RUNGS[number]}**", width="content")
    words, colour = STATES[stop.state]
    st.badge(words, color=colour)  # type: ignore[arg-type]
    if stop.result:
        st.text(stop.result, width="stretch")
    if stop.url:
        st.link_button("Run", stop.url, icon=":material/query_stats:")


def home() -> None:
    st.title("Ladder")
    st.markdown(
        "Six levels of working with AI, one runnable project a level. It runs on this machine alone: "
        "no key, no account, no GPU, no network. Every run is recorded, and every number links to its run."
    )
    ladder()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.link_button("All runs in the MLflow UI", store.ui_url(), icon=":material/query_stats:")
        st.caption("In the terminal: `ladder tour` runs what has not run yet, `ladder runs` lists the runs.")


st.set_page_config("Ladder", TAB_ICON, layout="wide")
# No page has an icon: Streamlit would fetch it from the network for the browser's tab.
PAGES = {
    level.number: st.Page(
        CLONE / level.package / "app.py", title=f"{level.number} · {RUNGS[level.number]}", url_path=level.slug
    )
    for level in levels()
}
st.navigation([st.Page(home, title="The ladder", default=True), *PAGES.values()]).run()
