"""The tab "Use it" of the page of level 4: a picture, what a network sees in it, and what another one sees.

with tab:
    show()
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import streamlit as st

from level4_build import view, weights
from level4_build.drawing import drawing
from level4_build.job import Recording
from level4_build.page_parts import HELP, about, pictures_row, recorded
from level4_build.predict import Found, read_picture
from level4_build.scenes import scene
from level4_build.sight import Sight, see
from level4_build.weights import Trained
from shared import ui
from shared.errors import LadderError

KEY = "level4 use"  # how each key of this tab begins: in the hub all pages share one session
WHITE = "white: unsure, or a border that does not count"
RIGHT = "Of the pixels that are not white, and whose truth is known, the share that is right."


def show() -> None:
    """The whole tab."""
    if not weights.place().is_file():
        st.info("No network is trained yet. Train one in the first tab.")
        return
    try:
        networks = {"the network": weights.load()}
        about(networks["the network"])
        what = choose_picture(next(iter(networks.values())))
        if what is None:
            return
        sights = {name: see(trained.model, **what) for name, trained in networks.items()}
    except LadderError as error:
        ui.error_box(error)
        return
    show_sights(sights)
    keep_it(next(iter(sights.values())).found, next(iter(networks.values())))


# The picture -----------------------------------------------------------------------------------------


def choose_picture(network: Trained) -> dict[str, Any] | None:
    """What is looked at, as `see` takes it; None while there is no picture.

    Raises:
        LadderError: a file is no picture.
    """
    kind = st.segmented_control(
        "Picture", ["Generate", "Draw", "Upload"], default="Generate", required=True, key=f"{KEY} picture",
        persist_state="session",
    )  # fmt: skip
    config = network.config
    if kind == "Upload":
        return uploaded()
    if kind == "Draw":
        drawn, name = drawing(config.size), "a drawing"
    else:
        number = st.slider(
            "Scene", 0, 999, 0, key=f"{KEY} scene", persist_state="session",
            help="Scenes that the network was not trained on.",
        )  # fmt: skip
        drawn, name = scene(config.seed, "val", number, config.size), f"scene:{number}"
    return {"name": name, "image": drawn.image, "truth": drawn.mask}


def uploaded() -> dict[str, Any] | None:
    """A picture file."""
    file = st.file_uploader("A picture", ["png", "jpg", "jpeg", "webp"], key=f"{KEY} upload")
    if file is None:
        return None
    st.caption("It learnt drawn shapes alone: expect little of photographs.")
    read = read_picture(file.getvalue(), file.name)
    if read.note:
        st.caption(read.note)
    return {"name": read.name, "image": read.image, "note": read.note}


# What is seen ----------------------------------------------------------------------------------------


def show_sights(sights: dict[str, Sight]) -> None:
    """The picture, each network's mask over it, where two differ, and each class."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        opacity = st.slider(
            "Opacity of the mask",
            0.0,
            1.0,
            0.6,
            0.05,
            key=f"{KEY} opacity",
            width=260,
            persist_state="session",
        )
        threshold = st.slider(
            "Unsure below", 0.0, 1.0, 0.0, 0.05, key=f"{KEY} threshold", width=260, persist_state="session",
            help="A pixel whose most likely class has a smaller probability is given to nobody. The higher, "
            "the fewer pixels are told, and the more of those are right.",
        )  # fmt: skip
    first = next(iter(sights.values())).found
    shown = {"the picture": view.enlarged(first.image)}
    for name, sight in sights.items():
        shown[f"what {name} sees"] = view.enlarged(
            view.faded(first.image, sight.above(threshold).mask, opacity)
        )
    if first.truth is not None:
        shown["the truth"] = view.enlarged(view.faded(first.image, first.truth, opacity))
    if len(sights) == 2:
        one, other = (sight.above(threshold).mask for sight in sights.values())
        share = float((one != other).mean())
        shown[f"where they differ: {share:.1%}"] = view.enlarged(view.differing(one, other))
    st.html(view.legend(WHITE))
    pictures_row(shown)
    for name, sight in sights.items():
        scored(name, sight, threshold, alone=len(sights) == 1)
    if len(sights) == 2:
        compared(sights)


def scored(name: str, sight: Sight, threshold: float, alone: bool) -> None:
    """The numbers of one network on this picture."""
    found, right = sight.found, sight.right(threshold)
    iou = scores(found, ask=alone)
    numbers = {"Macro IoU": f"{view.macro(iou):.2f}"} if iou else {}
    numbers["Pixels told"] = f"{sight.left(threshold):.0%}"
    if right is not None:
        numbers["Right of these"] = f"{right:.1%}"
    if not alone:
        st.markdown(f"**{ui.plain(name.capitalize())}**")
    ui.metric_row(numbers, HELP | {"Right of these": RIGHT})
    if alone:
        st.dataframe(view.found_rows(found, iou), hide_index=True, width="content")


def compared(sights: dict[str, Sight]) -> None:
    """Each class as each of two networks sees it."""
    columns = {name: view.found_rows(s.found, scores(s.found, ask=False)) for name, s in sights.items()}
    rows = [
        {"class": rows[0]["class"]}
        | {
            f"{what}, {name}": row[what]
            for name, row in zip(columns, rows, strict=True)
            for what in islice(row, 1, None)
        }
        for rows in zip(*columns.values(), strict=True)
    ]
    st.dataframe(rows, hide_index=True, width="content")
    st.caption("One picture decides nothing: `ladder level4 evaluate` looks at a whole set.")


def scores(found: Found, ask: bool) -> dict[str, float | None]:
    """The IoU of each class by the course's code, or by the reader's own; empty without a truth.

    Args:
        ask: whether to show the switch between the two.
    """
    score = found.score()
    if score is None:
        return {}
    own = ui.reference_or_mine("iou") if ask else None
    if own:
        with ui.trying("iou", own.__file__):
            iou = view.iou_by(own, found)
            st.caption(f"Scored by your own {ui.plain(str(own.__file__))}")
            return iou
    if ask:
        st.caption("Scored by `level4_build/score.py`")
    return score.iou()


def keep_it(found: Found, network: Trained) -> None:
    """A button that records what the first network sees, once for each picture."""
    key = f"{found.name} {hash(found.image.tobytes())} {network.run_id}"
    kept: dict[str, Recording] = st.session_state.setdefault(f"{KEY} kept", {})
    if key in kept:
        recorded(kept[key])
    else:
        st.button(
            "Record this in MLflow", icon=":material/save:", key=f"{KEY} record", on_click=_record,
            args=(kept, key, found, network),
        )  # fmt: skip


def _record(kept: dict[str, Recording], key: str, found: Found, network: Trained) -> None:
    from level4_build.record import record_prediction

    kept[key] = Recording(lambda: record_prediction(found, network, source="page"))
