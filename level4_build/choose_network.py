"""Which networks look at a picture on the page of level 4: the last one trained, or versions of the registry.

The registry is asked only where two are compared: MLflow takes seconds to wake, and one look needs no MLflow.
"""

from __future__ import annotations

import streamlit as st

from level4_build import registry, weights
from level4_build.page_parts import about
from level4_build.registry import Version
from level4_build.weights import Trained
from shared import ui
from shared.errors import LadderError

KEY = "level4 networks"  # how each key begins: in the hub all pages share one session
LAST = 0  # stands for the network that was trained last; versions count from 1


def choose_networks() -> dict[str, Trained]:
    """The networks to ask, by what they are called here: one, or two that are compared.

    Raises:
        LadderError: none is trained yet, one cannot be read, or they tell different classes apart.
    """
    last = weights.load()
    if not st.toggle("Compare two networks", key=f"{KEY} two", persist_state="session"):
        about(last)
        return {"the network": last}
    known = versions()
    if not known:
        st.info("The registry holds no version yet: each training that is finished becomes one.")
        return {"the network": last}
    names = {LAST: "the last one · trained here"} | {each.number: called(each) for each in known}
    others = sorted(
        known, key=lambda each: (each.run_id == last.run_id, registry.CHAMPION not in each.aliases)
    )
    chosen: dict[str, Trained] = {}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for side, number in (("First", LAST), ("Second", others[0].number)):
            which = st.selectbox(
                side, names, index=list(names).index(number), format_func=names.__getitem__,
                key=f"{KEY} {side}", width=340, persist_state="session",
            )  # fmt: skip
            short = names[which].partition(" · ")[0]
            chosen[short] = last if which == LAST else version(which)
        st.button("Look again", icon=":material/refresh:", key=f"{KEY} again", on_click=_forget)
    if len(chosen) < 2:
        st.caption("Both are the same.")
    if len({network.config.classes for network in chosen.values()}) > 1:
        raise LadderError("These two networks tell different classes apart.", "Choose two of the same data.")
    return chosen


def called(each: Version) -> str:
    """A version in words, what tells it apart before the point."""
    alias = f", {' and '.join(each.aliases)}" if each.aliases else ""
    return f"version {each.number}{alias} · {each.steps} steps, macro IoU {each.macro_iou:.2f}"


def versions() -> list[Version]:
    """What the registry holds, the newest first; asked once until `_forget`."""
    if f"{KEY} versions" not in st.session_state:
        with st.spinner("Asking the model registry …"):
            try:
                st.session_state[f"{KEY} versions"] = registry.versions()
            except LadderError as error:
                ui.error_box(error)
                return []
    return st.session_state[f"{KEY} versions"]


def version(number: int) -> Trained:
    """The network of a version, read once: what is registered does not change."""
    read: dict[int, Trained] = st.session_state.setdefault(f"{KEY} read", {})
    if number not in read:
        with st.spinner(f"Reading version {number} …"):
            read[number] = registry.load(number)
    return read[number]


def _forget() -> None:
    st.session_state.pop(f"{KEY} versions", None)
