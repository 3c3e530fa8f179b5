"""A part of the tab "Build" of the page of level 4: the network runs once, and one looks inside.

look(declared, rows)
"""

from __future__ import annotations

from typing import Any

import streamlit as st
import torch

from level4_build.build import Network, build
from level4_build.declaration import Declaration
from level4_build.inside import asks_for, example, look_inside, picture, with_own
from level4_build.page_parts import pictures_row
from level4_build.shapes import totals
from level4_build.view import enlarged
from shared import ui

KEY = "level4 inside"  # how each key of this part begins
MOST = {"parameters": 20_000_000, "multiply_adds": 2_000_000_000}  # that a page computes at once
WIDTH = 125  # pixels, of each picture


def look(declared: Declaration, rows: list[dict[str, Any]]) -> None:
    """A switch, and below it what each block gives for one item, with the first weights.

    Args:
        rows: of `shapes.describe`, all of which fit.
    """
    if not st.toggle("Run it once and look inside", key=f"{KEY} on", persist_state="session"):
        return
    if any(totals(rows)[name] > most for name, most in MOST.items()):
        st.caption("It is too large to be run here at once: make it narrower, or its input smaller.")
        return
    network, x = _network(declared), example(declared)
    gives = look_inside(network, x)
    if own := own_code(asks_for(network)):
        with ui.trying(", ".join(own), " and ".join(str(module.__file__) for module in own.values())):
            mine = look_inside(with_own(_network(declared), **functions(own)), x)
            last = list(gives)[-1]
            off = float((mine[last] - gives[last]).abs().max())
            st.caption(
                f"With your own {ui.plain(' and '.join(own))}: at the end at most {off:.1g} from ours."
            )
            gives = mine
    pictures_row({name: enlarged(picture(each)) for name, each in gives.items()}, WIDTH)
    st.caption(
        "Black is the lowest number of a block and white its highest. Of a picture the mean over its "
        "channels is shown; tokens are rows. These are the first weights: nothing has been learnt yet."
    )


def own_code(names: set[str]) -> dict[str, Any]:
    """The learner's modules for these exercises, where "mine" is chosen."""
    chosen = {name: ui.reference_or_mine(name) for name in sorted(names)}
    return {name: module for name, module in chosen.items() if module}


def functions(own: dict[str, Any]) -> dict[str, Any]:
    """What `with_own` takes, from the learner's modules."""
    found = {}
    if "attention" in own:
        found["attend"] = own["attention"].attention
    if "skip" in own:
        found["join"] = own["skip"].join
    return found


def _network(declared: Declaration) -> Network:
    """With the first weights, the same each time."""
    return build(declared, torch.Generator().manual_seed(0)).eval()
