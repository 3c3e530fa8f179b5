"""The page of level 5: see weights become ternary, read the equation above its code, check it, see it learn.

streamlit run level5_components/app.py
"""

from __future__ import annotations

import streamlit as st

from level4_build.trainer import new_model
from level5_components import LEVEL, view
from level5_components.bitlinear import BitLinear
from level5_components.checks import LINEAR
from level5_components.convert import census, convert_linears
from level5_components.job import Job
from level5_components.train import ONE_SEED, Comparison, preset
from level5_components.verify import Finding, verify
from shared import ui
from shared.errors import LadderError

LOOK_S = 0.5  # how often the page looks how far a training is
# Keys begin with "level5": in the hub all pages share one session.
HELP = {
    "γ": "The mean absolute value of all weights of the layer: the one number that scales its three levels.",
    "IoU, full precision": "The mean over the classes, on scenes that the network was not trained on. "
    "1 is perfect; the background counts as a class.",
    "Bits a weight": "Over the whole network, if ternary weights were packed four to a byte. "
    "The convolutions stay at 32 bits.",
    "Ternary": "The share of the network's weights that are in BitLinear layers.",
}


# Weights ---------------------------------------------------------------------------------------------


def weights(trained: Comparison | None) -> None:
    """One layer's weights in full precision, and as the layer multiplies by them."""
    network = trained.ternary.model if trained else convert_linears(new_model(preset()))
    when = f"after {trained.ternary.steps} steps" if trained else "before training"
    name = st.selectbox("Layer", census(network).names, key="level5 layer")
    weight = network.get_parameter(f"{name}.weight")
    shares, gamma = view.levels_of(weight)
    ui.metric_row(
        {"Weights": f"{weight.numel():,}", "γ": f"{gamma:.4f}", "Zeros": f"{shares['0']:.0%}"}, HELP
    )
    before, after = st.columns(2)
    with before:
        st.markdown(f"**In full precision**, {when}")
        st.altair_chart(view.weight_chart(weight), width="stretch")
        st.caption("Between the dashed lines, at ±γ/2, a weight rounds to 0.")
    with after:
        st.markdown("**What the layer multiplies by**: three values")
        st.altair_chart(view.level_chart(weight), width="stretch")
        st.caption("Rounded anew in every forward pass. The gradient moves the weights on the left.")


# Code ------------------------------------------------------------------------------------------------


def code() -> None:
    """Each equation, what its letters mean, and the lines that do it."""
    for title, equation, letters, function in view.EQUATIONS:
        st.markdown(f"**{title}**")
        st.latex(equation)
        st.caption(letters)
        st.code(view.code_of(function), language="python", wrap_lines=True)
    st.caption("BitNet b1.58, arXiv 2402.17764, section 2; BitNet, arXiv 2310.11453, section 2.")


# Verify ----------------------------------------------------------------------------------------------


def check() -> None:
    """A button, and the table of what the checks measured."""
    if st.button("Run the checks", type="primary", icon=":material/rule:"):
        with st.spinner("Checking BitLinear …"):
            st.session_state["level5 findings"] = verify(BitLinear, LINEAR)
        st.session_state.pop("level5 verify_url", None)
    findings: list[Finding] | None = st.session_state.get("level5 findings")
    if findings is None:
        st.caption(f"{len(LINEAR)} questions to the layer, each answered by a measured error.")
        return
    passed = sum(finding.passed for finding in findings)
    ui.metric_row({"Passed": f"{passed} of {len(findings)}"})
    st.dataframe(view.finding_rows(findings), hide_index=True, width="stretch", height="content")
    link = st.empty()
    if "level5 verify_url" not in st.session_state:
        from level5_components.record import record_verify

        with link, st.spinner("Recording this run in MLflow …"):
            st.session_state["level5 verify_url"] = record_verify("BitLinear", findings, source="page").url
    with link.container():
        ui.run_link(st.session_state["level5 verify_url"])


# Train -----------------------------------------------------------------------------------------------


def train() -> None:
    """Settings, a button, and both curves as they grow."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        steps = st.select_slider("Steps of each", [30, 60, 150, 300, 600], 60, key="level5 steps", width=320)
        seed = st.number_input(
            "Seed", 0, 999, 0, key="level5 seed", width=140, help="First weights and scenes."
        )
    job: Job | None = st.session_state.get("level5 job")
    running = job is not None and not job.wait(0)
    with st.container(horizontal=True):
        if st.button("Train both", type="primary", icon=":material/play_arrow:", disabled=running):
            st.session_state["level5 job"] = Job(preset(int(steps), int(seed)))
            st.session_state.pop("level5 train_url", None)
            st.rerun()
        if st.button("Stop", icon=":material/stop:", key="level5 stop", disabled=not running) and job:
            job.stop()
    if job is None:
        st.caption("Level 4's network twice, from the same first weights.")
    elif running:
        watch(job)
        st.rerun()
    else:
        show(job)


def watch(job: Job) -> None:
    """Progress and curves, drawn anew until both have ended."""
    bar = st.progress(0.0)
    left, right = (column.empty() for column in st.columns(2))
    while True:
        bar.progress(min(job.share, 1.0), job.label())
        losses = {arm: list(values) for arm, values in job.losses.items()}
        if any(losses.values()):
            left.altair_chart(view.loss_chart(losses, job.config.steps), width="stretch")
        evaluations = {arm: list(values) for arm, values in job.evaluations.items()}
        if any(evaluations.values()):
            right.altair_chart(view.iou_chart(evaluations, job.config.steps), width="stretch")
        if job.wait(LOOK_S):
            return


def show(job: Job) -> None:
    """What came of it: first to see, then recorded."""
    try:
        found = job.result()
    except LadderError as error:
        if job.stopped:
            st.info(f"{error.message} Nothing was recorded.")
            st.altair_chart(view.loss_chart(job.losses, job.config.steps), width="stretch")
        else:
            ui.error_box(error)
        return
    numbers = {
        "IoU, full precision": f"{found.full.macro_iou:.3f}",
        "IoU, ternary": f"{found.ternary.macro_iou:.3f}",
        "Ternary": f"{found.census.share:.0%}",
        "Bits a weight": f"{found.census.bits_per_weight:.1f}",
    }
    ui.metric_row(numbers, HELP)
    link = st.empty()
    st.caption(f"{found.config.steps} steps of each, seed {found.config.seed}. {ONE_SEED}")
    left, right = st.columns(2)
    steps = found.config.steps
    left.altair_chart(view.loss_chart(job.losses, steps), width="stretch")
    right.altair_chart(
        view.iou_chart({arm: f.history for arm, f in found.fits.items()}, steps), width="stretch"
    )
    st.caption(found.size())
    if "level5 train_url" not in st.session_state:
        from level5_components.record import record_train

        with link, st.spinner("Recording this run in MLflow …"):
            st.session_state["level5 train_url"] = record_train(found, source="page").url
    with link.container():
        ui.run_link(st.session_state["level5 train_url"])


def finished() -> Comparison | None:
    """The comparison of this visit, once it has ended well."""
    job: Job | None = st.session_state.get("level5 job")
    return job.result() if job and job.wait(0) and not job.failed else None


def main() -> None:
    ui.page(LEVEL)
    tabs = st.tabs(["Weights", "Equation and code", "Check it", "Train it"])
    with tabs[0]:
        weights(finished())
    with tabs[1]:
        code()
    with tabs[2]:
        check()
    with tabs[3]:  # last, as a training that goes on keeps the rest of the page waiting
        train()


main()
