"""Bringing a bigger model: the one place that downloads, and only when asked by name."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

from shared.errors import BadUsage, LadderError
from shared.models import catalogue, find

NOT_WANTED = ["*/*", "*.bin", "*.gguf", "*.onnx", "*.pt", "*.pth"]  # a chat model's weights in other formats
NOT_FETCHED = {
    "embedded": "comes with the install",
    "api": "runs at OpenAI, not here",
    "folder": "is a folder of your own",
}


def pull(name: str, say: Callable[[str], None]) -> None:
    """Fetch a model of the catalogue into the home. A half-fetched one is never taken for whole.

    Raises:
        BadUsage: the name is unknown, or names nothing that can be fetched.
        LadderError: the download failed.
    """
    model = find(name)
    if model is None or model.where != "pull":
        choices = ", ".join(m.id for m in catalogue() if m.where == "pull")
        why = "is not in the catalogue" if model is None else f"{NOT_FETCHED[model.where]}: nothing to fetch"
        raise BadUsage(f"{name} {why}.", f"These can be fetched: {choices}.")
    if model.present:
        say(f"{name} is here already: {model.folder}")
        return
    say(f"Fetching {name} ({model.size_mb:,.0f} MB, licence {model.licence}) from {model.source} …")
    os.environ["HF_HUB_OFFLINE"] = "0"
    from huggingface_hub import snapshot_download

    partial = model.folder.with_name(f"{model.id}.partial")
    try:
        ignored = NOT_WANTED if model.kind == "chat" else None
        snapshot_download(model.source, local_dir=partial, ignore_patterns=ignored)
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise LadderError(
            f"{name} could not be fetched: {reason}",
            "Check the network, then type the command again: what has come is kept.",
        ) from None
    shutil.rmtree(model.folder, ignore_errors=True)
    partial.rename(model.folder)
    say(f"{name} is here: {model.folder}")
