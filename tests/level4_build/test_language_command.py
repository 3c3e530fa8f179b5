"""`ladder level4 train --task language` as it is typed: trained, stopped, resumed, kept, and written with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from level4_build import language_model, record, training
from level4_build.generate import GREEDY, Sampling, generate
from level4_build.language_model import Writing
from level4_build.lm_task import LanguageConfig
from level4_build.trainer import Step, fit
from shared import runs, store
from shared.cli import cli
from shared.errors import LadderError

TINY = LanguageConfig(
    train_count=60, val_count=10, length=24, vocab=400, batch=2, steps=6, warmup=1, eval_every=3, save_every=2
)


@pytest.fixture(autouse=True)
def home_of_its_own(own_home: Path) -> Iterator[None]:
    store.forget()
    yield
    store.forget()


def level4(*words: str) -> Result:
    return CliRunner().invoke(cli, ["level4", *words])


def test_stopped_resumed_kept_and_written_with(tmp_path: Path) -> None:
    none_yet = level4("predict", "--text", "The order")
    assert none_yet.exit_code == 1 and "ladder level4 train --task language" in none_yet.stderr

    place = training.checkpoint_place(TINY, tmp_path / "out")
    place.parent.mkdir()

    def cut(step: Step) -> None:
        said.append(recorder.step(step))
        if step.step == 5:
            raise KeyboardInterrupt

    said: list[str] = []
    model = TINY.task().network()
    recording = record.recording(TINY, kept=training.run_file(place), model=model)
    with pytest.raises(KeyboardInterrupt), recording as recorder:
        fit(TINY, model, on_step=cut, checkpoint=place)
    assert [bool(text) for text in said] == [False, False, True, False, False], "a sample at an evaluation"

    done = level4("resume", str(tmp_path / "out"), "--json")
    assert done.exit_code == 0, done.stderr
    told = json.loads(done.stdout)
    whole = fit(TINY)
    assert told["resumed_at"] == 4 and told["loss"] == whole.losses[-1], "asking for samples changes nothing"
    assert told["bits_per_byte"] == whole.scores["bits_per_byte/val"]

    run = runs.find(told["run_id"])
    assert told["run_id"] == recorder.run.id and run["tags"]["engine"] == "llama"
    assert run["metrics"]["perplexity/val"] == pytest.approx(told["perplexity"])
    assert {"loss/train", "loss/val", "bits_per_byte/val", "best_bits_per_byte"} <= run["metrics"].keys()
    client = store.prepare_store()
    samples = [file.path for file in client.list_artifacts(told["run_id"], "samples")]
    assert samples == ["samples/step-000003.txt", "samples/step-000006.txt"]
    card = (tmp_path / "out" / "data.md").read_text(encoding="utf-8")
    assert all(digest in card for name, digest in TINY.task().digests().items() if name != "tokens")

    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out" / "model").eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "out" / "model")
    trained = language_model.load()
    ids = [trained.tokens.bos, *trained.tokens.encode("The order")]
    assert tokenizer.encode("<|bos|>The order") == ids
    with torch.no_grad():
        logits = theirs(torch.tensor([ids])).logits
        assert torch.allclose(logits, trained.model(torch.tensor([ids])), atol=1e-4)

    written = level4("predict", "--text", "The order", "--tokens", "12", "--temperature", "0")
    assert written.exit_code == 0, written.stderr
    new = generate(trained.model, [ids], 12, GREEDY, stop=[trained.tokens.eos])[0]
    text = trained.tokens.decode(token for token in new if token != trained.tokens.eos)
    assert written.stdout == f"The order{text}\n" and "Trace:" in written.stderr
    assert str(trained) in written.stderr and "6 steps" in written.stderr

    held_out = json.loads(level4("evaluate", "--task", "language", "--split", "test", "--json").stdout)
    run = runs.find(held_out["run_id"])
    assert run["tags"]["opened"] == "test" and run["metrics"]["loss/test"] == held_out["loss/test"]
    assert held_out["loss/test"] != told["loss"]


def test_a_seed_decides_what_is_written() -> None:
    results = language_model.LanguageModel().results(fit(TINY), None, None)
    language_model.LanguageModel().keep(results.files)
    trained = language_model.load()

    def written(seed: int) -> str:
        return "".join(Writing(trained, "The jug", 20, Sampling(temperature=1.0), seed))

    assert written(0) == written(0) != written(1)
    assert results.files["sample.txt"].decode().startswith("The order")
    writing = Writing(trained, "é", 9, Sampling(temperature=1.0), 3)
    assert "".join(writing) == writing.text and writing.count <= 9 and writing.pace() > 0


def test_another_network_takes_the_place_of_the_one_before_as_a_whole() -> None:
    product = language_model.LanguageModel()
    product.keep(product.results(fit(TINY), "first", None).files)
    other = replace(TINY, seed=1, steps=2)
    place = product.keep(product.results(fit(other), "second", None).files)
    assert language_model.load().config == other and language_model.load().run_id == "second"
    assert [file.name for file in place.parent.iterdir()] == [place.name], "nothing is left beside it"
    (place / "ladder.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LadderError, match="damaged"):
        language_model.load()


def test_settings_of_another_task_are_usage_errors() -> None:
    for words in (("--task", "language", "--flip"), ("--preset", "small"), ("--images", "photos")):
        done = level4("train", *words)
        assert done.exit_code == 2 and words[-2 if words[0] != "--task" else -1].strip("-") in done.stderr
