"""The tab "Train" of the page of level 4: a network that knows nothing learns, and one sees it happen.

with tab:
    show()
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from level4_build import view
from level4_build.job import Training, under_way
from level4_build.page_parts import HELP, pictures_row, recorded
from level4_build.scenes import FROZEN
from level4_build.trainer import Fit, TrainConfig
from level4_build.unet import UNetConfig, parameters
from shared import ui
from shared.errors import LadderError

KEY = "level4 train"  # how each key of this tab begins: in the hub all pages share one session
LOOK_S = 0.5  # how often the page looks how far a training is
LR = [1e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0]
EMA = [0.0, 0.9, 0.97, 0.99]
FIGURES = {
    "panel.png": "What it sees in scenes that it was not trained on, and where it is wrong",
    "confusion.png": "What each class is taken for",
    "classes.png": "Each class, and how many pixels its score stands on",
    "calibration.png": "Whether it is as sure as it is right",
}


def show() -> None:
    """Settings, a button, and the training as it goes."""
    config = choose()
    job: Training | None = st.session_state.get(f"{KEY} job") or under_way()
    st.session_state[f"{KEY} job"] = job
    running = job is not None and not job.wait(0)
    with st.container(horizontal=True):
        if st.button(
            "Train", type="primary", icon=":material/play_arrow:", key=f"{KEY} go", disabled=running
        ):
            st.session_state[f"{KEY} job"] = Training(config)
            st.rerun()
        stop = job.stop if job is not None else None
        st.button("Stop", icon=":material/stop:", key=f"{KEY} stop", disabled=not running, on_click=stop)
    if job is None:
        st.caption("A network that knows nothing starts to guess, and you see it learn.")
    elif running:
        watch(job)
    else:
        trained(job)


def choose() -> TrainConfig:
    """The settings of a training."""
    kept: dict[str, Any] = {
        "persist_state": "session",
        "width": 165,
    }  # another tab may be looked at in between
    with st.container(horizontal=True, vertical_alignment="bottom"):
        steps = st.slider("Steps", 50, 600, 150, 50, key=f"{KEY} steps", **kept)
        lr = st.select_slider("Learning rate", LR, TrainConfig.lr, key=f"{KEY} lr", **kept)
        difficulty = st.slider(
            "Difficulty", 0.0, 1.0, FROZEN, 0.25, key=f"{KEY} difficulty", **kept,
            help="How many shapes, how much they hide each other, stripes, noise and odd colours. Scores are "
            "compared at 0.5.",
        )  # fmt: skip
        layers = st.slider(
            "Transformer layers", 0, 4, UNetConfig.transformer_layers, key=f"{KEY} layers", **kept,
            help="At the bottom of the U, where each cell may look at every other. 0 is a plain U-Net.",
        )  # fmt: skip
        ema = st.select_slider(
            "Averaged weights", EMA, 0.0, key=f"{KEY} ema", **kept,
            help="How much of an average over the steps each step keeps (EMA). 0: the last weights count.",
        )  # fmt: skip
        seed = st.number_input(
            "Seed", 0, 999, 0, key=f"{KEY} seed", persist_state="session", width=120,
            help="Decides the scenes and the first weights.",
        )  # fmt: skip
    return TrainConfig(
        steps=steps, lr=lr, ema=ema, seed=seed, eval_every=50, difficulty=difficulty,
        model=UNetConfig(transformer_layers=layers),
    )  # fmt: skip


# While it goes on ------------------------------------------------------------------------------------


def watch(job: Training) -> None:
    """The curve, and what the network sees in one scene, until the training has ended.

    A loop, and no fragment that is run again and again: what a fragment draws anew, fades a little each time.
    """
    bar = st.progress(0.0)
    st.html(view.legend())
    scenes, curve = st.empty(), st.empty()
    while True:
        bar.progress(min(job.share, 1.0), job.label())
        with scenes.container():
            pictures_row(view.pictures(job.watched.image, job.seen, job.watched.mask))
        if losses := list(job.losses):
            curve.altair_chart(view.curves(losses, job.evaluations, job.config.steps), width="stretch")
        if job.wait(LOOK_S):
            st.rerun()


# Afterwards ------------------------------------------------------------------------------------------


def trained(job: Training) -> None:
    """What came of a training."""
    try:
        fit = job.result()
    except LadderError as error:
        ui.error_box(error)
        return
    st.info(job.said)
    numbers = {
        "Macro IoU": f"{fit.macro_iou:.2f}",
        "Steps": f"{fit.steps}",
        "Time": f"{fit.wall_s:.0f} s",
        "Parameters": f"{parameters(fit.model):,}",
    }
    ui.metric_row(numbers, HELP)
    recorded(job.recording)
    st.html(view.legend())
    pictures_row(view.pictures(job.watched.image, job.seen, job.watched.mask))
    st.altair_chart(view.curves(fit.losses, fit.history, job.config.steps), width="stretch")
    report(job, fit)


def report(job: Training, fit: Fit) -> None:
    """The figures on all scenes that it was not trained on."""
    st.subheader(f"On {fit.config.val_count} scenes that it was not trained on", anchor=False)
    names = list(FIGURES)
    for tab, name in zip(st.tabs(["Pictures", "Confusion", "Classes", "Calibration"]), names, strict=True):
        with tab:
            st.caption(FIGURES[name])
            st.image(job.pictures[name], width=620)
