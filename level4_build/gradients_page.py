"""The tab "Gradients" of the page of level 4: one neuron with every gradient on it, and a network of them.

with tab:
    show()
"""

from __future__ import annotations

import base64

import streamlit as st

from level4_build import graph
from level4_build.autograd import Value
from level4_build.job import Perceptron
from level4_build.page_parts import recorded
from level4_build.perceptron import MoonsConfig
from shared import ui
from shared.errors import LadderError

KEY = "level4 gradients"  # how each key of this tab begins: in the hub all pages share one session
LOOK_S = 0.3
NEURON = {"Weight": 0.8, "Input": 1.5, "Bias": -0.4, "Target": -1.0}
MOST = 2.0  # of each of them, and of its negative
RATE = 0.1  # of one step down
READ_IT = """\
Read the numbers from left to right, as they came about, and the gradients from right to left, as they flowed
back: a box's gradient is that of the box on its right, times the slope on the edge between them. A gradient
says how much the loss grows for each bit that the number grows. So **one step down** moves the weight and the
bias a little against theirs, and the loss falls. Input and target are the data: they stay.

Make the weight 2 and the input 2, and look at the slope of tanh: far from 0 it is almost flat, so almost
nothing flows back, and the neuron hardly learns. That is a vanishing gradient.
"""


def show() -> None:
    """The whole tab."""
    st.markdown("A gradient engine in one page of plain Python: `level4_build/autograd.py`.")
    neuron()
    st.divider()
    moons()


# One neuron ------------------------------------------------------------------------------------------


def neuron() -> None:
    """The graph of a neuron's loss, with a slider for each number that goes in."""
    st.subheader("One neuron: (tanh(weight · input + bias) - target)²", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        w, x, b, target = (number(name, value) for name, value in NEURON.items())
        loss = graph.neuron_example(w, x, b, target)
        st.button("One step down", icon=":material/south_east:", key=f"{KEY} down", on_click=_down)
    by = backward(loss)
    drawn = base64.b64encode(graph.svg(loss).encode()).decode()
    st.html(
        '<div style="overflow-x:auto"><img alt="The graph of the loss, with each value and its gradient" '
        f'style="max-width:none" src="data:image/svg+xml;base64,{drawn}"></div>'  # wide: it scrolls in itself
    )
    st.caption(f"Gradients by {by}")
    with st.expander("How to read it", icon=":material/school:"):
        st.markdown(READ_IT)


def number(name: str, first: float) -> float:
    """A slider whose value a step down may move as well."""
    key = f"{KEY} {name}"
    if key not in st.session_state:
        st.session_state[key] = first
    return st.slider(name, -MOST, MOST, step=0.01, key=key, width=165, persist_state="session")


def backward(loss: Value) -> str:
    """Give every value its gradient, by the course's code or by the reader's own; whose it was."""
    own = ui.reference_or_mine("backward")
    if own:
        with ui.trying("backward", own.__file__):
            own.backward(loss)
            return f"your own {ui.plain(str(own.__file__))}"
        for value in loss.order():  # what came of the attempt
            value.grad = 0.0
    loss.backward()
    return "`level4_build/autograd.py`"


def _down() -> None:
    """Move the weight and the bias against their gradients, as far as their sliders go."""
    keys = {name: f"{KEY} {name}" for name in NEURON}
    loss = graph.neuron_example(*(st.session_state[key] for key in keys.values()))
    loss.backward()
    for value in loss.order():
        if value.label in ("weight", "bias"):
            moved = value.data - RATE * value.grad
            st.session_state[keys[value.label.capitalize()]] = round(max(-MOST, min(MOST, moved)), 2)


# A network of them -----------------------------------------------------------------------------------


def moons() -> None:
    """A perceptron of such neurons, trained to tell two half-moons apart."""
    st.subheader("A perceptron on two half-moons", anchor=False)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        hidden = st.slider(
            "Hidden neurons", 1, 24, 12, key=f"{KEY} hidden", width=165, persist_state="session"
        )
        steps = st.slider("Batches", 50, 600, 300, 50, key=f"{KEY} steps", width=165, persist_state="session")
        rates = [0.02, 0.2, 2.0, 20.0]
        lr = st.select_slider(
            "Learning rate", rates, 2.0, key=f"{KEY} lr", width=165, persist_state="session"
        )
        seed = st.number_input("Seed", 0, 999, 0, key=f"{KEY} seed", width=120, persist_state="session")
        job: Perceptron | None = st.session_state.get(f"{KEY} job")
        if st.button(
            "Train the perceptron", type="primary", icon=":material/play_arrow:", key=f"{KEY} train",
            disabled=job is not None and not job.wait(0),
        ):  # fmt: skip
            st.session_state[f"{KEY} job"] = Perceptron(MoonsConfig(steps, lr, hidden=hidden, seed=seed))
            st.rerun()
    if job is None:
        st.caption("With one hidden neuron the border is a straight line. How many does it need to bend?")
    elif not job.wait(0):
        watch(job)
    else:
        trained(job)


@st.fragment(run_every=LOOK_S)
def watch(job: Perceptron) -> None:
    """How far it is."""
    if job.wait(0):
        st.rerun()
    st.progress(job.share, "Training on scalars, each number an object of its own")


def trained(job: Perceptron) -> None:
    """Its boundary and its scores."""
    try:
        fit = job.result()
    except LadderError as error:
        ui.error_box(error)
        return
    numbers = {
        "Trained on": f"{fit.train_accuracy:.1%}",
        "Not trained on": f"{fit.accuracy:.1%}",
        "Values in a batch's graph": f"{fit.nodes:,}",
        "Time": f"{fit.wall_s:.1f} s",
    }
    ui.metric_row(numbers, {"Not trained on": "The share of 200 other points on the right side."})
    st.image(job.picture, width=900)
    recorded(job.recording)
