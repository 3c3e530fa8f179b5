"""What is chosen on the page of level 2: the documents, and who answers."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from level2_prompting.chat_job import Opening
from level2_prompting.documents import SUFFIXES, Document, document
from level2_prompting.engine import follows_instructions
from level2_prompting.index import Index
from level2_prompting.library import bundled, frozen, own
from level2_prompting.tools import check_calls_tools
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError
from shared.settings import settings

FILE_MB = 20  # of one file: a PDF is mostly pictures
MOST_TEXT = 2_000_000  # characters of all files; more than that is for the command
LOOK_S = 0.5  # how often the page looks how far an index is
READER = (
    "The reader answers: it writes nothing of its own, it finds the sentences that answer and quotes them."
)


@dataclass(frozen=True)
class Corpus:
    """Documents that come with this level or were indexed: what they are, and questions to begin with."""

    open: Callable[[Opening], Index]
    about: str
    examples: tuple[str, ...] = ()


CORPORA = {
    "The ten articles": Corpus(
        lambda opening: bundled(opening.say, opening.advance),
        "Ten short articles on working with AI, written for this level.",
        (
            "Does doubling a vector change its score?",
            "Why do language models fail to count the letters in a word?",
            "What does it cost to rent a GPU?",
        ),
    ),
    "84 articles on AI engineering": Corpus(
        lambda opening: frozen(opening.say, opening.advance),
        "The frozen corpus, a glossary with near neighbours: what this level is measured with.",
        (
            "Why is the backward pass twice as expensive as the forward pass?",
            "How can I see whether my gradients vanish or explode?",
            "How is a vector deleted from an HNSW graph?",
        ),
    ),
    "My index": Corpus(lambda opening: own(), "What `ladder level2 index` made."),
}
UPLOAD = "Upload"


@dataclass(frozen=True)
class Choice:
    """The documents that are asked; `opening` is None while there are none."""

    name: str
    opening: Opening | None
    examples: tuple[str, ...] = ()


def choose_documents() -> Choice:
    """What to ask. Its index is opened, or made, while the page goes on."""
    kinds = [kind for kind in CORPORA if kind != "My index" or _has_own()]
    kind = st.segmented_control(
        "Documents",
        [*kinds, UPLOAD],
        default=kinds[0],
        required=True,
        key="level2 documents",
        persist_state="session",
    )
    if kind == UPLOAD:
        return Choice(kind, _uploaded())
    st.caption(_about_own() if kind == "My index" else CORPORA[kind].about)
    return Choice(kind, _opened(kind), CORPORA[kind].examples)


def how_far(opening: Opening) -> bool:
    """Shows what is wrong with an index, or how far it is; whether questions may be asked."""
    if opening.wait(0) and opening.refused:
        count = len(opening.refused)
        with st.expander(
            f"{count} of your files {'is' if count == 1 else 'are'} left out",
            icon=":material/block:",
            expanded=count < 3,
        ):
            for reason in opening.refused:
                st.warning(ui.plain(reason))
    if opening.wait(0) and opening.made and not opening.failed:
        st.success(ui.plain(opening.made), icon=":material/check:")
    if not opening.wait(0):
        _watch(opening)
    elif opening.failed:
        try:
            opening.result()
        except LadderError as error:
            ui.error_box(error)
        if st.button("Try again", icon=":material/refresh:"):
            _opened.clear()
            st.session_state.pop("level2 upload opening", None)
            st.rerun()
        return False
    return True


def choose_provider() -> str:
    """Who answers. There is a choice only where a key is set."""
    if settings().openai_api_key is None:
        return "local"
    names = {"local": "this machine", "openai": endpoint("openai")}
    picked = st.segmented_control(
        "Answered by", list(names), default=settings().provider, format_func=names.__getitem__,
        required=True, key="level2 provider", persist_state="session",
    )  # fmt: skip
    return picked


def choose_tools(provider: str) -> bool:
    """Whether the engine may call tools. Where it is known to call none, the switch says why."""
    reason = ""
    try:
        check_calls_tools(provider)
    except LadderError as error:
        reason = error.message
    on = st.toggle(
        "Tools: calculator and search", key="level2 tools", disabled=bool(reason), persist_state="session",
        help=reason or "The engine decides what to look up and what to calculate; each call is shown.",
    )  # fmt: skip
    return on and not reason


def about_the_engine(provider: str) -> None:
    """What one has to know: that the reader only quotes, or that what is asked leaves this machine."""
    place = endpoint(provider)
    if not follows_instructions(provider):
        st.caption(READER)
    if not place.startswith("this machine"):
        st.warning(f"Question and passages go to {ui.plain(place)}; it may cost money.")


def _has_own() -> bool:
    try:
        return own().manifest() is not None
    except LadderError:  # it cannot be read; asked, it says so
        return True


def _about_own() -> str:
    try:
        manifest = own().manifest()
    except LadderError as error:
        return ui.plain(error.message)
    names = list(manifest.documents) if manifest else []
    more = f" and {len(names) - 8} more" if names[8:] else ""
    return f"From `ladder level2 index`: {ui.plain(', '.join(names[:8]))}{more}"


@st.cache_resource(show_spinner=False)
def _opened(kind: str) -> Opening:
    """One for all visitors: an index is made once."""
    return Opening(CORPORA[kind].open)


@st.fragment(run_every=LOOK_S)
def _watch(opening: Opening) -> None:
    """How far an index is. It leaves the page alone, and draws it anew at the end."""
    if opening.wait(0):
        st.rerun()
    st.progress(opening.share, ui.plain(opening.label))


def _uploaded() -> Opening | None:
    """An index of the uploaded files, for this visit alone: it is gone when the page is closed."""
    files = st.file_uploader(
        "Markdown, text, HTML or PDF",
        type=sorted(s.lstrip(".") for s in SUFFIXES), accept_multiple_files=True,
        key="level2 upload", max_upload_size=FILE_MB,
    )  # fmt: skip
    st.caption("Files stay on this machine. For whole folders: `ladder level2 index FOLDER`")
    if not files:
        return None
    names = [file.file_id for file in files]
    known: tuple[list[str], Opening] | None = st.session_state.get("level2 upload opening")
    if known is None or known[0] != names:
        if "level2 upload index" not in st.session_state:
            folder = tempfile.TemporaryDirectory(prefix="ladder-upload-", ignore_cleanup_errors=True)
            st.session_state["level2 upload folder"] = folder  # removed with the session
            st.session_state["level2 upload index"] = Index(Path(folder.name), provider="local")
        work = partial(_build, st.session_state["level2 upload index"], list(files))
        known = st.session_state["level2 upload opening"] = (names, Opening(work))
    return known[1]


def _build(index: Index, files: list[UploadedFile], opening: Opening) -> Index:
    """Read the files one by one, then index them: what was there before is not embedded again."""
    found: dict[str, Document] = {}
    room = MOST_TEXT
    for number, file in enumerate(files, 1):
        opening.say(f"Reading {file.name}, file {number} of {len(files)} …")
        try:
            one = document(file.name, file.getvalue())
        except ValueError as error:
            opening.refused.append(str(error))
            continue
        if one.name in found:
            opening.refused.append(f"{one.name} is left out: another file has this name.")
        elif len(one.text) > room:
            opening.refused.append(
                f"{one.name} is left out: all files together may hold {MOST_TEXT:,} characters of text."
            )
        else:
            room -= len(one.text)
            found[one.name] = one
    if not found:
        raise LadderError("There is nothing to ask: no file could be read.", "Upload another one.")
    opening.say(f"Indexing {', '.join(found)} …")
    manifest = index.build(list(found.values()), opening.advance)
    opening.made = f"Indexed: {', '.join(found)} ({len(found)} files, {manifest.chunks} passages)."
    return index
