"""What each stage is worth: the table that one reads, and what is kept of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from word_vectors import WordVectors

from level2_prompting import frozen
from level2_prompting.ablate import METRICS, Ablation
from level2_prompting.corpus import articles
from level2_prompting.evaluate import ARMS, ablation, in_memory
from level2_prompting.questions import questions
from level2_prompting.record import record_ablation
from shared import store

FEW = {name: ARMS[name] for name in ("dense", "fused")}


@pytest.fixture(scope="module")
def found() -> Ablation:
    def encode(texts: list[str]) -> np.ndarray:
        return np.array(WordVectors().embed_documents(list(texts)))

    snapshot = in_memory(articles()[:3], encode)
    asked = [q for q in questions() if q.source in snapshot.texts]
    arms = ablation(snapshot, asked, encode, np.random.default_rng(0), FEW)
    return Ablation(tuple(arms), len(asked), "digest")


def test_the_table_has_a_row_for_each_arm_and_compares_with_the_first(found: Ablation) -> None:
    lines = [line for line in found.table().splitlines() if line.strip()]
    dense, fused = (next(line for line in lines if line.split()[0] == name) for name in FEW)
    assert all(metric in lines[0] for metric in METRICS)
    low, high = (getattr(found.arms[1].against_first["ndcg_at_10"].interval, end) for end in ("low", "high"))
    assert f"[{low:+.3f}, {high:+.3f}]" in fused and "[" not in dense


def test_it_is_kept_as_a_run_with_a_child_for_each_arm(found: Ablation, own_home: Path) -> None:
    store.forget()
    run = record_ablation("articles", found.digest, found.arms, found.questions, 0, 1.5, source="test")
    client = store.prepare_store()
    parent = client.get_run(run.id)
    assert parent.data.metrics["wall_s"] == 1.5 and parent.data.tags["split"] == "development"
    children = client.search_runs([parent.info.experiment_id], f"tags.mlflow.parentRunId = '{run.id}'")
    kept = {child.info.run_name: child.data for child in children}
    assert set(kept) == set(FEW)
    for arm in found.arms:
        assert kept[arm.name].metrics["mrr"] == pytest.approx(arm.figures["mrr"].value)
        assert kept[arm.name].params["bm25"] == str(arm.plan.bm25)
        assert parent.data.metrics[f"{arm.name}/hit_at_5"] == pytest.approx(arm.figures["hit_at_5"].value)
    store.forget()


@pytest.mark.slow
def test_the_command_measures_the_frozen_corpus() -> None:
    words = [sys.executable, "-m", "shared.cli", "level2", "ablate", "--json"]
    told = json.loads(subprocess.run(words, capture_output=True, text=True, check=True, timeout=600).stdout)
    arms = {arm["name"]: arm for arm in told["arms"]}
    assert set(arms) == set(ARMS) and told["url"]
    count = sum(question.answerable for question in frozen.questions("development"))
    assert all(len(arm["ranks"]) == count for arm in arms.values())
    better = arms["dense in context"]["against_first"]["ndcg_at_10"]["interval"]
    assert better["low"] > 0, "a passage that carries its headings is found better"
