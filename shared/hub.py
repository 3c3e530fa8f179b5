"""The hub: the ladder as a picture, the tour filling in, and a page for each level.

streamlit run shared/hub.py
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

import streamlit as st

from shared import store
from shared.levels import RUNGS, Level, levels
from shared.processes import mlflow_ui
from shared.servers import running
from shared.settings import CLONE, settings
from shared.tour import Stop, stops
from shared.ui import TAB_ICON

STATES = {
    "waiting": ("tour not run yet", "gray"),
    "running": ("running", "orange"),
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
[class*="st-key-live"] { background: rgba(179, 84, 30, .12); border-radius: 6px; padding: .5rem .8rem; }
[class*="st-key-live"] [data-testid="stPageLink"] a, [class*="st-key-live"] [data-testid="stPageLink"] p {
    white-space: normal; overflow: visible;
}
[class*="st-key-live"] [data-testid="stPageLink"] p { font-size: 1.2rem; text-decoration: underline; }
</style>"""


@st.fragment(run_every=2)
def ladder() -> None:
    """Six rungs, the top one first, each with the way to its page and to what its tour found."""
    here, linked = stops(), ui_answers()
    st.html(PICTURE)
    with st.container(key="ladder"):
        for level, stop in reversed(list(zip(levels(), here, strict=True))):
            with st.container(key=f"rung{level.number}"):
                _rung(level, stop, linked)
    with st.container(horizontal=True, vertical_alignment="center"):
        _all_runs(here, linked)
        st.caption("In the terminal: `ladder tour` runs what has not run yet, `ladder runs` lists the runs.")


def _rung(level: Level, stop: Stop, linked: bool) -> None:
    with st.container(key=f"live{level.number}", gap="xsmall"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.page_link(
                PAGES[level.number], label=f"**{level.number} · {RUNGS[level.number]}**",
                icon=":material/arrow_forward:", icon_position="right", width="content",
            )  # fmt: skip
            words, colour = STATES[stop.state]
            if stop.began:
                words = f"{words}, {time.time() - stop.began:.0f} s so far"
            st.badge(words, color=colour)  # type: ignore[arg-type]
        st.markdown(f"{level.title}. *{level.question}*")
        if stop.result or stop.url:
            _found(stop, linked)


def _found(stop: Stop, linked: bool) -> None:
    """What the tour found on this rung, how long it took, and the run that measured it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        took = f" ({stop.seconds:.0f}\u00a0s)" if stop.seconds is not None and stop.state == "done" else ""
        st.text(stop.result + took, width="stretch")
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
    """One table over the runs of all levels that have one, as their links tell; else the front of the UI.

    MLflow would know the experiments by name, but takes 4 s to import.
    """
    found = (re.match(r".*#/experiments/(\d+)/runs/", url) for url in urls if url)
    experiments = list(dict.fromkeys(match[1] for match in found if match))
    return store.runs_url(experiments) if experiments else store.ui_url()


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
