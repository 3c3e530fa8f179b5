"""The hub: the ladder as a picture, your progress and the tour filling in, and a page for each level.

It only reads. What it shows is written in the terminal, by `ladder check` and `ladder tour`.

streamlit run shared/hub.py
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable

import streamlit as st

from shared import store, ui
from shared.errors import LadderError
from shared.levels import RUNGS, Level, levels
from shared.processes import mlflow_ui
from shared.servers import running
from shared.settings import CLONE, settings
from shared.study.standing import Place, Standing, next_step, standing
from shared.study.workspace import Workspace, find
from shared.tables import number
from shared.tour import Stop, stops

STATES = {
    "waiting": ("tour not run yet", "gray"),
    "running": ("tour running", "orange"),
    "done": ("✓ tour done", "green"),
    "failed": ("✗ tour failed", "red"),
}
COLOURS = {"PASS": "green", "FAIL": "red", "ERROR": "red"}

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
[class*="st-key-live"] [class*="st-key-study"] [data-testid="stPageLink"] p { font-size: 1rem; }
</style>"""


@st.fragment(run_every=2)
def ladder() -> None:
    """The next step, and six rungs, the top one first, each with the way to its page and how far you are."""
    here, linked = stops(), ui_answers()
    progress = _progress(find())
    st.html(PICTURE)
    with st.container(key="ladder"):
        for level, stop, own in reversed(list(zip(levels(), here, progress, strict=True))):
            with st.container(key=f"rung{level.number}"):
                _rung(level, stop, own, linked)
    with st.container(horizontal=True, vertical_alignment="center"):
        _all_runs(here, linked)
        st.caption("In the terminal: `ladder tour` runs what has not run yet, `ladder runs` lists the runs.")


def _progress(workspace: Workspace | None) -> list[Standing]:
    """Say what is next; returns how far one is on each level."""
    try:
        found = standing(workspace)
    except LadderError as error:
        ui.error_box(error)
        return standing(None)
    step = next_step(found, workspace)
    with st.container(key="next", gap="xsmall"):
        st.markdown(f"**Next:** `{step.command}` · {step.words}")
        if step.file:
            st.caption(ui.plain(str(step.file)))
    return found


def _rung(level: Level, stop: Stop, own: Standing, linked: bool) -> None:
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
            if own.climbed:
                st.badge("climbed", color="violet", icon=":material/flag:")
        st.markdown(f"{level.title}. *{level.question}*")
        if stop.result or stop.url:
            _found(stop, linked)
        with st.container(key=f"study{level.number}"):
            _study(own, linked)


def _study(own: Standing, linked: bool) -> None:
    """The level's lesson, its exercises with their state, and one's own run at its baseline."""
    level = own.level
    gate = ", and the gate" if own.gate_passed else ""
    told = f"Exercises: {own.passed} of {len(own.exercises)} passed{gate}"
    with st.expander(told, key=f"exercises{level.number}"):
        label = f"The lesson, {level.minutes} minutes"
        st.page_link(PAGES[level.number], label=label, icon=":material/menu_book:", width="content")
        st.markdown("\n".join(map(line_of, [*own.exercises, *([own.gate] if own.gate else [])])))
        if own.run:
            said = f"Your run: {own.run.metric} {number(own.run.value)}"
            shut = not (linked and own.run.url)
            st.link_button(said, own.run.url or "", icon=":material/query_stats:", disabled=shut)
        elif level.baseline:
            st.markdown(f"To climb it also takes a run of your own: `{level.baseline.command}`")
            st.caption(ui.plain(f"At least as good as this: {level.baseline.words}."))


def line_of(place: Place) -> str:
    """An exercise with its state, as an item of a list in Markdown."""
    one = place.exercise
    state = f":{COLOURS.get(place.entry.state, 'gray')}[{place.state}]"
    return f"- `{one.name}` {ui.plain(one.title)} · {one.about.minutes} min · {state}"


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


st.set_page_config("Ladder", ui.TAB_ICON, layout="wide")
# No page has an icon: Streamlit would fetch it from the network for the browser's tab.
PAGES = {
    level.number: st.Page(
        CLONE / level.package / "app.py", title=f"{level.number} · {RUNGS[level.number]}", url_path=level.slug
    )
    for level in levels()
}
st.navigation([st.Page(home, title="The ladder", default=True), *PAGES.values()]).run()
