"""Keep a slimmed encoder: a folder like any other, which `Encoder.load(folder)` reads.

save("layers-5", Path("small"))
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from level3_modify.slim import changed, original
from level3_modify.variants import find
from shared.errors import BadUsage


def save(name: str, folder: Path) -> Path:
    """Write the variant of this name as safetensors with its tokenizer; the folder is whole or not there.

    Raises:
        BadUsage: there is no such variant, it cannot be kept as safetensors, or the folder is there already.
    """
    variant = find(name)
    if name.startswith("int8"):
        raise BadUsage(
            f"{name} cannot be kept: safetensors does not hold weights that are packed for one machine.",
            "Keep bf16 or one of the layers-… variants; int8 is made anew in a second wherever it runs.",
        )
    if folder.exists():
        raise BadUsage(f"{folder} is there already.", "Name a folder that is not there yet.")
    encoder = changed(original(), variant)
    model: Any = encoder.model
    folder.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as beside:
        whole = Path(beside) / "encoder"
        model.save_pretrained(whole)
        encoder.tokenizer.save_pretrained(whole)
        whole.rename(folder)
    return folder
