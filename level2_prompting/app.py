"""The page of level 2: ask documents and open the proof of every claim; compare prompts; measure.

streamlit run level2_prompting/app.py
"""

from __future__ import annotations

import streamlit as st

from level2_prompting import LEVEL, chat_page, evaluation_page, lab_page
from shared import ui


def main() -> None:
    ui.page(LEVEL)
    names = ["Ask", "Prompt lab", "Evaluation"]
    ask, lab, evaluation = st.tabs(names, key="level2 tab", on_change="rerun")
    with lab:
        lab_page.show()
    with evaluation:
        evaluation_page.show()
    with ask:  # last: while an answer is on its way, the other tabs are there
        chat_page.show(live=bool(ask.open))


main()
