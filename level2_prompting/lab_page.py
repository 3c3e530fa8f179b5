"""The second tab of the page of level 2: choose versions of a prompt, try them on the same items, and read
whether they differ.

    with tab:
        show()

It is a fragment: what is clicked here leaves the other tabs alone, and an answer that streams there goes on.
"""

from __future__ import annotations

import json

import streamlit as st

from level2_prompting import lab_view as view
from level2_prompting.engine import follows_instructions
from level2_prompting.lab_items import Item, items
from level2_prompting.lab_job import LabJob, Setup
from level2_prompting.lab_result import COLUMNS, asked_and_expected, came_of
from level2_prompting.lab_view import KEY
from level2_prompting.prompt_files import names, read, versions
from level2_prompting.prompt_registry import ALIAS
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError
from shared.models import catalogue, default_chat_model, shutdown_warning
from shared.settings import settings

FEW = 12  # items to begin with: enough to see how it works, too few to tell small differences
BRING_ONE = """\
# a small one for this machine (1 GB); reload this page afterwards
ladder models pull qwen2.5-0.5b-instruct

# or lines in .env, which the next start of this page reads: the folder of an instruct model that you have
LADDER_CHAT_FOLDERS=path/to/NAME

# or OpenAI
OPENAI_API_KEY=…

# or any server that speaks its language, such as Ollama
OPENAI_API_KEY=any
OPENAI_BASE_URL=http://127.0.0.1:11434/v1
LADDER_PROVIDER=openai
LADDER_CHAT_MODEL=its-model
"""


@st.fragment
def show() -> None:
    """The whole tab."""
    st.markdown("Versions of a prompt on the same items, and a test of whether they really differ.")
    name = st.segmented_control("Prompt", names(), default=names()[0], required=True, key=f"{KEY} prompt")
    try:
        known, there = versions(name), items(name)
        versions_of(name, known)
        look_at(there)
        if setup := choose(name, known, there):
            start(setup)
        if job := st.session_state.get(f"{KEY} job"):
            st.divider()
            came_of(job, setup)
        st.divider()
        in_production(name, known)
    except LadderError as error:
        ui.error_box(error)


# What there is ---------------------------------------------------------------------------------------


def versions_of(name: str, known: list[str]) -> None:
    """The files side by side, or what changed in each since the version before."""
    with st.expander(f"The versions of {ui.plain(name)}", icon=":material/description:", expanded=True):
        how = st.segmented_control(
            "Show", ["As they are", "What changed"], default="As they are", required=True,
            key=f"{KEY} how", label_visibility="collapsed",
        )  # fmt: skip
        columns = st.columns(min(len(known), COLUMNS))
        for number, version in enumerate(known):
            with columns[number % COLUMNS]:
                changed = view.changes(name, version) if how == "What changed" else ""
                st.markdown(f"**{version}**" + (" · against the version before" if changed else ""))
                language = "diff" if changed else "markdown"
                st.code(changed or view.text(name, version), language, wrap_lines=True, height=320)


def look_at(there: list[Item]) -> None:
    """One item: what goes into the prompt, and what is expected."""
    with st.expander(f"What an item looks like ({len(there)} of them)", icon=":material/fact_check:"):
        item = st.selectbox("Item", there, format_func=lambda item: item.id, key=f"{KEY} item {there[0].id}")
        asked_and_expected(item)


# What to compare -------------------------------------------------------------------------------------


def engines() -> list[tuple[str, str]]:
    """Who can be asked: provider and model of each that follows instructions and can be used now."""
    own = settings()
    chat = [model for model in catalogue() if model.kind == "chat" and model.present]
    found = [("local", m.id) for m in chat if m.where != "api" and follows_instructions("local", m.id)]
    if own.openai_api_key is None:
        return found
    named = own.provider == "openai" and own.chat_model
    return found + [
        ("openai", each) for each in ([named] if named else [m.id for m in chat if m.where == "api"])
    ]


def choose(name: str, known: list[str], there: list[Item]) -> Setup | None:
    """Versions, engine, items, temperature; None while something is missing."""
    usable = engines()
    if not usable:
        st.info(
            "The engine in the box, the reader, follows no instructions: with every prompt it would answer "
            "the same. To compare prompts, bring one that does, in one of these ways:"
        )
        st.code(BRING_ONE, language="bash", wrap_lines=True)
        return None
    preferred = (settings().provider, default_chat_model(settings().provider))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        variants = st.multiselect(
            "Compare", [*known, ALIAS], default=known, key=f"{KEY} variants {name}", width=320
        )
        provider, model = st.selectbox(
            "Engine", usable, index=usable.index(preferred) if preferred in usable else 0,
            key=f"{KEY} engine", width=320, format_func=lambda one: f"{one[1]} · {endpoint(one[0])}",
            help="Those that follow instructions. The reader in the box does not.",
        )  # fmt: skip
        count = st.number_input(
            "Items", 2, len(there), min(FEW, len(there)), key=f"{KEY} items {name}", width=140,
            help="From the first on. With more of them, smaller differences can be told from chance.",
        )  # fmt: skip
        temperature = st.number_input(
            "Temperature", 0.0, 2.0, None, 0.1, key=f"{KEY} temperature", width=200,
            placeholder="engine's own", help="0: always the likeliest word. Empty: as the engine likes.",
        )  # fmt: skip
    if not variants:
        st.caption("Choose a version to try, or two to compare.")
        return None
    setup = Setup(name, tuple(variants), count, provider, model, temperature)
    where = endpoint(provider)
    if not where.startswith("this machine"):
        st.warning(f"{setup.answers} prompts with their items go to {ui.plain(where)}; it may cost money.")
    if warning := shutdown_warning(model):
        st.warning(ui.plain(warning))
    if len(variants) > 1:
        st.caption(f"All are compared with {variants[0]}, which was chosen first.")
    return setup


def start(setup: Setup) -> None:
    """The button that begins a comparison; one at a time."""
    job: LabJob | None = st.session_state.get(f"{KEY} job")
    label = "Compare" if len(setup.variants) > 1 else "Try"
    st.button(
        f"{label} ({setup.answers} answers)", type="primary", icon=":material/science:", key=f"{KEY} go",
        disabled=job is not None and not job.wait(0), on_click=_begin, args=(setup,),
    )  # fmt: skip


def _begin(setup: Setup) -> None:
    st.session_state[f"{KEY} job"] = LabJob(setup)
    st.session_state.pop(f"{KEY} url", None)


# Production ------------------------------------------------------------------------------------------


def in_production(name: str, known: list[str]) -> None:
    """Which version code gets that asks for the one in production, and a button to change it."""
    told: dict[str, str] = st.session_state.setdefault(f"{KEY} production", {})
    st.markdown(
        f"**In production.** The registry's alias `production` names the version that "
        f"`production({json.dumps(name)})` gives to a program: it changes here, without a release."
    )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        version = st.selectbox("Version", known, index=len(known) - 1, key=f"{KEY} promote {name}", width=140)
        if st.button("Put into production", icon=":material/publish:", key=f"{KEY} publish"):
            told[name] = promoted(name, version)
        asked = st.button("Which one is?", key=f"{KEY} which")
        compared = f"{KEY} url" in st.session_state  # then MLflow is loaded, and nobody has to wait for it
        if asked or (compared and name not in told):
            told[name] = standing(name)
    if name in told:
        st.caption(ui.plain(told[name]))


def promoted(name: str, version: str) -> str:
    """Point the alias at a version; a sentence that says so."""
    from level2_prompting.prompt_registry import promote

    with st.spinner("Asking the prompt registry …"):
        return f"In production: {version}, which the registry calls {promote(name, version).uri}"


def standing(name: str) -> str:
    """A sentence on what is in production now: a version, a text that no file has any more, or nothing."""
    from level2_prompting.prompt_registry import production

    complaints: list[str] = []
    with st.spinner("Asking the prompt registry …"):
        try:
            found = production(name, complaints.append)
        except LadderError as error:
            return error.message
    if complaints:
        return complaints[0]
    files = [read(name, version) for version in versions(name)]
    same = [file.version for file in files if (file.system, file.asked) == (found.system, found.asked)]
    return f"In production: {same[-1] if same else 'a text that no file has any more'}"
