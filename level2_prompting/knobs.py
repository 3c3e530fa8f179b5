"""The knobs of a search, as a plan: what each does in a sentence, and the way back to what was chosen."""

from __future__ import annotations

import streamlit as st

from level2_prompting.plan import CHOSEN, Plan

MOST = 20  # passages in a prompt
STAGES = {
    "dense": "**By meaning** (dense): passages whose vectors are near to the question's.",
    "bm25": "**By words** (BM25): passages with the question's words; a rare word counts more.",
    "rerank": "**Rerank**: the candidates judged again, by their single sentences.",
    "context": "**Headings**: a passage is found with the title and the headings above it.",
}
NUMBERS = {
    "k": ("Passages (k)", "How many the model gets to read."),
    "dense_weight": ("Weight of meaning", "How much the ranking by meaning counts when the two are fused."),
    "bm25_weight": ("Weight of words", "How much the ranking by words counts when the two are fused."),
    "pool": ("Pool", "How many candidates a stage hands to the next."),
    "distinct": (
        "Near-duplicates",
        "Of two passages whose cosine is above it, only the better ranked stays; 1 keeps all.",
    ),
}


def choose_plan() -> Plan:
    """The plan that the knobs say. What is no search cannot be chosen: one of the two rankings stays on."""
    for name in (*STAGES, *NUMBERS):
        st.session_state.setdefault(_key(name), getattr(CHOSEN, name))
    on = {name: st.session_state[_key(name)] for name in STAGES}
    both = on["dense"] and on["bm25"]
    with st.popover("Search" if _is_chosen() else "Search (changed)", icon=":material/tune:"):
        st.caption("How passages are found. It begins with what the development questions chose.")
        for name, label in STAGES.items():
            last = name in ("dense", "bm25") and on[name] and not both  # without it there is no search
            st.toggle(label, key=_key(name), disabled=last, persist_state="session")
        _slider("k", 1, MOST, 1)
        _slider("dense_weight", 0.1, 3.0, 0.1, disabled=not both)
        _slider("bm25_weight", 0.1, 3.0, 0.1, disabled=not both)
        if not both:
            st.caption("Weights count when both rankings are on.")
        _slider("pool", MOST, 200, 10)
        _slider("distinct", 0.8, 1.0, 0.01)
        st.button(
            "Back to the default",
            icon=":material/undo:",
            on_click=reset,
            disabled=_is_chosen(),
            key="level2 knob reset",
        )
    return Plan(**{name: st.session_state[_key(name)] for name in (*STAGES, *NUMBERS)})


def reset() -> None:
    """All knobs as they were chosen."""
    for name in (*STAGES, *NUMBERS):
        st.session_state[_key(name)] = getattr(CHOSEN, name)


def in_words(plan: Plan) -> str:
    """A plan in a line: "by meaning and words, with headings, k 4"; what is as ever goes without saying."""
    found = " and ".join(word for word, on in (("meaning", plan.dense), ("words", plan.bm25)) if on)
    parts = [f"by {found}"]
    if plan.dense and plan.bm25 and plan.dense_weight != plan.bm25_weight:
        parts[0] += f" ({plan.dense_weight:g} to {plan.bm25_weight:g})"
    parts += [word for word, on in (("reranked", plan.rerank), ("with headings", plan.context)) if on]
    parts.append(f"k {plan.k}")
    if plan.pool != CHOSEN.pool:
        parts.append(f"pool {plan.pool}")
    if plan.distinct != CHOSEN.distinct:
        parts.append(f"near-duplicates {plan.distinct:g}")
    return ", ".join(parts)


def _slider(name: str, least: float, most: float, step: float, disabled: bool = False) -> None:
    label, meaning = NUMBERS[name]
    st.slider(
        f"**{label}**: {meaning[0].lower()}{meaning[1:]}", least, most, step=step, key=_key(name),
        disabled=disabled, persist_state="session",
    )  # fmt: skip


def _is_chosen() -> bool:
    return all(st.session_state[_key(name)] == getattr(CHOSEN, name) for name in (*STAGES, *NUMBERS))


def _key(name: str) -> str:
    return f"level2 knob {name}"
