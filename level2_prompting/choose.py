"""What is chosen on the page of level 2: the documents, and who answers."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from level2_prompting.documents import SUFFIXES, Document, document
from level2_prompting.index import Index
from level2_prompting.library import bundled, own
from shared import ui
from shared.clients import endpoint
from shared.errors import LadderError
from shared.settings import settings

UPLOAD_MB = 2  # in all; more than that is for the command


def choose_index() -> tuple[str, Index | None]:
    """What to ask: its name, and its index; None while there is nothing to ask."""
    kinds = ["The ten articles", "Upload"]
    if own().manifest():
        kinds.insert(1, "My index")
    kind = st.segmented_control("Documents", kinds, default=kinds[0], key="documents") or kinds[0]
    try:
        if kind == "Upload":
            return kind, _uploaded()
        if kind == "My index":
            manifest = own().manifest()
            names = ui.plain(", ".join(manifest.documents)) if manifest else ""
            st.caption(f"From `ladder level2 index`: {names}")
            return kind, own()
        with st.spinner("Opening the index of the ten articles …"):
            return kind, bundled()
    except LadderError as error:
        ui.error_box(error)
        return kind, None


def choose_provider() -> str:
    """Who answers. There is a choice only where a key is set."""
    if settings().openai_api_key is None:
        return "local"
    names = {"local": "this machine", "openai": endpoint("openai")}
    picked = st.segmented_control(
        "Answered by", list(names), default=settings().provider, format_func=names.__getitem__, key="provider"
    )
    if picked == "openai":
        st.warning(f"Question and passages go to {ui.plain(endpoint('openai'))}; it may cost money.")
    return picked or settings().provider


def _uploaded() -> Index | None:
    """An index of the uploaded files, for this visit alone: it is gone when the page is closed."""
    files = st.file_uploader(
        "Markdown, text, HTML or PDF",
        type=sorted(s.lstrip(".") for s in SUFFIXES), accept_multiple_files=True,
        key="upload", max_upload_size=UPLOAD_MB,
    )  # fmt: skip
    if not files:
        st.caption(
            f"Files stay on this machine; {UPLOAD_MB} MB in all. For more: `ladder level2 index FOLDER`"
        )
        return None
    documents = _documents(files)
    if not documents:
        return None
    name = hashlib.sha256(repr([(d.name, d.digest) for d in documents]).encode()).hexdigest()
    kept: dict[str, Index] = st.session_state.setdefault("uploads", {})
    if name not in kept:
        folder = tempfile.TemporaryDirectory(prefix="ladder-upload-", ignore_cleanup_errors=True)
        st.session_state.setdefault("folders", []).append(folder)  # removed with the session
        index = Index(Path(folder.name), provider="local")
        bar = st.progress(0.0, "Indexing …")

        def on_progress(share: float) -> None:
            bar.progress(share, "Indexing …")

        index.build(documents, on_progress)
        bar.empty()
        kept[name] = index
    return kept[name]


def _documents(files: list[UploadedFile]) -> list[Document]:
    """What can be indexed of the uploads; a sentence for each that cannot."""
    if sum(file.size for file in files) > UPLOAD_MB * 1_000_000:
        st.warning(
            f"These are more than {UPLOAD_MB} MB. For so much, type "
            "`ladder level2 index FOLDER` in the terminal; then choose My index here."
        )
        return []
    found: dict[str, Document] = {}
    for file in files:
        try:
            found.setdefault(file.name, document(file.name, file.getvalue()))
        except ValueError as error:
            st.warning(ui.plain(str(error)))
    return list(found.values())
