"""The tab "Use it" of the page of level 4: a picture, what a network sees in it, and what another one sees.

with tab:
    show()
"""

from __future__ import annotations

from typing import Any

import numpy as np
import streamlit as st

from level4_build import view, weights
from level4_build.choose_network import choose_networks
from level4_build.drawing import drawing
from level4_build.job import Recording
from level4_build.page_parts import HELP, pictures_row, recorded
from level4_build.predict import Found, Picture, look, read_picture, segment
from level4_build.scenes import IGNORE, Scene, scene
from level4_build.weights import Trained
from shared import ui
from shared.errors import LadderError

KEY = "level4 use"  # how each key of this tab begins: in the hub all pages share one session
BARE = "bare: not sure enough, or a border that does not count"
EXPLAINED = HELP | {
    "Right of these": "Of the pixels with a class here and a known truth, the share that is right."
}


def show() -> None:
    """The whole tab."""
    if not weights.place().is_file():
        st.info("No network is trained yet. Train one in the first tab.")
        return
    try:
        networks = choose_networks()
        picture = choose_picture(next(iter(networks.values())))
        if picture is None:
            return
        name, what = picture
        founds = {called: asked(network, name, what) for called, network in networks.items()}
    except LadderError as error:
        ui.error_box(error)
        return
    shown = show_founds(founds)
    keep_it(shown, next(iter(networks.values())))


# The picture -----------------------------------------------------------------------------------------


def choose_picture(network: Trained) -> tuple[str, Scene | Picture] | None:
    """What is looked at, and what it is called; None while there is nothing.

    Raises:
        LadderError: a file is no picture.
    """
    config = network.config
    kinds = ["Generate", "Draw", "Upload"] if config.own is None else ["Upload"]  # it knows no scenes
    kind = st.segmented_control(
        "Picture", kinds, default=kinds[0], required=True, key=f"{KEY} picture {kinds[0]}",
        persist_state="session",
    )  # fmt: skip
    if kind == "Upload":
        read = uploaded()
        return (read.name, read) if read else None
    if kind == "Draw":
        return "a drawing", drawing(config.size)
    number = st.slider(
        "Scene", 0, 999, 0, key=f"{KEY} scene", persist_state="session",
        help="Scenes that the network was not trained on.",
    )  # fmt: skip
    return f"scene:{number}", scene(config.seed, "val", number, config.size, config.difficulty)


def uploaded() -> Picture | None:
    """A picture file."""
    file = st.file_uploader("A picture", ["png", "jpg", "jpeg", "webp"], key=f"{KEY} upload")
    if file is None:
        return None
    st.caption("A network knows what it has learnt: one of drawn shapes sees little in photographs.")
    read = read_picture(file.getvalue(), file.name)
    if read.note:
        st.caption(read.note)
    return read


def asked(network: Trained, name: str, what: Scene | Picture) -> Found:
    """What a network sees; a scene comes with its truth."""
    return segment(network, what) if isinstance(what, Picture) else look(network.model, what, name)


# What is seen ----------------------------------------------------------------------------------------


def show_founds(founds: dict[str, Found]) -> Found:
    """The picture, each network's mask over it, where two differ, and each class.

    Returns:
        what the first network sees and is sure enough of.
    """
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kept: dict[str, Any] = {"persist_state": "session", "width": 165}
        opacity = st.slider("Opacity of the mask", 0.0, 1.0, 0.6, 0.05, key=f"{KEY} opacity", **kept)
        least = st.slider(
            "Unsure below", 0.0, 1.0, 0.0, 0.05, key=f"{KEY} threshold", **kept,
            help="A pixel whose most likely class has a smaller probability gets none. The higher, the fewer "
            "pixels have a class, and the more of these are right.",
        )  # fmt: skip
    sure = {name: found.surer_than(least) for name, found in founds.items()}
    first = next(iter(sure.values()))
    shown = {"the picture": first.image}
    for name, found in sure.items():
        shown[f"what {name} sees"] = view.faded(found, found.mask, opacity)
    if first.truth is not None:
        shown["the truth"] = view.faded(first, first.truth, opacity)
    if len(sure) == 2:
        one, other = (found.mask for found in sure.values())
        shown[f"where they differ: {float((one != other).mean()):.1%}"] = view.differing(one, other)
    st.html(view.legend(first.classes, BARE))
    pictures_row({caption: view.enlarged(pixels) for caption, pixels in shown.items()})
    if len(sure) == 1:
        alone(first)
    else:
        compared(sure)
    return first


def alone(found: Found) -> None:
    """The numbers of one network on this picture, and each class."""
    iou = scores(found)
    ui.metric_row(numbers(found, iou), EXPLAINED)
    st.dataframe(view.found_rows(found, iou), hide_index=True, width="content")


def numbers(found: Found, iou: dict[str, float | None]) -> dict[str, str]:
    """How right it is, where the truth is known, and on how much of the picture."""
    told = {"Macro IoU": f"{view.macro(iou):.2f}"} if any(v is not None for v in iou.values()) else {}
    told["Pixels with a class"] = f"{1 - found.unsure():.0%}"
    if found.truth is not None:
        counted = (found.mask != IGNORE) & (found.truth != IGNORE)
        if counted.any():
            told["Right of these"] = f"{np.mean((found.mask == found.truth)[counted]):.1%}"
    return told


def compared(founds: dict[str, Found]) -> None:
    """The numbers of two networks, and each class as each of them sees it."""
    iou = {name: score.iou() if (score := found.score()) else {} for name, found in founds.items()}
    for name, found in founds.items():
        st.markdown(f"**{ui.plain(name.capitalize())}**")
        ui.metric_row(numbers(found, iou[name]), EXPLAINED)
    both = [view.found_rows(found, iou[name]) for name, found in founds.items()]
    rows = [
        {f"{column}, {name}" if column != "class" else column: cell
         for name, row in zip(founds, pair, strict=True) for column, cell in row.items()}
        for pair in zip(*both, strict=True)
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, width="content")
    st.caption("One picture decides nothing: `ladder level4 evaluate` looks at a whole set.")


def scores(found: Found) -> dict[str, float | None]:
    """The IoU of each class by the course's code, or by the reader's own; empty without a truth."""
    score = found.score()
    if score is None:
        return {}
    own = ui.reference_or_mine("iou")
    if own:
        with ui.trying("iou", own.__file__):
            iou = view.iou_by(own, found)
            st.caption(f"Scored by your own {ui.plain(str(own.__file__))}")
            return iou
    st.caption("Scored by `level4_build/score.py`")
    return score.iou()


def keep_it(found: Found, network: Trained) -> None:
    """A button that records what the first network sees, once for each picture and threshold."""
    key = f"{found.name} {hash(found.image.tobytes())} {hash(found.mask.tobytes())} {network.run_id}"
    kept: dict[str, Recording] = st.session_state.setdefault(f"{KEY} kept", {})
    if key not in kept and st.button("Record this in MLflow", icon=":material/save:", key=f"{KEY} record"):
        from level4_build.record import record_prediction

        kept[key] = Recording(lambda: record_prediction(found, network, source="page"))
        st.rerun()
    recorded(kept.get(key))
