"""The tab "Build" of the page of level 4: a network from blocks, with its shapes and its cost as one builds.

with tab:
    show()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from level4_build import edit, inside_page
from level4_build.declaration import EXAMPLES, LONGEST, Declaration, parse, read
from level4_build.shapes import WrongShape, as_far_as_it_fits, totals
from level4_build.specs import BLOCKS, Spec
from shared import ui
from shared.errors import LadderError
from shared.tables import number

KEY = "level4 build"  # how each key of this tab begins: in the hub all pages share one session
COUNTED = ("parameters", "multiply-adds")
COSTS = {
    "Parameters": "Numbers that it learns.",
    "Multiply-adds": "Of convolutions, matrix products and attention, for one item; the rest is small.",
}


def show() -> None:
    """The whole tab."""
    st.markdown(
        "Choose blocks and see what flows between them, and what each costs, before anything is trained."
    )
    declared = now()
    begin_with()
    rows, wrong = as_far_as_it_fits(declared)
    summary(declared, rows, wrong)
    left, right = st.columns([4, 3], gap="medium")
    with left:
        how = st.segmented_control(
            "Edit as", ["List", "YAML"], default="List", required=True, key=f"{KEY} how",
            persist_state="session", label_visibility="collapsed",
        )  # fmt: skip
        if how == "YAML":
            as_text(declared, wrong)
        else:
            as_list(declared, rows, wrong)
    with right:
        table(declared, rows)
        if wrong is None:
            inside_page.look(declared, rows)


# The declaration at hand -----------------------------------------------------------------------------


def now() -> Declaration:
    """The network that is being built."""
    return st.session_state.setdefault(f"{KEY} declared", read("example:unet"))


def _edit(change: Callable[..., Declaration], *args: Any) -> None:
    """Change it; what cannot be is told on the page, and it stays as it was."""
    try:
        st.session_state[f"{KEY} declared"] = change(now(), *args)
    except LadderError as error:
        st.session_state[f"{KEY} refused"] = error
    st.session_state[f"{KEY} turn"] = _turn() + 1


def _turn() -> int:
    """Counts the changes: each gets widgets of its own, which show what is now and not what was before."""
    return st.session_state.setdefault(f"{KEY} turn", 0)


def begin_with() -> None:
    """An example to begin with."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        names = sorted((file.stem for file in EXAMPLES.glob("*.yaml")), key=lambda name: name != "unet")
        st.selectbox("Example", names, key=f"{KEY} example", width=200, persist_state="session")
        st.button(
            "Begin with it", icon=":material/restart_alt:", key=f"{KEY} begin",
            on_click=_begin, help="What you built is put away.",
        )  # fmt: skip
        st.download_button(
            "Keep as a file", now().as_yaml(), "my-network.yaml", "text/yaml", icon=":material/download:",
            key=f"{KEY} keep", on_click="ignore",
        )  # fmt: skip


def _begin() -> None:
    _edit(lambda _: read(f"example:{st.session_state[f'{KEY} example']}"))


# What it is ------------------------------------------------------------------------------------------


def summary(declared: Declaration, rows: list[dict[str, Any]], wrong: WrongShape | None) -> None:
    """What goes in, what comes out, and the cost of all."""
    cost = totals(rows)
    sizes = {"Parameters": cost["parameters"], "Multiply-adds": cost["multiply_adds"]}
    ui.metric_row({name: number(value, 0) for name, value in sizes.items()}, COSTS)
    end = f"block {wrong.at} does not fit" if wrong else f"out: {rows[-1]['shape']}"
    st.caption(f"In: {declared.input}; {end}.")
    if refused := st.session_state.pop(f"{KEY} refused", None):
        ui.error_box(refused)


def table(declared: Declaration, rows: list[dict[str, Any]]) -> None:
    """Each block with what it gives and what it costs."""
    shown: list[dict[str, Any]] = [
        {"block": "input", "gives": _size(declared.input.shape)} | dict.fromkeys(COUNTED, 0)
    ]
    shown += [
        {
            "block": f"{row['number']} · {row['block']}", "gives": _size(row["gives"]),
            "parameters": row["parameters"], "multiply-adds": row["multiply_adds"],
        }
        for row in rows
    ]  # fmt: skip
    st.dataframe(
        shown, hide_index=True, width="stretch", height=35 * (len(shown) + 1) + 3,
        column_config={name: st.column_config.NumberColumn(format="localized") for name in COUNTED},
    )  # fmt: skip
    st.caption("The same in the terminal, from a file that you keep: `ladder level4 build my-network.yaml`")


def _size(shape: Sequence[int]) -> str:
    return " × ".join(map(str, shape))


# As text ---------------------------------------------------------------------------------------------


def as_text(declared: Declaration, wrong: WrongShape | None) -> None:
    """The declaration as YAML, to be typed in."""
    key = f"{KEY} text {_turn()}"
    st.text_area("Declaration", declared.as_yaml(), height=340, key=key, on_change=_typed, args=(key,))
    st.caption("Ctrl and Enter takes what you typed.")
    if error := st.session_state.get(f"{KEY} unread"):
        ui.error_box(error)
    elif wrong:
        ui.error_box(wrong)


def _typed(key: str) -> None:
    """Take what was typed, if it can be read; else say why, and what was typed stays there."""
    try:
        typed = parse(st.session_state[key], "What you typed")
        typed.named()
        st.session_state[f"{KEY} declared"], st.session_state[f"{KEY} unread"] = typed, None
    except LadderError as error:
        st.session_state[f"{KEY} unread"] = error


# As a list -------------------------------------------------------------------------------------------


def as_list(declared: Declaration, rows: list[dict[str, Any]], wrong: WrongShape | None) -> None:
    """Each block with its settings, and a way to move it; at one that does not fit, why."""
    st.session_state[f"{KEY} unread"] = None
    the_input(declared)
    names = list(declared.named())
    for at, (name, spec) in enumerate(declared.named().items()):
        with st.container(border=True, gap="small"):
            with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
                st.markdown(
                    f"**{at + 1} · {ui.plain(name)}**", width=140, help=(type(spec).__doc__ or "").strip()
                )
                settings(at, spec, names[:at])
                buttons(at, len(names))
            if at < len(rows):
                costs = f"{number(rows[at]['parameters'], 0)} parameters"
                st.caption(f"gives {rows[at]['shape']} · {costs}")
            elif wrong and wrong.at == at + 1:
                ui.error_box(wrong)
            else:
                st.caption("looked at once the blocks before it fit")
    add_one(names)


def the_input(declared: Declaration) -> None:
    """What goes in: its kind and its shape."""
    kinds = list(edit.FIRST)
    with st.container(border=True), st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.markdown("**input**", width=140)
        kind_key, shape_key = f"{KEY} kind {_turn()}", f"{KEY} shape {_turn()}"
        st.selectbox(
            "Kind", kinds, index=kinds.index(declared.input.kind), key=kind_key, width=140,
            on_change=lambda: _feed(kind_key, shape_key),
        )  # fmt: skip
        st.text_input(
            "Shape, without the batch", " ".join(map(str, declared.input.shape)), key=shape_key, width=180,
            on_change=lambda: _feed(kind_key, shape_key),
        )  # fmt: skip


def _feed(kind_key: str, shape_key: str) -> None:
    numbers = _whole_numbers(st.session_state[shape_key])
    _edit(edit.feed, st.session_state[kind_key], numbers)


def settings(at: int, spec: Spec, before: list[str]) -> None:
    """A widget for each setting of a block."""
    limits = type(spec).model_json_schema()["properties"]
    for name, value in spec.settings.items():
        key = f"{KEY} {_turn()} {at} {name}"
        told: dict[str, Any] = {"key": key, "on_change": _changed, "args": (at, name, key)}
        if isinstance(value, bool):
            st.toggle(name, value, **told)
        elif isinstance(value, int):
            low, high = limits[name]["minimum"], limits[name]["maximum"]
            st.number_input(name, low, high, value, limits[name].get("multipleOf", 1), width=130, **told)
        elif isinstance(value, tuple):
            st.text_input(name, " ".join(map(str, value)), width=120, **told)
        else:
            there = limits[name].get("enum") or ["input", *before]
            options = there if value in there else [*there, value]
            st.selectbox(name, options, index=options.index(value), width=130, **told)


def _changed(at: int, name: str, key: str) -> None:
    """Take a setting. Its widget stays, so that one may go on clicking, unless it is refused."""
    value = st.session_state[key]
    if name == "widths":
        value = _whole_numbers(value)
    try:
        st.session_state[f"{KEY} declared"] = edit.change(now(), at, **{name: value})
    except LadderError as error:
        st.session_state[f"{KEY} refused"] = error
        st.session_state[f"{KEY} turn"] = _turn() + 1


def _whole_numbers(text: str) -> tuple[int | str, ...]:
    """From "32 6" to (32, 6); what is no number stays, and is refused with its name later."""
    return tuple(int(part) if part.isdecimal() else part for part in text.replace(",", " ").split())


def buttons(at: int, count: int) -> None:
    """Move a block, or take it away."""
    for icon, what, change, args, off in (
        ("arrow_upward", "Earlier", edit.move, (at, -1), at == 0),
        ("arrow_downward", "Later", edit.move, (at, 1), at == count - 1),
        ("delete", "Remove", edit.remove, (at,), count == 1),
    ):
        st.button(
            "", icon=f":material/{icon}:", help=what, type="tertiary", key=f"{KEY} {what} {at}", disabled=off,
            on_click=_edit, args=(change, *args),
        )  # fmt: skip


def add_one(names: list[str]) -> None:
    """A new block, by default at the end."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        st.selectbox(
            "New block", list(BLOCKS), format_func=lambda kind: f"{kind}: {_about(kind)}", width=380,
            key=f"{KEY} new", persist_state="session",
        )  # fmt: skip
        places = {at: f"before {name}" for at, name in enumerate(names)} | {len(names): "at the end"}
        where = f"{KEY} where {_turn()}"
        st.selectbox(
            "Where", places, index=len(names), format_func=places.__getitem__, width=180,
            key=where,
        )  # fmt: skip
        st.button(
            "Add", icon=":material/add:", key=f"{KEY} add", on_click=_add, args=(where,),
            disabled=len(names) >= LONGEST,
        )  # fmt: skip


def _add(where: str) -> None:
    _edit(edit.add, st.session_state[where], st.session_state[f"{KEY} new"])


def _about(kind: str) -> str:
    """The first sentence on a block."""
    return (BLOCKS[kind].__doc__ or "").strip().partition(".")[0].lower()
