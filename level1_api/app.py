"""The page of level 1: choose or record sound, read it as text, hear it, and see what an API hides.

streamlit run level1_api/app.py
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from level1_api import LEVEL, view
from level1_api.audio import read
from level1_api.chunks import Piece, encode
from level1_api.controls import Sound, choose_settings, choose_sound, usable_models
from level1_api.job import Job
from level1_api.plan import Options
from level1_api.score import Score, alignment, score
from level1_api.transcribe import Result, snippet
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError

LOOK_S = 0.5  # how often the page looks how far a job is
HELP = {
    "Word error rate": "Words substituted, left out or invented, divided by the words that were said. "
    "0 % is perfect, lower is better, and more than 100 % is possible.",
    "Real-time factor": "Seconds of work for each second of sound. Lower is faster; under 1 is faster than "
    "listening.",
    "Estimated cost": "The minutes sent, times the price in shared/models.py.",
}


def ask(sound: Sound, options: Options) -> Result:
    """Transcribe once for the same sound and settings; what was asked before is shown again."""
    jobs: dict[str, Job] = st.session_state.setdefault("jobs", {})
    key = key_of(sound, options)
    if key not in jobs:
        jobs[key] = Job(sound.name, sound.data, options)
    watch(jobs[key])
    return jobs[key].result()


def watch(job: Job) -> None:
    """A box that tells what happens while a job is at work, and is gone afterwards."""
    if job.wait(0):
        return
    place = st.empty()
    box = place.status(ui.plain(job.label()), expanded=True)
    notes, bar = box.empty(), box.empty()
    while not job.wait(LOOK_S):
        box.update(label=ui.plain(job.label()))
        if job.told:
            notes.text("\n".join(job.told))
        if job.pieces:  # one piece comes back at once: there would be nothing to show on the way
            bar.progress(job.share)
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
    ui.metric_row(numbers, HELP)
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
        st.caption(where_to_run(sound, result))
        st.code(snippet(options, sound.path, result.endpoint), language="python")
    return link


def where_to_run(sound: Sound, result: Result) -> str:
    """What the code of a call needs around it."""
    place = (
        "the folder of this project" if sound.path != sound.name else f"the folder of {ui.plain(sound.name)}"
    )
    needs = "It needs `pip install openai`"
    if result.provider == "local":
        needs += ", and `ladder up` or `ladder serve` running"
    return f"This very call. Run it in {place}. {needs}."


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
    st.html(view.misheard_key())
    if interval := scored.interval:
        st.caption(
            f"95 % interval of the word error rate: {interval.low:.1%} to {interval.high:.1%} "
            f"(over {interval.unit}). Of {scored.words} words {scored.substitutions} substituted, "
            f"{scored.deletions} left out, {scored.insertions} invented.",
            help="How far chance goes: with other words of this kind the rate would lie in this range "
            "95 times of 100. A short clip has a wide one.",
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
    if chosen[1:] == chosen[:1]:
        st.info("Both settings are the same. Change one of them to compare.")
        chosen = chosen[:1]
    st.subheader(ui.plain(sound.name), anchor=False)
    shown = []
    for side, column, options in zip("AB", st.columns(len(chosen)), chosen, strict=False):
        with column:
            if chosen[1:]:
                st.markdown(f"**{side} · {ui.plain(view.in_words(options))}**")
            try:
                result = ask(sound, options)
                shown.append((show(sound, options, result), options, result))
            except LadderError as error:
                ui.error_box(error)
    for link, options, result in shown:
        with link.container():
            ui.run_link(recorded(sound, options, result))


def changed(asked: tuple[Sound, list[Options]], now: tuple[Sound | None, list[Options]]) -> str | None:
    """One line if what is shown is not what is chosen above, else None."""
    (shown, before), (wanted, after) = asked, now
    if wanted is None or (shown, before) == (wanted, after):
        return None
    if shown.data != wanted.data:
        return f"This is {ui.plain(shown.name)}. Press Transcribe for {ui.plain(wanted.name)}."
    return f"This is {ui.plain(shown.name)} with what was chosen before. Press Transcribe for the new choice."


def main() -> None:
    ui.page(LEVEL)
    sound = choose_sound()
    two = bool(st.session_state.get("two"))
    chosen = [choose_settings("A", headed=two)]
    if st.toggle("Side by side with another setting or engine", key="two"):
        chosen.append(choose_settings("B", headed=True))
        if len(usable_models()) == 1:
            st.caption("There is one engine here. `ladder models pull whisper-small` brings another.")
    if st.button("Transcribe", type="primary", icon=":material/graphic_eq:", disabled=sound is None):
        st.session_state["asked"] = (sound, chosen)
        jobs: dict[str, Job] = st.session_state.get("jobs", {})
        st.session_state["jobs"] = {key: job for key, job in jobs.items() if not job.failed}
    if asked := st.session_state.get("asked"):
        st.divider()
        if line := changed(asked, (sound, chosen)):
            st.info(line)
        answer(*asked)


main()
