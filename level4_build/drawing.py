"""A scene of one's own on the page of level 4, shape by shape.

drawn = drawing(size=64)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from level4_build.scenes import KINDS, Scene, Shape, draw

KEY = "level4 drawing"  # how each key begins: in the hub all pages share one session


def drawing(size: int) -> Scene:
    """The shapes that are kept, and over them the one at hand, on `size` by `size` pixels."""
    kept: list[Shape] = st.session_state.setdefault(f"{KEY} kept", [])
    more: dict[str, Any] = {"persist_state": "session"}  # another tab may be looked at in between
    wide = more | {"width": 160}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        kind = st.selectbox("Shape", KINDS, key=f"{KEY} kind", width=140, **more)
        x = st.slider("From the left", 0.0, 1.0, 0.5, 0.02, key=f"{KEY} x", **wide)
        y = st.slider("From the top", 0.0, 1.0, 0.5, 0.02, key=f"{KEY} y", **wide)
        radius = st.slider("Size", 0.05, 0.4, 0.2, 0.01, key=f"{KEY} size", **wide)
        angle = st.slider("Turned", -180, 180, 0, 5, key=f"{KEY} angle", format="%d°", **wide)
        stripes = st.slider("Stripes", 0, 8, 0, key=f"{KEY} stripes", **wide)
        colour = st.color_picker("Colour", "#e8d44d", key=f"{KEY} colour", **more)
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    at_hand = Shape(kind, x, y, radius, math.radians(angle), (red, green, blue), float(stripes))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if st.button("Keep this shape", icon=":material/add:", key=f"{KEY} keep"):
            kept.append(at_hand)
        if st.button("Remove the last", icon=":material/undo:", key=f"{KEY} undo", disabled=not kept):
            kept.pop()
        ground = st.slider("Background", 0, 99, 0, key=f"{KEY} ground", width=200, **more)
    st.caption(f"{len(kept)} kept, and the one at hand on top.")
    return draw([*kept, at_hand], size, np.random.default_rng(ground))
