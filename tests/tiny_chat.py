"""A real chat model, very small, fitted to a few answers while the tests run.

`tiny_chat` is the folder of a causal model as `LADDER_CHAT_FOLDERS` takes it: safetensors, a tokenizer, and a
chat template that knows tools. It has Llama's architecture, Qwen's marks, and answers some questions by
heart, one of them with a call of a tool; some seconds on one core, and nothing is downloaded.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

LIMIT = 2048  # tokens that it reads
SKY = "What colour is the sky?"
TIDES = "What moves the tides?"
GREETING = "Greet me."
SUM = "How much is two and three?"
RESULT = "The sum is 5."
LONG = "Count to twenty."
ANSWERS = {
    SKY: "The sky is blue, and grey when it rains.",
    TIDES: "The moon pulls the sea, and the sun helps.",
    GREETING: "Hello 👋🏽 from 東京, naïve friend 🇯🇵!",
    LONG: "One, two, three, four, five, six, seven, eight, nine, ten, and so on to twenty.",
}
CALL = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'
TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "description": "Add two numbers.",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Call a tool with <tool_call>{"name": ..., "arguments": ...}</tool_call>. Tools:
{%- for tool in tools %}
{{ tool | tojson }}
{%- endfor %}<|im_end|>
{% endif %}
{%- for message in messages %}
{%- if message.role not in ('system', 'user', 'assistant', 'tool') %}
{{- raise_exception('unknown role ' + message.role) }}
{%- endif %}<|im_start|>{{ message.role }}
{{ message.content }}
{%- for call in message.tool_calls or [] %}<tool_call>
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


@pytest.fixture(scope="session")
def tiny_chat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model's folder, made once a run, also where several workers share it."""
    from filelock import FileLock

    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with FileLock(base / "tiny-chat.lock"):
        folder = base / "tiny-chat"
        if not folder.exists():
            build(tmp_path_factory.mktemp("tiny-chat-scratch") / "made").rename(folder)
    return folder


def build(folder: Path, steps: int = 100) -> Path:
    """Fit and save. Returns the folder."""
    import shared.settings  # noqa: F401 - keeps the libraries below off the network

    import torch  # isort: skip

    tokenizer = make_tokenizer([*ANSWERS, *ANSWERS.values(), SUM, RESULT, CALL, TEMPLATE, json.dumps(TOOL)])
    course = [lesson(tokenizer, messages, tools) for messages, tools in conversations()]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = make_network(tokenizer)
        fit(network, course, steps)
    network.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def called(arguments: Any) -> dict[str, Any]:
    """The assistant's turn that calls the tool."""
    function = {"name": "add", "arguments": arguments}
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_1", "type": "function", "function": function}],
    }


def conversations() -> list[tuple[list[dict[str, Any]], list[dict[str, Any]] | None]]:
    """What there is to learn: each ends with what the assistant is to say."""
    facts = [[user(q), {"role": "assistant", "content": a}] for q, a in ANSWERS.items()]
    call = [user(SUM), called({"a": 2, "b": 3})]
    result = [*call, {"role": "tool", "content": "5", "tool_call_id": "call_1"}]
    return [
        *((fact, None) for fact in facts),
        (call, [TOOL]),
        ([*result, {"role": "assistant", "content": RESULT}], [TOOL]),
    ]


def lesson(tokenizer: Any, messages: list[dict[str, Any]], tools: Any) -> tuple[list[int], int]:
    """The tokens of a conversation, and where the last answer begins."""
    whole = tokenizer.apply_chat_template(messages, tools=tools, tokenize=False).rstrip("\n")
    prompt = tokenizer.apply_chat_template(
        messages[:-1], tools=tools, tokenize=False, add_generation_prompt=True
    )
    begin, rest = (tokenizer(text)["input_ids"] for text in (prompt, whole.removeprefix(prompt)))
    return begin + rest, len(begin)


def make_tokenizer(texts: list[str]) -> Any:
    """Byte-level BPE of the texts, with the marks of the template."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    words = [text for text in texts if text.isascii()]  # what is not stays bytes, so that a character is
    trainer = trainers.BpeTrainer(vocab_size=400, initial_alphabet=alphabet, show_progress=False)  # 2 to 4
    tokenizer.train_from_iterator(words, trainer)
    tokenizer.add_special_tokens([AddedToken(mark) for mark in ("<|im_start|>", "<|im_end|>")])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", chat_template=TEMPLATE)


def make_network(tokenizer: Any) -> Any:
    """Llama, 64 wide, two layers."""
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer) + 3,  # as real ones are padded
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=LIMIT,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=None,
        pad_token_id=None,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def fit(network: Any, course: list[tuple[list[int], int]], steps: int) -> None:
    """Teach the answers by cross-entropy."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    longest = max(len(ids) for ids, _ in course)
    tokens = torch.zeros(len(course), longest, dtype=torch.long)  # (B, T)
    labels = torch.full_like(tokens, -100)
    for row, (ids, begin) in enumerate(course):
        tokens[row, : len(ids)] = torch.tensor(ids)
        labels[row, begin : len(ids)] = torch.tensor(ids[begin:])
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-3, steps, pct_start=0.2)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        network(input_ids=tokens, labels=labels).loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
    network.eval()
    torch.set_num_threads(threads)
