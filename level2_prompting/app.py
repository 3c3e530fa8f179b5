"""The page of level 2: ask documents and open the proof of every claim; compare versions of a prompt.

streamlit run level2_prompting/app.py
"""

from __future__ import annotations

import streamlit as st

from level2_prompting import LEVEL, chat_page, lab_page
from shared import ui


def main() -> None:
    ui.page(LEVEL)
    ask, lab = st.tabs(["Ask", "Prompt lab"], key="tab", on_change="rerun")
    with lab:
        lab_page.show()
    with ask:  # last: while an answer is on its way, the other tabs are there
        chat_page.show(live=bool(ask.open))


main()
