"""A causal language model of one's own: any folder in transformers' format that has a chat template.

The loop that a chat model runs: the conversation becomes text by the model's own template, the text becomes
tokens, and then one token after the other is chosen from the model's scores and put behind them. Keys and
values of what was read are kept, so that each step reads one token. Nothing is downloaded.

Scores are sampled as the request says: the folder's own sampling settings (a top_k, a penalty for
repetition) are not used.
"""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from shared.errors import LadderError
from shared.service.engines import toolcalls
from shared.service.engines.base import ChatAsk, Delta, Message
from shared.service.engines.grammar import Grammar, vocabulary
from shared.service.engines.sampling import dice, pick
from shared.service.engines.spelling import Spelling
from shared.service.jobs import Cancelled
from shared.service.refusal import Refusal

MOST = 1024  # tokens of an answer whose request names no limit


class Causal:
    """A loaded model folder.

    Args:
        name: what messages call it.
        folder: config.json, safetensors, and a tokenizer with a chat template.
        device: `auto`, `cpu` or `cuda`.

    Raises:
        LadderError: the folder cannot be loaded, or there is no such device.
    """

    def __init__(self, name: str, folder: Path, device: str = "auto") -> None:
        self.name = name
        self._device, dtype, why = placed(device)
        self._model, self._tokenizer = loaded(name, folder, dtype)
        self._model.to(self._device).eval()
        config = self._model.config.get_text_config()
        self._limit: int | None = getattr(config, "max_position_embeddings", None)
        self._ends = ends(self._model, self._tokenizer)
        self._marks = [t.content for t in self._tokenizer.added_tokens_decoder.values() if t.special]
        self._takes_tools = toolcalls.BEGIN in self._tokenizer.get_chat_template(tools=[])
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in parameters(self._model) else {}
        self._tokens: Any = None  # the automaton's vocabulary, made when the first schema comes
        reads = f"{self._limit} tokens" if self._limit else "any length"
        print(f"{name}: {why}; reads {reads}", file=sys.stderr, flush=True)

    def chat(
        self, messages: Sequence[Message], ask: ChatAsk, cancel: threading.Event
    ) -> tuple[int, Iterator[Delta]]:
        """As ChatEngine says. The marks that end an answer are not counted.

        Raises:
            Refusal: the messages are longer than the model reads, its template does not take them, it
                calls no tools, or the schema cannot be promised.
        """
        if ask.tools and not self._takes_tools:
            raise Refusal(
                f"tools: the chat template of {self.name} has no {toolcalls.BEGIN}, the one way of calling "
                "that is read here.",
                param="tools",
            )
        ids = self._prompt(messages, ask)
        if self._limit and len(ids) >= self._limit:
            raise Refusal(
                f"messages: they are {len(ids)} tokens in the chat template of {self.name}, which reads at "
                f"most {self._limit}, the answer's included.",
                "Send less.",
                param="messages",
            )
        room = min(ask.max_tokens or MOST, (self._limit or sys.maxsize) - len(ids))
        answer = self._answer(ids, ask, room, self._grammar(ask), cancel)
        return len(ids), toolcalls.found_calls(answer) if ask.tools else answer

    def _prompt(self, messages: Sequence[Message], ask: ChatAsk) -> list[int]:
        """The conversation as tokens, up to where the assistant's next turn begins."""
        from jinja2 import TemplateError

        turns = [toolcalls.as_template(message, self._plain) for message in messages]
        try:
            text = self._tokenizer.apply_chat_template(
                turns, tools=list(ask.tools) or None, tokenize=False, add_generation_prompt=True
            )
        except (TemplateError, TypeError, ValueError) as error:
            reason = str(error).strip().rstrip(".")
            raise Refusal(
                f"messages: the chat template of {self.name} does not take them: {reason}.", param="messages"
            ) from error
        return self._tokenizer(text, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]

    def _plain(self, text: str) -> str:
        """The text with a blank in whatever would be read as a mark of the template, such as <|im_end|>: a
        message, and a document quoted in it, can end no turn and begin none."""
        for mark in self._marks:
            text = text.replace(mark, f"{mark[0]} {mark[1:]}")
        return text

    def _grammar(self, ask: ChatAsk) -> Grammar | None:
        if ask.schema is None:
            return None
        if self._tokens is None:
            width = self._model.config.get_text_config().vocab_size
            self._tokens = vocabulary(self._tokenizer, width, self._ends)
        return Grammar(ask.schema, self._tokens)

    def _answer(
        self, ids: list[int], ask: ChatAsk, room: int, grammar: Grammar | None, cancel: threading.Event
    ) -> Iterator[Delta]:
        spelling = Spelling(self._tokenizer, (toolcalls.BEGIN, toolcalls.END) if ask.tools else ())
        source, said, cache = dice(ask.seed), None, None
        for _ in range(room):
            if cancel.is_set():
                raise Cancelled
            scores, cache = self._step(ids, cache)
            said = torch.zeros_like(scores) if said is None else said
            token = pick(grammar.masked(scores) if grammar else scores, ask, said, source)
            if token in self._ends:
                yield Delta(spelling.rest(), 0, "stop")
                return
            yield Delta(spelling.add(token), 1)
            if grammar and grammar.accept(token):
                yield Delta(spelling.rest(), 0, "stop")
                return
            said[token] += 1
            ids = [token]
        yield Delta(spelling.rest(), 0, "length")

    @torch.inference_mode()
    def _step(self, ids: list[int], cache: Any) -> tuple[torch.Tensor, Any]:
        """The scores of the next token, (V,), after reading `ids`, and what is kept of all that was read."""
        read = torch.tensor([ids], device=self._device)  # (1, T)
        out = self._model(input_ids=read, past_key_values=cache, use_cache=True, **self._last_only)
        return out.logits[0, -1].float().cpu(), out.past_key_values


def placed(device: str) -> tuple[str, torch.dtype, str]:
    """The device, the numbers' type, and both with their reasons.

    Raises:
        LadderError: CUDA is asked for, and there is none.
    """
    if device == "cuda" and not torch.cuda.is_available():
        raise LadderError("LADDER_DEVICE is cuda, and torch finds no CUDA device.", "Set it to auto or cpu.")
    if device == "cpu" or not torch.cuda.is_available():
        reason = "LADDER_DEVICE says so" if device == "cpu" else "torch finds no CUDA device"
        return "cpu", torch.float32, f"cpu ({reason}), float32 (every CPU computes it)"
    reason = "LADDER_DEVICE says so" if device == "cuda" else "torch finds one"
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return "cuda", torch.bfloat16, f"cuda ({reason}), bfloat16 (half the memory, float32's range)"
    return "cuda", torch.float16, f"cuda ({reason}), float16 (half the memory; no bfloat16 on this GPU)"


def loaded(name: str, folder: Path, dtype: torch.dtype) -> tuple[Any, Any]:
    """The model and the tokenizer of a folder. Reads safetensors and no code of the folder's.

    Raises:
        LadderError: the folder is not whole, or holds no chat model.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()
    own: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **own)
        own |= {"dtype": dtype, "use_safetensors": True, "output_loading_info": True}
        read: Any = AutoModelForCausalLM.from_pretrained(folder, **own)
        model, told = read
        lacking = {
            f"{len(told['missing_keys'])} weights are missing": bool(told["missing_keys"]),
            "its tokenizer has no chat template": not tokenizer.chat_template,
            "it keeps no keys and values": "past_key_values" not in parameters(model),
        }
        reason = next((words for words, wrong in lacking.items() if wrong), "")
    except Exception as error:  # whatever can be wrong with somebody's files
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
    if reason:
        raise LadderError(
            f"The chat model {name} cannot be loaded: {reason}.",
            f"See that {folder} holds config.json, the weights as safetensors, and a tokenizer with a chat "
            "template.",
        )
    return model, tokenizer


def parameters(model: Any) -> Collection[str]:
    """What a model's forward takes."""
    return inspect.signature(model.forward).parameters


def ends(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, by the model's and by the tokenizer's own word."""
    told = model.generation_config.eos_token_id
    told = told if isinstance(told, list) else [told]
    return frozenset(token for token in (*told, tokenizer.eos_token_id) if token is not None)
