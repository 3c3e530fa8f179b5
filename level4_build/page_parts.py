"""What several tabs of the page of level 4 show: pictures side by side, and the link to a run on its way."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import streamlit as st

from level4_build.job import Recording
from level4_build.weights import Trained
from shared import store, ui

LOOK_S = 0.5  # how often a page looks whether a run is written
HELP = {
    "Macro IoU": "For each class the pixels in both truth and mask, divided by those in either; then the "
    "mean over the classes. 1 is perfect. The background counts as a class.",
}
SHOWN = 200  # pixels: how wide each of several pictures is


def about(network: Trained) -> None:
    """Which one it is, and the run that trained it."""
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(f"U-Net, {network.steps} steps, macro IoU {network.macro_iou:.2f}", "this machine")
        if network.url:
            st.markdown(f"[The run that trained it]({store.link_now(network.url)})")


def pictures_row(shown: Mapping[str, np.ndarray | bytes], width: int = SHOWN) -> None:
    """Pictures side by side, each with its caption; on a phone they wrap."""
    with st.container(horizontal=True, gap="small"):
        for caption, pixels in shown.items():
            st.image(pixels, caption, width=width, output_format="PNG")


def recorded(recording: Recording | None) -> None:
    """The link to a run, as soon as it is written."""
    if recording is None:
        return
    if recording.wait(0):
        ui.run_link(None if recording.failed else recording.result())
    else:
        wait_for(recording)


@st.fragment(run_every=LOOK_S)
def wait_for(recording: Recording) -> None:
    """It leaves the page alone, and draws it anew at the end."""
    if recording.wait(0):
        st.rerun()
    st.caption("Recording this run in MLflow …")
