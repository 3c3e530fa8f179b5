"""The page of level 4: watch a network learn, use it, build one, and see what is below it and before it.

streamlit run level4_build/app.py
"""

from __future__ import annotations

from importlib import import_module

import streamlit as st

from level4_build import LEVEL
from shared import ui

TABS = {
    "Train": "train_page",
    "Use it": "use_page",
    "Build": "build_page",
    "Gradients": "gradients_page",
    "Baselines": "baselines_page",
}


def main() -> None:
    ui.page(LEVEL)
    for tab, module in zip(
        st.tabs(list(TABS), key="level4 tab", on_change="rerun"), TABS.values(), strict=True
    ):
        if tab.open:  # what is not looked at is not computed, and its libraries are not even loaded
            with tab:
                with st.spinner("Loading …"):
                    page = import_module(f"level4_build.{module}")
                page.show()


main()
