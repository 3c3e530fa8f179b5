"""Keep a slimmed encoder: a folder like any other, which `Encoder.load(folder)` reads.

folder = save("layers-5")
Encoder.load(folder)
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from level3_modify.slim import changed, original
from level3_modify.variants import find
from shared.errors import BadUsage
from shared.settings import settings


def save(name: str, folder: Path | None = None) -> Path:
    """Write the variant of this name as safetensors with its tokenizer; the folder is whole or not there.

    Args:
        folder: a new one. By default it lies beside the pulled models in the home, which git ignores.

    Returns:
        The folder's whole path.

    Raises:
        BadUsage: there is no such variant, it cannot be kept as safetensors, or the folder is there already.
    """
    variant = find(name)
    if name.startswith("int8"):
        raise BadUsage(
            f"{name} cannot be kept: safetensors does not hold weights that are packed for one machine.",
            "Keep bf16 or one of the layers-… variants; int8 is made anew in a second wherever it runs.",
        )
    folder = (folder or settings().models / f"all-minilm-l6-v2-{name}").absolute()
    if folder.exists():
        raise BadUsage(f"{folder} is there already.", "Load it, remove it, or name a new folder with --out.")
    encoder = changed(original(), variant)
    model: Any = encoder.model
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        whole = Path(beside) / "encoder"
        model.save_pretrained(whole)
        encoder.tokenizer.save_pretrained(whole)
        whole.rename(folder)
    return folder
