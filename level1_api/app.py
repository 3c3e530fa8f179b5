"""The page of level 1: choose or record sound, read it as text, hear it, and see what an API hides.

streamlit run level1_api/app.py
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import NamedTuple

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from level1_api import LEVEL, view
from level1_api.audio import read
from level1_api.chunks import Piece, encode
from level1_api.plan import Options
from level1_api.samples import samples
from level1_api.score import Score, alignment, score
from level1_api.transcribe import Result, snippet, transcribe
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError
from shared.models import catalogue, default_speech_model, shutdown_warning
from shared.settings import settings

SOUNDS = ["wav", "mp3", "m4a", "ogg", "opus", "flac", "webm", "mp4", "mov", "mkv"]


class Sound(NamedTuple):
    """What to transcribe, and what is said in it (empty if unknown)."""

    name: str
    data: bytes
    said: str


def choose_sound() -> Sound | None:
    """A sample clip, a file, or what is spoken now."""
    kind = st.segmented_control("Sound", ["Sample", "Upload", "Record"], default="Sample", key="kind")
    if kind == "Sample":
        clip = st.selectbox(
            "Sample clip", samples(), format_func=lambda s: f"{s.title} ({s.kind}, {s.seconds:.0f} s)"
        )
        return Sound(clip.path.name, clip.path.read_bytes(), clip.text)
    if kind == "Upload":
        file = st.file_uploader("Audio or video", type=SOUNDS, key="upload")
    else:
        file = st.audio_input("Speak, then press stop", sample_rate=16000, key="record")
    said = st.text_input("What is said (optional: gives a word error rate)", key="said")
    return Sound(file.name, file.getvalue(), said) if file else None


def choose_settings(side: str) -> Options:
    """Model and switches of one call."""
    usable = [m for m in catalogue() if m.kind == "speech" and m.present]
    preferred = default_speech_model(settings().provider, timestamps=True)
    first = next((i for i, m in enumerate(usable) if m.id == preferred), 0)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox(
            "Model", usable, index=first, key=f"model {side}", width=260,
            format_func=lambda m: f"{m.id} · {endpoint('openai') if m.where == 'api' else 'this machine'}",
        )  # fmt: skip
        language = st.text_input(
            "Language", placeholder="guess", max_chars=2, key=f"language {side}", width=90
        )
        words = st.toggle("Word times", value=True, key=f"words {side}")
        vad = st.toggle("Skip what is not speech", value=True, key=f"vad {side}")
    if model.where == "api":
        st.warning(f"The sound leaves this machine and goes to {endpoint('openai')}; it may cost money.")
    if warning := shutdown_warning(model.id):
        st.warning(warning)
    provider = "openai" if model.where == "api" else "local"
    return Options(
        model=model.id, provider=provider, language=language or None, words=words,
        vad=None if provider == "openai" else vad, format="verbose_json" if words else "text",
    )  # fmt: skip


def ask(sound: Sound, options: Options) -> Result:
    """Transcribe once for the same sound and settings; what was asked before is shown again."""
    results: dict[str, Result] = st.session_state.setdefault("results", {})
    key = key_of(sound, options)
    if key not in results:
        with transient(f"Listening to {ui.plain(sound.name)} …"):
            bar = st.progress(0.0)

            def advance(share: float) -> None:
                bar.progress(min(share, 1.0))

            def say(sentence: str) -> None:
                st.text(sentence)

            results[key] = transcribe(sound.data, options, name=sound.name, say=say, on_progress=advance)
    return results[key]


@contextmanager
def transient(label: str) -> Iterator[None]:
    """A box that tells what happens now, and is gone afterwards."""
    place = st.empty()
    try:
        with place.status(label, expanded=True):
            yield
    finally:
        place.empty()


def key_of(sound: Sound, options: Options) -> str:
    """What was asked: the same sound with the same settings has the same key, whatever its name."""
    return hashlib.sha256(sound.data + repr(sorted(asdict(options).items())).encode()).hexdigest()


def show(sound: Sound, options: Options, result: Result) -> DeltaGenerator:
    """One result: numbers, the transcript to read and to hear, and everything behind it.

    Returns:
        the place where the link to its run belongs.
    """
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.engine_badge(result.engine, endpoint(result.provider))
        if result.engine == "pocketsphinx":
            st.caption("Small and offline. A better one: `ladder models pull whisper-small`")
    for note in result.notes:
        st.info(ui.plain(note))
    scored = score(sound.said, result.transcript.text) if sound.said.strip() else None
    numbers = {"Sound": f"{result.audio_s:.1f} s", "Real-time factor": f"{result.rtf:.2f}"}
    if scored and scored.wer is not None:
        numbers = {"Word error rate": f"{scored.wer:.1%}", **numbers}
    if result.cost_usd:
        numbers["Estimated cost"] = f"${result.cost_usd:.4f}"
    ui.metric_row(numbers)
    link = st.empty()
    key = key_of(sound, options)

    text, hear, heard, files, raw, code = st.tabs(
        ["Transcript", "Listen", "Misheard", "Subtitles", "Answer", "Code"]
    )
    with text:
        if result.transcript.words:
            st.html(view.coloured(result.transcript.words))
            st.html(view.legend())
        else:
            st.text(result.transcript.text or "Nobody speaks here.")
    with hear:
        listen(key, sound.data, result)
    with heard:
        if scored is None:
            st.caption("Say what is said, above, to see what was misheard.")
        else:
            misheard(sound.said, result, scored)
    with files:
        subtitles(key, sound.name, result)
    with raw:
        st.caption("The JSON as the API gave it.")
        st.json(result.answers[0] if len(result.answers) == 1 else result.answers)
    with code:
        st.caption("This very call, for anywhere: `pip install openai`.")
        st.code(snippet(options, sound.name, result.endpoint), language="python")
    return link


@st.fragment
def listen(key: str, data: bytes, result: Result) -> None:
    """The player, and a button for each phrase that plays just that."""
    st.audio(data)
    place = f"hear {key}"
    for number, phrase in enumerate(view.phrases(result.transcript)):
        with st.container(horizontal=True, vertical_alignment="center"):
            if st.button(view.clock(phrase.start), key=f"{place} {number}", icon=":material/play_arrow:"):
                st.session_state[place] = number
            st.html(view.coloured(phrase.words), width="stretch")
        if st.session_state.get(place) == number:
            ((_, clip),) = encode(read(data), [Piece(phrase.start, phrase.end)])
            st.audio(clip, format="audio/flac", autoplay=True)


def misheard(said: str, result: Result, scored: Score) -> None:
    """What was said, with what was heard instead, and how sure the word error rate is."""
    st.html(view.misheard(alignment(said, result.transcript.text)))
    if interval := scored.interval:
        st.caption(
            f"95 % interval of the word error rate: {interval.low:.1%} to {interval.high:.1%} "
            f"(over {interval.unit}). Of {scored.words} words {scored.substitutions} substituted, "
            f"{scored.deletions} left out, {scored.insertions} invented."
        )


def subtitles(key: str, name: str, result: Result) -> None:
    """Subtitles to look at and to keep."""
    if not result.transcript.segments:
        st.caption("Nothing is said, or this model gives no times: there are no subtitles.")
        return
    stem = name.rsplit(".", 1)[0]
    with st.container(horizontal=True):
        for kind in ("srt", "vtt"):
            st.download_button(
                f"{stem}.{kind}", result.render(kind), f"{stem}.{kind}", icon=":material/download:",
                key=f"{kind} {key}", on_click="ignore",
            )  # fmt: skip
        whole = json.dumps(result.transcript.model_dump(exclude_none=True), indent=1, ensure_ascii=False)
        st.download_button(
            f"{stem}.json", whole, f"{stem}.json", icon=":material/download:", key=f"json {key}",
            on_click="ignore",
        )  # fmt: skip
    st.code(result.render("srt"), language=None, height=320)


def recorded(sound: Sound, options: Options, result: Result) -> str | None:
    """The link to the run of this result, recorded once."""
    from level1_api.record import record

    urls: dict[str, str | None] = st.session_state.setdefault("urls", {})
    key = f"{key_of(sound, options)} {sound.said}"
    if key not in urls:
        with st.spinner("Recording this run in MLflow …"):
            scored = score(sound.said, result.transcript.text) if sound.said.strip() else None
            urls[key] = record(result, options, scored, source="page").url
    return urls[key]


def answer(sound: Sound, chosen: list[Options]) -> None:
    """Show what each setting hears, then record it: nobody waits for the bookkeeping."""
    st.divider()
    if chosen[1:] == chosen[:1]:
        st.info("Both settings are the same. Change one of them to compare.")
        chosen = chosen[:1]
    shown = []
    for column, options in zip(st.columns(len(chosen)), chosen, strict=True):
        with column:
            try:
                result = ask(sound, options)
                shown.append((show(sound, options, result), options, result))
            except LadderError as error:
                ui.error_box(error)
    for link, options, result in shown:
        with link.container():
            ui.run_link(recorded(sound, options, result))


def main() -> None:
    ui.page(LEVEL)
    sound = choose_sound()
    chosen = [choose_settings("A")]
    if st.toggle("Side by side with another engine or setting", key="two"):
        chosen.append(choose_settings("B"))
    if st.button("Transcribe", type="primary", icon=":material/graphic_eq:", disabled=sound is None):
        st.session_state["asked"] = (sound, chosen)
    if "asked" in st.session_state:
        answer(*st.session_state["asked"])


main()
