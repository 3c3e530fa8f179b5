"""The ablation: its figures against other ways to the same number, on passages whose ranking is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from word_vectors import WordVectors

from level2_prompting.corpus import Article, articles
from level2_prompting.evaluate import ARMS, Arm, ablation, in_memory, ndcg, relevant, retrieval_scores
from level2_prompting.questions import Question, questions
from level2_prompting.stages import Plan
from shared.stats import mean_interval

# Four arms of the eight: those of which one can be had from another.
FEW = {name: ARMS[name] for name in ("dense", "bm25", "fused", "reranked in context")}


def encode(texts: Sequence[str]) -> np.ndarray:
    return np.array(WordVectors().embed_documents(list(texts)))


@pytest.fixture(scope="module")
def arms() -> dict[str, Arm]:
    """All of the ten articles' passages as the pool, so that no relevant passage is out of reach."""
    plans = {name: replace(plan, pool=1000, distinct=1) for name, plan in FEW.items()}
    snapshot = in_memory(articles(), encode)
    found = ablation(snapshot, questions(), encode, np.random.default_rng(0), plans)
    return {arm.name: arm for arm in found}


def test_the_dense_arm_is_exact_search(arms: dict[str, Arm]) -> None:
    expected, dense = retrieval_scores(encode), arms["dense"]
    assert dense.ranks == expected.ranks
    assert dense.figures["hit_at_1"].value == pytest.approx(expected.hit_at_1)
    assert dense.figures["hit_at_5"].value == pytest.approx(expected.hit_at_5)
    assert dense.figures["ndcg_at_10"].value == pytest.approx(expected.ndcg_at_10)


def test_every_figure_is_what_its_ranks_say(arms: dict[str, Arm]) -> None:
    for arm in arms.values():
        assert len(arm.ranks) == 40
        for k in (1, 3, 5):
            hits = [rank is not None and rank <= k for rank in arm.ranks]
            assert arm.figures[f"hit_at_{k}"].value == pytest.approx(sum(hits) / 40)
        inverse = [1 / rank if rank else 0 for rank in arm.ranks]
        assert arm.figures["mrr"].value == pytest.approx(sum(inverse) / 40)
        assert 0 < arm.p50_ms <= arm.p95_ms
    assert len({arm.ranks for arm in arms.values()}) == 4  # the stages do differ


def test_differences_are_paired_and_the_first_arm_differs_in_nothing(arms: dict[str, Arm]) -> None:
    dense = arms["dense"]
    for zero in dense.against_first.values():
        assert zero.value == zero.interval.low == zero.interval.high == 0
    for arm in arms.values():
        for metric, figure in arm.figures.items():
            expected = figure.value - dense.figures[metric].value
            assert arm.against_first[metric].value == pytest.approx(expected, abs=1e-12)
    one, other = arms["fused"], arms["dense"]
    pairs = [1 / (a or np.inf) - 1 / (b or np.inf) for a, b in zip(one.ranks, other.ranks, strict=True)]
    by_student, drawn = mean_interval(pairs), one.against_first["mrr"].interval
    assert (drawn.low, drawn.high) == pytest.approx((by_student.low, by_student.high), abs=0.03)
    assert drawn.unit == "questions"


def test_one_seed_gives_the_same_intervals() -> None:
    snapshot, plans = in_memory(articles(), encode), {"bm25": ARMS["bm25"]}
    one, again, other = (
        ablation(snapshot, questions(), encode, np.random.default_rng(seed), plans)[0].figures
        for seed in (0, 0, 1)
    )
    assert one == again != other


def test_ndcg_of_a_ranking_that_lacks_passages_agrees_with_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    for _ in range(50):
        truth = rng.random(30) < 0.2
        ranked = rng.permutation(30)[: rng.integers(0, 31)]  # the others were not found
        scores = np.full(30, -1.0)
        scores[ranked] = np.arange(len(ranked), 0, -1)
        # scikit-learn shares out what tied passages gain: none of those that were not found may gain.
        gains = np.where(scores > 0, truth, False).astype(float)
        ideal = metrics.dcg_score([truth.astype(float)], [truth.astype(float)], k=10)
        expected = metrics.dcg_score([gains], [scores], k=10) / ideal if ideal else 0.0
        found = ndcg([bool(truth[n]) for n in ranked], of=int(truth.sum()))
        assert found == pytest.approx(expected, abs=1e-12)


def corpus() -> tuple[tuple[Article, ...], Question]:
    """Two copies of an article, and a question that the second one answers."""
    text = "# Tides\n\nA tide gate holds back the sea.\n"
    first, second = (Article(name, "Tides", text, articles()[0].path) for name in ("a.md", "b.md"))
    start = text.index("holds")
    quote = text[start : start + 18]
    return (second, first), Question("q", "What holds back?", "b.md", quote, start, start + 18)


def test_what_was_left_out_as_a_near_duplicate_counts_as_missed() -> None:
    both, question = corpus()
    snapshot = in_memory(both, encode)
    assert [relevant(question, chunk) for chunk in snapshot.chunks] == [False, True]
    plans = {"all": Plan(distinct=1), "distinct": Plan()}
    every, distinct = ablation(snapshot, [question], encode, np.random.default_rng(0), plans)
    assert every.ranks == (2,) and distinct.ranks == (None,)
    assert every.figures["mrr"].value == 0.5 and distinct.figures["ndcg_at_10"].value == 0


def test_questions_without_an_answer_have_no_passage_to_find() -> None:
    snapshot = in_memory(corpus()[0], encode)
    with pytest.raises(ValueError, match="no question"):
        ablation(snapshot, [Question("none", "Why?")], encode, np.random.default_rng(0))


def test_the_share_that_is_done_grows_to_all_of_it() -> None:
    both, question = corpus()
    shares: list[float] = []
    ablation(
        in_memory(both, encode),
        [question] * 2,
        encode,
        np.random.default_rng(0),
        FEW,
        on_progress=shares.append,
    )
    assert shares == sorted(shares) and len(shares) == 8 and shares[-1] == 1


@pytest.mark.slow
def test_the_stages_with_the_encoder_in_the_box() -> None:
    """What README and docstrings say of the ten articles: judging by sentences is worth most."""
    from shared.encoder import Encoder

    box = Encoder.load().encode
    found = ablation(in_memory(articles(), box), questions(), box, np.random.default_rng(0))
    gained = {arm.name: arm.figures["ndcg_at_10"].value for arm in found}
    assert list(gained) == list(ARMS)
    assert gained["dense"] == pytest.approx(0.79, abs=0.02)
    assert gained["reranked"] == pytest.approx(0.86, abs=0.02)
    assert gained["bm25"] < gained["fused"] < gained["reranked"]
    assert found[3].against_first["ndcg_at_10"].interval.low > 0
