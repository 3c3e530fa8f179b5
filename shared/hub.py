"""The hub: the ladder as a picture, the tour filling in, and a page for each level.

streamlit run shared/hub.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import streamlit as st

from shared import store
from shared.levels import RUNGS, levels
from shared.processes import mlflow_ui
from shared.servers import running
from shared.settings import CLONE, settings
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
[class*="st-key-live"] { background: rgba(179, 84, 30, .12); border-radius: 6px; padding: .6rem .8rem; }
[class*="st-key-live"] [data-testid="stPageLink"] p { font-size: 1.2rem; text-decoration: underline; }
</style>"""


@st.fragment(run_every=2)
def ladder() -> None:
    """Six rungs, the top one first; those that stand link to their page and to their run."""
    here = {stop.number: stop for stop in stops()}
    linked = ui_answers()
    st.html(PICTURE)
    with st.container(key="ladder"):
        for number in sorted(RUNGS, reverse=True):
            with st.container(key=f"rung{number}"):
                _rung(number, here.get(number), linked)
    with st.container(horizontal=True, vertical_alignment="center"):
        _all_runs(here.values(), linked)
        st.caption("In the terminal: `ladder tour` runs what has not run yet, `ladder runs` lists the runs.")


def _rung(number: int, stop: Stop | None, linked: bool) -> None:
    if stop is None:
        st.markdown(f":gray[{number} · {RUNGS[number]} · not built yet]")
        return
    with st.container(key=f"live{number}", horizontal=True, vertical_alignment="center"):
        st.page_link(
            PAGES[number], label=f"**{number} · {RUNGS[number]}**", icon=":material/arrow_forward:",
            icon_position="right", width="content",
        )  # fmt: skip
        words, colour = STATES[stop.state]
        st.badge(words, color=colour)  # type: ignore[arg-type]
        if stop.result:
            st.text(stop.result, width="stretch")
        if stop.url:
            st.link_button("Run", stop.url, icon=":material/query_stats:", disabled=not linked)


def _all_runs(stops: Iterable[Stop], linked: bool) -> None:
    """The way to the table of runs, once somebody answers there."""
    if linked:
        url = table_of_runs(stop.url for stop in stops)
        st.link_button("All runs in the MLflow UI", url, icon=":material/query_stats:")
    elif store.ui_runs():
        st.caption("The MLflow UI is starting …")
    else:
        st.caption("The MLflow UI is not running: `ladder ui` starts it.")


def ui_answers() -> bool:
    """Whether a link into the MLflow UI leads anywhere. A team's server is taken at its word."""
    remote = (settings().mlflow_tracking_uri or "").startswith(("http://", "https://"))
    return remote or running(mlflow_ui()) is not None


def table_of_runs(urls: Iterable[str | None]) -> str:
    """The runs of the first level that has one, as its run's own link tells; else the front of the UI.

    MLflow would know the experiment by its name, but takes 4 s to import.
    """
    runs = (re.match(r".*#/experiments/[^/]+/runs(?=/)", url) for url in urls if url)
    return next((found[0] for found in runs if found), store.ui_url())


def home() -> None:
    st.title("Ladder")
    st.markdown(
        "Six levels of working with AI, one runnable project a level. It runs on this machine alone: "
        "no key, no account, no GPU, no network. Every run is recorded, and every number links to its run."
    )
    ladder()


st.set_page_config("Ladder", TAB_ICON, layout="wide")
# No page has an icon: Streamlit would fetch it from the network for the browser's tab.
PAGES = {
    level.number: st.Page(
        CLONE / level.package / "app.py", title=f"{level.number} · {RUNGS[level.number]}", url_path=level.slug
    )
    for level in levels()
}
st.navigation([st.Page(home, title="The ladder", default=True), *PAGES.values()]).run()
