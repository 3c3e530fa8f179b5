"""A real Whisper, very small, fitted to two of our clips while the tests run.

`tiny_whisper` is the folder of a CTranslate2 model, as `LADDER_WHISPER_FOLDERS` takes it. It has Whisper's
architecture, tokens, features and timestamps, and knows two clips by heart: it gives their words and the
time of each, wherever in the first second the clip begins. About 20 s on one core; nothing is downloaded.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CLIPS = ("greeting", "bridge")
RATE = 16_000
FRAME_S = 0.02  # one position of the encoder, one step of the timestamp tokens
SPECIAL = "endoftext startoftranscript en translate transcribe startoflm startofprev nospeech notimestamps"
ANYWHERE = (0.0, 0.0)


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder, made once a run, also where several workers share it."""
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "tiny-whisper.lock"):
        folder = base / "tiny-whisper"
        if not folder.exists():
            build(tmp_path_factory.mktemp("tiny-whisper-scratch")).rename(folder)
    return folder


def build(scratch: Path) -> Path:
    """Fit and convert. Returns a folder inside `scratch`."""
    import shared.settings  # noqa: F401 - keeps the libraries below off the network

    import torch  # isort: skip
    from faster_whisper.audio import decode_audio

    from level1_api.samples import sample

    texts = {name: sample(name).text for name in CLIPS}
    tokenizer = make_tokenizer([f" {text}" for text in texts.values()])
    course = []
    for name, text in texts.items():
        sound = decode_audio(str(sample(name).path))
        words = aligned(sound, text)
        for offset in np.linspace(-0.16, 0.64, 21):
            features, moved = shifted(sound, words, offset)
            for task, timestamps in product(("transcribe", "translate"), (True, False)):
                course.append(Lesson(features, *script(moved, tokenizer, task, timestamps)))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make_network(tokenizer)
        fit(network, course, steps=240)
    return convert(network, tokenizer, scratch)


# ---------------------------------------------------------------------------------------------------------
# What there is to learn


@dataclass(frozen=True)
class Spoken:
    """A word as the reference writes it, punctuation included, with its seconds in the sound."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Lesson:
    """A sound, what to say for it, and where to look while saying it."""

    features: np.ndarray  # (80, 3000)
    tokens: list[int]
    look: list[tuple[float, float]]  # the seconds of each token; ANYWHERE if free


def aligned(sound: np.ndarray, text: str) -> list[Spoken]:
    """Where pocketsphinx's forced alignment finds each word of a known text. `sound`: float32 (N,)."""
    from pocketsphinx import Decoder

    words = text.split()
    decoder = Decoder(loglevel="FATAL")
    decoder.set_align_text(" ".join(word.strip(".,").lower() for word in words))
    decoder.start_utt()
    decoder.process_raw((sound * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    found = [s for s in decoder.seg() if not s.word.startswith("<")]  # <s>, </s>, <sil>
    return [
        Spoken(w, s.start_frame / 100, (s.end_frame + 1) / 100) for w, s in zip(words, found, strict=True)
    ]


def shifted(sound: np.ndarray, words: list[Spoken], offset: float) -> tuple[np.ndarray, list[Spoken]]:
    """Features and words of the sound begun `offset` seconds later, or cut at the front if negative."""
    from faster_whisper.audio import pad_or_trim
    from faster_whisper.feature_extractor import FeatureExtractor

    n = round(abs(offset) * RATE)
    sound = sound[n:] if offset < 0 else np.concatenate([np.zeros(n, np.float32), sound])
    features = pad_or_trim(FeatureExtractor()(sound)[:, :-1])  # as WhisperModel.transcribe does
    return features, [Spoken(w.text, max(w.start + offset, 0), max(w.end + offset, 0)) for w in words]


def script(
    words: list[Spoken], tokenizer: Any, task: str, timestamps: bool
) -> tuple[list[int], list[tuple[float, float]]]:
    """The tokens that Whisper says for these words, and the seconds that each is about."""
    said = [("<|startoftranscript|>", ANYWHERE), ("<|en|>", ANYWHERE), (f"<|{task}|>", ANYWHERE)]
    if not timestamps:
        said.append(("<|notimestamps|>", ANYWHERE))
    for sentence in sentences(words):
        spoken = [(f" {word.text}", (word.start, word.end)) for word in sentence]
        if timestamps:
            spoken = [timestamp(sentence[0].start), *spoken, timestamp(sentence[-1].end)]
        said += spoken
    said.append(("<|endoftext|>", ANYWHERE))
    pairs = [(token, look) for text, look in said for token in tokenizer.encode(text).ids]
    return [token for token, _ in pairs], [look for _, look in pairs]


def timestamp(seconds: float) -> tuple[str, tuple[float, float]]:
    """A timestamp's token and where to look for it, on a grid so coarse that each is met often."""
    seconds = round(seconds * 5) / 5
    return f"<|{seconds:.2f}|>", (seconds - 0.1, seconds + 0.1)


def sentences(words: list[Spoken]) -> Iterator[list[Spoken]]:
    start = 0
    for i, word in enumerate(words, 1):
        if word.text.endswith("."):
            yield words[start:i]
            start = i


# ---------------------------------------------------------------------------------------------------------
# Tokens, network, training, conversion


def make_tokenizer(texts: list[str]) -> Any:
    """Byte-level BPE of the texts, then Whisper's special tokens in Whisper's order."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=1000, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)

    # The multilingual Whispers hold an empty token; by it CTranslate2 knows that a model takes a language.
    data = json.loads(tokenizer.to_str())
    data["model"]["vocab"][""] = tokenizer.get_vocab_size()
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_special_tokens([AddedToken(f"<|{name}|>", special=True) for name in SPECIAL.split()])
    tokenizer.add_tokens([AddedToken(f"<|{i * FRAME_S:.2f}|>") for i in range(1501)])
    return tokenizer


def make_network(tokenizer: Any) -> Any:
    """Whisper, 64 wide: an encoder layer that passes its input on, and two decoder layers."""
    import torch
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    end = tokenizer.token_to_id("<|endoftext|>")
    config = WhisperConfig(
        vocab_size=tokenizer.get_vocab_size(),
        d_model=64,
        encoder_layers=1,  # CTranslate2 wants one
        encoder_layerdrop=1.0,  # but attention among 1500 positions would be most of the training time
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        decoder_start_token_id=tokenizer.token_to_id("<|startoftranscript|>"),
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
    )
    network = WhisperForConditionalGeneration(config)
    network.set_attn_implementation("eager")  # gives the attention that `fit` looks at
    (unused,) = network.model.encoder.layers
    for added in (unused.self_attn.out_proj, unused.fc2):
        torch.nn.init.zeros_(added.weight)
        torch.nn.init.zeros_(added.bias)
    return network


def fit(network: Any, course: list[Lesson], steps: int, batch: int = 8) -> None:
    """Teach what to say by cross-entropy, and where to look by spreading the last attention over the word."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as fast as two here, and not slowed down by the other workers
    rng = np.random.default_rng(0)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, steps, pct_start=0.1)
    seconds = torch.arange(1500) * FRAME_S
    network.train()
    for _ in range(steps):
        picked = [course[i] for i in rng.choice(len(course), batch, replace=False)]
        features = torch.from_numpy(np.stack([lesson.features for lesson in picked]))  # (B, 80, 3000)
        tokens = torch.full((batch, max(len(lesson.tokens) for lesson in picked)), -100)  # (B, T + 1)
        look = torch.zeros(*tokens.shape, 2)
        for row, lesson in enumerate(picked):
            tokens[row, : len(lesson.tokens)] = torch.tensor(lesson.tokens)
            look[row, : len(lesson.look)] = torch.tensor(lesson.look)
        said, target, (start, end) = (
            tokens[:, :-1].clamp(min=0),
            tokens[:, 1:],
            look[:, 1:, :, None].unbind(2),
        )

        out = network(input_features=features, decoder_input_ids=said, output_attentions=True)
        word_loss = torch.nn.functional.cross_entropy(out.logits.transpose(1, 2), target, ignore_index=-100)
        inside = (seconds >= start) & (seconds < end)  # (B, T, 1500)
        wanted = inside / inside.sum(-1, keepdim=True).clamp(min=1)
        attention = out.cross_attentions[-1].mean(1)  # (B, T, 1500), the mean of the heads
        look_loss = -(wanted * attention.clamp(min=1e-7).log()).sum(-1)[inside.any(-1)].mean()

        optimiser.zero_grad()
        (word_loss + look_loss).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    torch.set_num_threads(threads)


def convert(network: Any, tokenizer: Any, scratch: Path) -> Path:
    """The network as a CTranslate2 folder with its tokenizer."""
    from ctranslate2.converters import TransformersConverter
    from transformers import PreTrainedTokenizerFast

    says = network.generation_config
    says._from_model_config = False  # else what follows is lost on loading
    says.alignment_heads = [[1, 0], [1, 1]]  # (layer, head): those that were taught where to look
    says.lang_to_id = {"<|en|>": tokenizer.token_to_id("<|en|>")}
    says.suppress_tokens = says.begin_suppress_tokens = []
    network.save_pretrained(scratch / "network")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(scratch / "network")
    converter = TransformersConverter(str(scratch / "network"), copy_files=["tokenizer.json"])
    return Path(converter.convert(str(scratch / "converted")))
