"""An answer as the page of level 2 shows it: proven claims with their sources, or a plain no."""

from __future__ import annotations

import json
from collections.abc import Sequence

import streamlit as st

from level2_prompting import view
from level2_prompting.ask import Answer
from level2_prompting.claims import Claim
from level2_prompting.knobs import in_words
from level2_prompting.tools import Call
from shared import ui


def show_answer(answer: Answer, over: str) -> None:
    """The claims with their proof; what was dropped; who answered, how long it took, what it cost."""
    if answer.abstained:
        st.info(why_not(answer))
    for claim in answer.claims:
        st.markdown(ui.plain(claim.text))
        with st.expander(place(claim), icon=":material/format_quote:"):
            st.html(view.marked(answer.texts[claim.source], claim.start, claim.end))
    if answer.dropped:
        count = len(answer.dropped)
        with st.expander(f"{count} {'claim' if count == 1 else 'claims'} dropped", icon=":material/block:"):
            for one in answer.dropped:
                st.markdown(f"{ui.plain(one.text)}  \n*{ui.plain(one.reason)}*")
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(answer.engine, answer.endpoint)
        parts = [over, *([in_words(answer.found.plan)] if answer.found else []), f"{answer.wall_s:.1f} s"]
        if answer.usage:
            parts.append(f"{answer.usage['total_tokens']:,} tokens")
        st.caption(" · ".join(parts))


def place(claim: Claim) -> str:
    """Where a claim's quote stands: "S1 · report.pdf, page 3 · characters 120 to 180"."""
    page = f", page {claim.page}" if claim.page else ""
    return f"{claim.passage} · {ui.plain(claim.source)}{page} · characters {claim.start:,} to {claim.end:,}"


def why_not(answer: Answer) -> str:
    """In words: there is no answer, and what that means."""
    if answer.withheld:
        return ui.plain(answer.text)
    if answer.dropped:
        return "The model said something, but none of it could be proven from these documents."
    names = dict.fromkeys(ui.plain(p.chunk.source) for p in answer.passages)
    nearest = f" The nearest passages are in {', '.join(names)}." if names else ""
    return f"These documents do not answer this.{nearest}"


def show_calls(calls: Sequence[Call]) -> None:
    """Each tool that was called, with what came of it."""
    for call in calls:
        given = ", ".join(str(value) for value in call.arguments.values())
        label = f"{call.name}({given if len(given) < 80 else given[:80] + ' …'})"
        icon = ":material/build:" if call.ran else ":material/block:"
        with st.expander(f"Called {ui.plain(label)}", icon=icon):
            st.caption("Arguments, then what came back.")
            st.code(json.dumps(dict(call.arguments), ensure_ascii=False), language=None, wrap_lines=True)
            st.code(call.result, language=None, wrap_lines=True)
