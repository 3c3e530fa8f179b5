"""The parts that every page is made of, so that six pages look and behave as one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import ModuleType
from typing import Literal

import streamlit as st

from shared import store
from shared.errors import LadderError
from shared.levels import Level
from shared.settings import CLONE
from shared.study import mine

# Drawn here, because Streamlit fetches the icons of browser tabs from a host on the network.
TAB_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" stroke="#b3541e" stroke-width="2.5">'
    '<path d="M7 2v20M17 2v20M7 6h10M7 12h10M7 18h10"/></svg>'
)
LESSON_PX = 420


def page(level: Level) -> None:
    """The head of a level's page: its number and title, its question, its lesson."""
    st.set_page_config(f"{level.number} · {level.title}", TAB_ICON, layout="wide")
    st.title(f"{level.number} · {level.title}")
    st.markdown(f"**{level.question}**")
    if text := lesson(level):
        label = f"The lesson ({level.minutes} minutes)"
        # It scrolls in itself: the page stays near.
        with st.expander(label, icon=":material/menu_book:"), st.container(height=LESSON_PX, border=False):
            st.markdown(text)


def lesson(level: Level) -> str:
    """The level's README for its page: without the title and question above it, with small headings."""
    file = CLONE / level.package / "README.md"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    if text.startswith("# "):
        text = text.partition("\n")[2]
    text = text.lstrip().removeprefix(f"**{level.question}**").lstrip()
    return re.sub(r"^(##+) ", r"##\1 ", text, flags=re.MULTILINE)


def metric_row(values: Mapping[str, str], explained: Mapping[str, str] | None = None) -> None:
    """Numbers side by side, each under its name, some explained by a tooltip; on a phone they wrap."""
    with st.container(horizontal=True, gap="medium"):
        for name, value in values.items():
            st.metric(name, value, width="content", help=(explained or {}).get(name))


def error_box(error: LadderError) -> None:
    """What is wrong, and what to do."""
    st.error(f"{plain(error.message)}\n\n**{plain(error.fix)}**" if error.fix else plain(error.message))


def engine_badge(engine: str, place: str) -> None:
    """Which engine made an answer, and where the request went."""
    local = place == "this machine"
    st.badge(
        f"{plain(engine)} on {plain(place)}",
        icon=":material/home:" if local else ":material/public:",
        color="green" if local else "orange",
    )


def run_link(url: str | None, kind: Literal["run", "trace"] = "run") -> None:
    """The way from what is on the page to the run that measured it, or to the trace of a single turn."""
    if url:
        st.link_button(f"Open this {kind} in MLflow", url, icon=":material/query_stats:")
        if not store.ui_runs():
            st.caption("The MLflow UI is not running: `ladder ui` starts it.")
    else:
        st.caption(f"This {kind} could not be recorded; the reason is in the terminal.")


def reference_or_mine(name: str) -> ModuleType | None:
    """The switch between the course's code and the learner's own for an exercise.

    Returns the learner's file as a module if "mine" is chosen, else None: the page uses the course's code.
    "mine" is there once the file has passed and while it stays as it was; else a line says what is missing.
    """
    found = mine.usable(name)
    if isinstance(found, str):
        st.caption(f"{plain(found)} In the terminal: `ladder check {name}`")
        return None
    names = {"reference": "reference", "mine": f"mine ({found.file.name})"}
    chosen = st.segmented_control(
        "Code", list(names), format_func=names.__getitem__, default="reference", required=True,
        key=f"code-{name}",
    )  # fmt: skip
    if chosen == "mine":
        with trying(name, found.file):
            return mine.load(name)
    return None


@contextmanager
def trying(name: str, file: Path | str | None) -> Iterator[None]:
    """What the learner's code raises in this block becomes an error box, and the page goes on without it.

    Args:
        name: the exercise's.
        file: the learner's.
    """
    try:
        yield
    except (Exception, SystemExit) as error:
        error_box(mine.told(error, name, Path(file or name)))


def plain(text: str) -> str:
    """Text shown as it is: no Markdown, no HTML, no directives of Streamlit, all on one line."""
    flat = " ".join(escape(text, quote=False).split())
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|$:~>" else c for c in flat)
