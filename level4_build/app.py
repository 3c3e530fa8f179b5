"""The page of level 4: train a network and watch it learn, then give it a scene and see what it sees.

streamlit run level4_build/app.py
"""

from __future__ import annotations

import math

import numpy as np
import streamlit as st

from level4_build import LEVEL, view, weights
from level4_build.job import Training
from level4_build.predict import Found, look, read_picture, segment
from level4_build.scenes import KINDS, Shape, draw, scene
from level4_build.trainer import Fit, TrainConfig
from level4_build.unet import parameters
from level4_build.weights import Trained
from shared import store, ui
from shared.errors import LadderError

LOOK_S = 0.5  # how often the page looks how far a training is
DRAWN = "drawn"  # where the shapes of a scene of one's own are kept
HELP = {
    "Macro IoU": "For each class the pixels in both truth and mask, divided by those in either; then the "
    "mean over the classes. 1 is perfect. The background counts as a class.",
}


# Train -----------------------------------------------------------------------------------------------


def choose_training() -> TrainConfig:
    """The settings of a training."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        steps = st.slider("Steps", 50, 600, 150, 50, key="steps")
        lr = st.select_slider("Learning rate", [1e-4, 1e-3, 3e-3, 1e-2, 1e-1, 1.0], TrainConfig.lr, key="lr")
        seed = st.number_input(
            "Seed", 0, 999, 0, key="seed", help="Decides the scenes and the first weights."
        )
    return TrainConfig(steps=steps, lr=lr, seed=int(seed), eval_every=50)


def train() -> None:
    """Settings, a button, and the training as it goes."""
    config = choose_training()
    job: Training | None = st.session_state.get("training")
    running = job is not None and not job.wait(0)
    with st.container(horizontal=True):
        if st.button("Train", type="primary", icon=":material/play_arrow:", disabled=running):
            st.session_state["training"] = Training(config)
            st.rerun()
        if st.button("Stop", icon=":material/stop:", disabled=not running) and job:
            job.stop()
    if job is None:
        st.caption("A network that knows nothing starts to guess, and you see it learn.")
    elif running:
        watch(job)
        st.rerun()
    else:
        trained(job)


def watch(job: Training) -> None:
    """The curve, and what the network sees in one scene, drawn anew until the training has ended."""
    bar = st.progress(0.0)
    st.html(view.legend())
    scenes, curve = st.empty(), st.empty()
    while True:
        bar.progress(job.share, job.label())
        losses = list(job.losses)
        if losses:
            curve.altair_chart(view.curves(losses, job.evaluations, job.config.steps), width="stretch")
        with scenes.container():
            show_pictures(view.pictures(job.watched.image, job.seen, job.watched.mask))
        if job.wait(LOOK_S):
            return


def trained(job: Training) -> None:
    """What came of a training: first to see, then recorded."""
    try:
        fit = job.result()
    except LadderError as error:
        ui.error_box(error)
        return
    whose = st.empty()
    numbers = {
        "Macro IoU": f"{fit.macro_iou:.2f}",
        "Steps": f"{fit.steps}",
        "Time": f"{fit.wall_s:.0f} s",
        "Parameters": f"{parameters(fit.model):,}",
    }
    ui.metric_row(numbers, HELP)
    link = st.empty()
    st.html(view.legend())
    show_pictures(view.pictures(job.watched.image, job.seen, job.watched.mask))
    st.altair_chart(view.curves(fit.losses, fit.history, job.config.steps), width="stretch")
    st.caption(f"Each class on {job.config.val_count} scenes that it was not trained on")
    st.dataframe(view.class_rows(fit.iou), hide_index=True, width="content")
    with link.container():
        ui.run_link(recorded(job, fit))
    whose.info(st.session_state["training_kept"])


def recorded(job: Training, fit: Fit) -> str | None:
    """The link to the run of this training, recorded once; its network is then the one in use.

    One that was stopped is not, unless there is no other.
    """
    from level4_build.record import record

    if st.session_state.get("recorded") is not job:
        before = weights.in_use()
        stopped = fit.steps < job.config.steps
        keep = before is None or not stopped
        with st.spinner("Recording this run in MLflow …"):
            st.session_state["training_url"] = record(fit, keep=keep, source="page").url
        said = [f"Stopped after step {fit.steps} of {job.config.steps}."] if stopped else []
        if before is not None:
            said.append(f"Its network replaces {before}." if keep else f"In use stays {before}.")
        else:
            said.append("Its network is now the one in use.")
        st.session_state["training_kept"] = " ".join(said)
        st.session_state["recorded"] = job
        st.rerun()  # the other tab shows the new network
    return st.session_state["training_url"]


# Use -------------------------------------------------------------------------------------------------


def use() -> None:
    """The network that was trained last, on a scene or a picture."""
    try:
        network = weights.load()
    except LadderError:
        st.info("No network is trained yet. Train one in the other tab.")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(f"U-Net, {network.steps} steps, macro IoU {network.macro_iou:.2f}", "this machine")
        if network.url:
            st.markdown(f"[The run that trained it]({store.link_now(network.url)})")
    kind = st.segmented_control("Picture", ["Generate", "Draw", "Upload"], default="Generate", key="picture")
    try:
        found = {"Draw": from_drawing, "Upload": from_upload}.get(kind or "", from_number)(network)
    except LadderError as error:
        ui.error_box(error)
        return
    if found is not None:
        show_found(found, network)


def from_number(network: Trained) -> Found:
    """A scene by its number."""
    number = st.slider("Scene", 0, 999, 0, key="scene", help="Scenes that it was not trained on.")
    drawn = scene(network.config.seed, "val", number, network.config.size)
    return look(network.model, drawn, f"scene:{number}")


def from_drawing(network: Trained) -> Found:
    """A scene of one's own: the shapes that are kept, and over them the one at hand."""
    kept: list[Shape] = st.session_state.setdefault(DRAWN, [])
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox("Shape", KINDS, key="kind", width=140)
        x = st.slider("From the left", 0.0, 1.0, 0.5, 0.02, key="x", width=160)
        y = st.slider("From the top", 0.0, 1.0, 0.5, 0.02, key="y", width=160)
        size = st.slider("Size", 0.05, 0.4, 0.2, 0.01, key="size", width=160)
        angle = st.slider("Turned", -180, 180, 0, 5, key="angle", format="%d°", width=160)
        stripes = st.slider("Stripes", 0, 8, 0, key="stripes", width=160)
        colour = st.color_picker("Colour", "#e8d44d", key="colour")
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    at_hand = Shape(kind, x, y, size, math.radians(angle), (red, green, blue), float(stripes))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Keep this shape", icon=":material/add:"):
            kept.append(at_hand)
        if st.button("Remove the last", icon=":material/undo:", disabled=not kept):
            kept.pop()
        ground = st.slider("Background", 0, 99, 0, key="ground", width=200)
    st.caption(f"{len(kept)} kept, and the one at hand on top.")
    drawn = draw([*kept, at_hand], network.config.size, np.random.default_rng(ground))
    return look(network.model, drawn, "a drawing")


def from_upload(network: Trained) -> Found | None:
    """A picture file."""
    file = st.file_uploader("A picture", ["png", "jpg", "jpeg", "webp"], key="upload")
    if file is None:
        return None
    st.caption("It learnt drawn shapes alone: expect little of photographs.")
    return segment(network, read_picture(file.getvalue(), file.name))


def show_found(found: Found, network: Trained) -> None:
    """The picture, the mask, the truth where it is known, and each class."""
    if found.note:
        st.caption(found.note)
    iou = scored(found)
    if iou:
        ui.metric_row({"Macro IoU": f"{view.macro(iou):.2f}"}, HELP)
    st.html(view.legend())
    show_pictures(view.pictures(found.image, found.mask, found.truth))
    st.dataframe(view.found_rows(found, iou), hide_index=True, width="content")
    key = f"{found.name} {hash(found.image.tobytes())} {network.run_id}"
    urls: dict[str, str | None] = st.session_state.setdefault("urls", {})
    if key not in urls and st.button("Record this in MLflow", icon=":material/save:"):
        from level4_build.record import record_prediction

        with st.spinner("Recording this run in MLflow …"):
            urls[key] = record_prediction(found, network, source="page").url
    if key in urls:
        ui.run_link(urls[key])


def scored(found: Found) -> dict[str, float | None]:
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


def show_pictures(shown: dict[str, np.ndarray]) -> None:
    """Pictures side by side, each with its caption; on a phone they wrap."""
    with st.container(horizontal=True, gap="small"):
        for caption, pixels in shown.items():
            st.image(pixels, caption, width=216, output_format="PNG")


def main() -> None:
    ui.page(LEVEL)
    training, using = st.tabs(["Train it", "Use it"])
    with using:  # first, as a training that goes on keeps the rest of the page waiting
        use()
    with training:
        train()


main()
