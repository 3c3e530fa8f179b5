"""A language model as a folder that `transformers` opens with AutoModelForCausalLM, and so do we.

    save(model, tokens, folder)
    model, tokens = load(folder)

It holds the weights (safetensors), config.json, generation_config.json, and the tokenizer's two files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes

from level4_build.llama import Llama, LlamaConfig
from level4_build.tokens import Tokens
from shared.errors import LadderError
from shared.files import write_atomic

# Ours, and what `transformers` calls it.
NAMES = {
    "vocab": "vocab_size",
    "width": "hidden_size",
    "layers": "num_hidden_layers",
    "heads": "num_attention_heads",
    "kv_heads": "num_key_value_heads",
    "hidden": "intermediate_size",
    "context": "max_position_embeddings",
    "eps": "rms_norm_eps",
    "tied": "tie_word_embeddings",
}
# What Llama's format can say and this model has only in one way.
FIXED: dict[str, Any] = {
    "model_type": "llama",
    "hidden_act": "silu",
    "attention_bias": False,
    "mlp_bias": False,
}


def to_transformers(config: LlamaConfig) -> dict[str, Any]:
    """The declaration as a config.json of `transformers`."""
    return {
        "architectures": ["LlamaForCausalLM"],
        **FIXED,
        **{theirs: getattr(config, ours) for ours, theirs in NAMES.items()},
        "head_dim": config.head,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.theta},
    }


def from_transformers(values: dict[str, Any]) -> LlamaConfig:
    """The declaration of a Llama that `transformers` wrote.

    Raises:
        LadderError: it is of another model, or uses what this one has not (biases, scaled positions).
    """
    told = {
        "num_key_value_heads": values.get("num_attention_heads"), "tie_word_embeddings": False,
        "attention_bias": False, "mlp_bias": False, **values,
    }  # fmt: skip
    rope = told.get("rope_parameters") or {"rope_type": "default", "rope_theta": told.get("rope_theta", 1e4)}
    other = [f"{name} is {told.get(name)!r}" for name, value in FIXED.items() if told.get(name) != value]
    if rope.get("rope_type", "default") != "default":
        other.append(f"rope_type is {rope['rope_type']!r}")
    if not other and told.get("head_dim") not in (None, told["hidden_size"] // told["num_attention_heads"]):
        other.append(f"head_dim is {told['head_dim']}")
    if other:
        raise LadderError(f"This is no plain Llama: {', '.join(other)}.", "Open it with transformers.")
    return LlamaConfig(theta=rope["rope_theta"], **{ours: told[theirs] for ours, theirs in NAMES.items()})


def save(model: Llama, tokens: Tokens, folder: Path) -> Path:
    """Write the folder. The weights come last: a folder that has them is whole."""
    about = to_transformers(model.config) | {
        "dtype": str(model.lm_head.weight.dtype).removeprefix("torch."),
        "bos_token_id": tokens.bos, "eos_token_id": tokens.eos, "pad_token_id": tokens.pad,
    }  # fmt: skip
    ends = {name: about[name] for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
    weights = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    if model.config.tied:
        del weights["lm_head.weight"]  # it is the embedding, by another name
    tokens.save(folder)
    write_atomic(folder / "config.json", json.dumps(about, indent=2) + "\n")
    write_atomic(folder / "generation_config.json", json.dumps(ends, indent=2) + "\n")
    write_atomic(folder / "model.safetensors", to_bytes(weights, metadata={"format": "pt"}))
    return folder


def load(folder: Path) -> tuple[Llama, Tokens]:
    """Read a folder that `save` wrote.

    Raises:
        LadderError: there is none, a file is damaged, or the model is another than Llama.
    """
    return load_model(folder), Tokens.load(folder)


def load_model(folder: Path) -> Llama:
    """The model alone, also from a folder that `transformers` wrote in one file of weights."""
    try:
        about = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        weights = from_bytes((folder / "model.safetensors").read_bytes())
        config = from_transformers(about)
        model = Llama(config).to(next(iter(weights.values())).dtype)
        if config.tied:
            weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
        model.load_state_dict(weights)
    except OSError as error:
        raise LadderError(
            f"No language model is at {folder}: {Path(error.filename or folder).name} cannot be read.",
            "Name a folder that holds config.json and model.safetensors.",
        ) from None
    except (SafetensorError, RuntimeError, KeyError, TypeError, ValueError, StopIteration):
        raise LadderError(
            f"The folder {folder} holds no whole language model.", "Write it again, or name another."
        ) from None
    return model.eval()
