"""What is chosen on the page of level 1: a sound, and the settings of a call."""

from __future__ import annotations

import re
from typing import NamedTuple

import streamlit as st

from level1_api import view
from level1_api.audio import SUFFIXES
from level1_api.plan import Options
from level1_api.samples import samples
from shared import ui
from shared.clients import endpoint
from shared.models import Model, catalogue, default_speech_model, shutdown_warning
from shared.settings import CLONE, settings


class Sound(NamedTuple):
    """What to transcribe, what is said in it (empty if unknown), and where code would find it."""

    name: str
    data: bytes
    said: str
    path: str


def choose_sound() -> Sound | None:
    """A sample clip, a file, or what is spoken now."""
    kind = st.segmented_control("Sound", ["Sample", "Upload", "Record"], default="Sample", key="kind")
    if kind == "Sample":
        clip = st.selectbox(
            "Sample clip", samples(), format_func=lambda s: f"{s.title} ({s.kind}, {s.seconds:.0f} s)"
        )
        where = clip.path.relative_to(CLONE).as_posix()
        return Sound(clip.path.name, clip.path.read_bytes(), clip.text, where)
    if kind == "Upload":
        file = st.file_uploader("Audio or video", type=sorted(SUFFIXES), key="upload")
        st.caption(
            "A long file is cut at quiet places and sent in pieces. For one that is too big for this page, "
            "type `ladder level1 transcribe FILE` in the terminal."
        )
    else:
        file = st.audio_input("Speak, then press stop", sample_rate=16000, key="record")
        st.caption("Recording needs a microphone, and this page on localhost or https.")
    said = st.text_input("What is said (optional: gives a word error rate)", key="said")
    return Sound(file.name, file.getvalue(), said, file.name) if file else None


def choose_settings(side: str, headed: bool) -> Options:
    """Model and switches of one call; headed by what they come to where there are two."""
    usable = usable_models()
    preferred = default_speech_model(settings().provider, timestamps=True)
    first = next((i for i, m in enumerate(usable) if m.id == preferred), 0)
    heading = st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            "Model", usable, index=first, key=f"model {side}", width=260,
            format_func=lambda m: f"{m.id} · {endpoint('openai') if m.where == 'api' else 'this machine'}",
        )  # fmt: skip
        language = choose_language(side, model)
        words = st.toggle("Word times", value=True, key=f"words {side}")
        vad = st.toggle(
            "Speech filter", value=True, key=f"vad {side}",
            help="Finds where somebody speaks, and lets the engine hear that alone. Local engines only.",
        )  # fmt: skip
    if model.where == "api":
        st.warning(f"The sound leaves this machine and goes to {endpoint('openai')}; it may cost money.")
    if warning := shutdown_warning(model.id):
        st.warning(warning)
    provider = "openai" if model.where == "api" else "local"
    options = Options(
        model=model.id, provider=provider, language=language, words=words,
        vad=None if provider == "openai" else vad, format="verbose_json" if words else "text",
    )  # fmt: skip
    if headed:
        heading.markdown(f"**{side} · {ui.plain(view.in_words(options))}**")
    return options


def usable_models() -> list[Model]:
    """The speech models that can be asked now."""
    return [m for m in catalogue() if m.kind == "speech" and m.present]


def choose_language(side: str, model: Model) -> str | None:
    """The language to expect; None lets the engine decide, and an engine of one language has no choice."""
    if model.id == "pocketsphinx" or model.id.endswith(".en"):
        st.selectbox(
            "Language", ["English"], key=f"english {side}", width=120, help="This engine knows no other."
        )
        return None
    said = st.text_input(
        "Language", placeholder="guess", max_chars=2, key=f"language {side}", width=120,
        help="An ISO 639-1 code: en, de, fr … Left empty, the engine guesses.",
    )  # fmt: skip
    if said and not re.fullmatch("[A-Za-z]{2}", said):
        st.caption("Not a code of two letters: the engine guesses.")
        return None
    return said or None
