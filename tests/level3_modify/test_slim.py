"""The whole study on the real encoder and level 2's real questions, and what is said and kept of it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from level2_prompting.evaluate import Encode, retrieval_scores
from level3_modify import chart, slim, variants
from level3_modify.latency import Ratio
from level3_modify.quality import Shift, remembering
from level3_modify.record import HEADLINE, NOTE, columns, record
from level3_modify.search import Index, cosine, passages, questions, spread
from level3_modify.size import measure
from level3_modify.slim import Plan, Row, Study, changed
from level3_modify.variants import find
from level3_modify.words import COLUMNS, MARKED, as_dict, cells, headline, sentence, sentences, study_table
from shared import runs, store
from shared.encoder import Encoder
from shared.errors import BadUsage
from shared.stats import Interval

NAMES = ("fp32", "bf16", "int8-channel", "layers-3-first")


@pytest.fixture(scope="module")
def told() -> list[tuple[float, list[Row]]]:
    return []


@pytest.fixture(scope="module")
def study(told: list[tuple[float, list[Row]]]) -> Study:
    return slim.slim(Plan(NAMES[1:], rounds=2), lambda rows, share: told.append((share, list(rows))))


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture(scope="module")
def known(encoder: Encoder) -> Encode:
    """The untouched encoder, by itself, which encodes no text twice."""
    return remembering(encoder.encode)


def row(study: Study, name: str) -> Row:
    return next(row for row in study.rows if row.name == name)


def test_rows_are_the_reference_and_what_was_asked_for(study: Study) -> None:
    assert tuple(row.name for row in study.rows) == NAMES
    assert study.reference.agreement and study.reference.agreement.worst == pytest.approx(1, abs=1e-6)
    assert (study.passages, study.questions) == (len(passages()), 40)
    assert study.circumstances.endswith(f"{len(passages())} passages, 40 questions")


def test_quality_is_what_the_encoder_gives_by_itself(study: Study, encoder: Encoder, known: Encode) -> None:
    """The reference: agreement in float64 text by text, retrieval by level 2's own measure."""
    model = changed(encoder, find("layers-3-first")).model
    small = remembering(Encoder(model, encoder.tokenizer).encode)
    texts = [passage.text for passage in passages()]
    a, b = small(texts).astype(np.float64), known(texts).astype(np.float64)
    every = [x @ y / np.sqrt((x @ x) * (y @ y)) for x, y in zip(a, b, strict=True)]
    found = row(study, "layers-3-first")
    assert found.agreement and found.retrieval and found.ndcg_shift and found.hit_shift
    assert found.agreement.mean == pytest.approx(np.mean(every), abs=1e-6)
    assert found.agreement.worst == pytest.approx(np.min(every), abs=1e-6)
    after, before = retrieval_scores(small), retrieval_scores(known)
    assert found.retrieval == after and study.reference.retrieval == before
    assert found.ndcg_shift.mean == pytest.approx(after.ndcg_at_10 - before.ndcg_at_10)
    assert found.hit_shift.mean == pytest.approx(after.hit_at_5 - before.hit_at_5)
    assert found.ndcg_shift.certain and found.ndcg_shift.mean < -0.1, "half of the layers, and the wrong half"
    assert found.size == measure(model)


def test_bf16_finds_what_the_reference_finds_in_half_the_space(study: Study) -> None:
    found = row(study, "bf16")
    assert found.agreement and found.agreement.worst > 0.999
    assert abs(found.metrics["ndcg_at_10_shift"]) < 0.01
    assert found.metrics["size_mb"] == pytest.approx(study.reference.metrics["size_mb"] / 2, rel=0.002)


def test_all_are_timed_as_often(study: Study) -> None:
    for found in study.rows:
        assert {batch: times.rounds for batch, times in found.times.items()} == {1: 2, 32: 2}
        rounds = {batch: speed.rounds for batch, speed in found.speeds.items()}
        assert rounds == ({} if found.name == "fp32" else {1: 2, 32: 2})
        assert 0 < found.times[1].p50 <= found.times[1].p95 < found.times[32].p95


def test_rows_come_as_they_are_measured(study: Study, told: list[tuple[float, list[Row]]]) -> None:
    shares = [share for share, _ in told]
    assert shares == [0, 0.125, 0.25, 0.375, 0.5, 0.75, 1]
    judged = [sum(row.agreement is not None for row in rows) for _, rows in told]
    assert judged == [0, 1, 2, 3, 4, 4, 4]
    assert [all(row.times for row in rows) for _, rows in told] == [False] * 5 + [True] * 2


def test_an_unknown_variant_stops_the_study_before_it_begins() -> None:
    with pytest.raises(BadUsage, match="int4"):
        slim.slim(Plan(("int4",)))


def test_what_a_machine_cannot_do_is_a_row_in_words(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variants, "ENGINES", ())
    found = slim.slim(Plan(("int8-channel",), rounds=1))
    absent = row(found, "int8-channel")
    assert absent.absent == "not on this machine: This machine has no engine for int8."
    assert absent.metrics == {} and absent.absent in sentences(found)[1]
    assert cells(absent)[1:-1] == ("–",) * 10
    assert "not on this machine" in study_table(found)
    assert [p["variant"] for p in chart.points(found.rows)] == ["fp32"]
    assert columns(found)["size_mb"] == [found.reference.metrics["size_mb"], None]


# Words and pictures ----------------------------------------------------------------------------------


def test_the_table_shows_the_figures(study: Study) -> None:
    line = next(line for line in study_table(study).splitlines() if line.strip().startswith("bf16"))
    assert line.split()[:4] == ["bf16", "45.5", "22.7", "M"]
    assert len(cells(study.reference)) == len(COLUMNS)


def test_the_table_marks_what_moved_by_more_than_chance(study: Study) -> None:
    worst = row(study, "layers-3-first")
    assert cells(worst)[-3:-1] == (f"*{worst.metrics['hit_at_5']:.3f}", f"*{worst.metrics['ndcg_at_10']:.3f}")
    assert study_table(study).endswith(MARKED)
    calm = replace(study, rows=(study.reference, row(study, "bf16")))
    assert "*" not in study_table(calm)


def sentence_with(
    study: Study, ndcg: Interval, mean: float = 0.0, hit: Interval | None = None, speed: Ratio | None = None
) -> str:
    """The sentence of a variant whose changes and speed are these."""
    found = replace(
        row(study, "bf16"), ndcg_shift=Shift(mean, ndcg), hit_shift=Shift(-0.125, hit or Interval(-0.2, 0.1)),
        speeds={1: speed, 32: speed} if speed else row(study, "bf16").speeds,
    )  # fmt: skip
    return sentence(found, study.reference, 40)


def test_a_sentence_says_what_the_figures_allow_and_no_more(study: Study) -> None:
    assert "finds less" in sentence_with(study, Interval(-0.3, -0.1), -0.2)
    assert "finds more" in sentence_with(study, Interval(0.1, 0.3), 0.2)
    assert "40 questions cannot tell that from chance" in sentence_with(study, Interval(-0.2, 0.1), -0.1)
    assert "not one of the 40 questions is ranked otherwise" in sentence_with(study, Interval(0, 0))
    assert sentence_with(study, Interval(0, 0)).startswith("bf16: 50% smaller")


def test_a_sentence_tells_of_hits_where_they_moved_by_more_than_chance(study: Study) -> None:
    chance = Interval(-0.06, 0.01)
    told = sentence_with(study, chance, -0.025, hit=Interval(-0.225, -0.025))
    assert (
        "cannot tell that from chance; hit@5 moves by -0.125 (95 %: -0.225 to -0.025): it finds less" in told
    )
    assert "hit@5" not in sentence_with(study, chance, -0.025, hit=Interval(-0.2, 0.0))


def test_a_sentence_says_how_fast_only_where_the_rounds_agree(study: Study) -> None:
    none = Interval(0, 0)
    fast = sentence_with(study, none, speed=Ratio(2.4, 1.9, 2.6, rounds=5))
    assert "2.4 times as fast (1.9 to 2.6) on 1 text and 2.4 times as fast (1.9 to 2.6) on 32 texts" in fast
    slow = sentence_with(study, none, speed=Ratio(0.5, 0.4, 0.8, rounds=5))
    assert "2.0 times as slow (1.2 to 2.5) on 32 texts" in slow
    assert "no clear difference in time (0.8 to 4.9) on 1 text" in sentence_with(
        study, none, speed=Ratio(2, 0.8, 4.9, rounds=5)
    )
    assert "too few rounds to say how fast" in sentence_with(study, none), "two are measured"


def test_the_headline_names_the_smallest_that_is_not_worse(study: Study) -> None:
    line = headline(study)
    assert re.fullmatch(r"bf16: 50% smaller, nDCG@10 0\.\d{3} \(fp32: 0\.\d{3}\)", line), (
        "two rounds: no speed"
    )
    timed = replace(row(study, "bf16"), speeds={32: Ratio(2.4, 1.9, 2.6, rounds=3)})
    told = headline(replace(study, rows=(study.reference, timed)))
    assert told == f"{line}, 2.4 times as fast on 32 texts" and len(told) <= 100
    worst = replace(study, rows=(study.rows[0], row(study, "layers-3-first")))
    assert headline(worst) == "every change lowers what is found"
    fewer = replace(row(study, "bf16"), hit_shift=Shift(-0.1, Interval(-0.2, -0.02)))
    assert headline(replace(study, rows=(study.reference, fewer))) == "every change lowers what is found"


def test_the_charts_hold_every_variant(study: Study) -> None:
    drawn = chart.figure(study.rows)
    names = [text.get_text() for text in drawn.axes[0].texts]
    assert names == ["fp32, 91 MB", "bf16, 45 MB", "int8-channel, 59 MB", "layers-3-first, 70 MB"]
    assert chart.png(study.rows).startswith(b"\x89PNG")
    spec = chart.interactive(study.rows, "batch1_p50_ms", "cosine_mean").to_dict()
    (data,) = spec["datasets"].values()
    assert [point["variant"] for point in data] == list(NAMES)
    assert spec["layer"][0]["encoding"]["y"]["field"] == "cosine_mean"


# Search before and after -----------------------------------------------------------------------------


def test_the_top_passages_are_those_of_an_exact_search(known: Encode) -> None:
    index = Index(known)
    question = questions()[0]
    asked = known([question.text])[0].astype(np.float64)
    scores = [float(asked @ known([p.text])[0].astype(np.float64)) for p in passages()]
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[:5]
    found = index.top(question.text)
    assert [f.passage for f in found] == [passages()[i] for i in best]
    assert [f.cosine for f in found] == pytest.approx([scores[i] for i in best], abs=1e-5)
    assert cosine(known, question.text, question.text) == pytest.approx(1, abs=1e-6)


def test_texts_for_timing_are_from_all_over_the_corpus() -> None:
    texts = spread(32)
    assert len(set(texts)) == 32
    assert (texts[0], texts[-1]) == (passages()[0].text, passages()[-1].text)


# What is kept ----------------------------------------------------------------------------------------


def test_a_study_is_a_run_with_a_child_for_each_variant(study: Study) -> None:
    kept = record(study, source="test")
    assert kept.run.id
    client = store.prepare_store()
    parent = client.get_run(kept.run.id)
    assert parent.data.params["variants"] == ",".join(NAMES)
    assert (parent.data.tags["device"], parent.data.tags["seed"]) == ("cpu", "0")
    assert {f.path for f in client.list_artifacts(kept.run.id)} == {
        "variants.json", "sentences.md", "slim.png",
    }  # fmt: skip
    assert parent.data.metrics["bf16/ndcg_at_10"] == pytest.approx(row(study, "bf16").metrics["ndcg_at_10"])
    headlines = {f"{found.name}/{name}" for found in study.rows for name in HEADLINE if name in found.metrics}
    assert {name for name in parent.data.metrics if "/" in name} == headlines
    assert all(line in parent.data.tags[NOTE] for line in sentences(study))
    where = f"tags.mlflow.parentRunId = '{kept.run.id}'"
    children = {run.info.run_name: run for run in client.search_runs([parent.info.experiment_id], where)}
    assert children.keys() == set(NAMES) == kept.urls.keys()
    for found in study.rows:
        metrics = children[found.name].data.metrics
        assert {name: metrics[name] for name in found.metrics} == pytest.approx(found.metrics)
        assert (kept.urls[found.name] or "").endswith(children[found.name].info.run_id)
    assert runs.find(kept.run.id)["tags"]["source"] == "test"


def test_the_plain_data_say_the_same(study: Study) -> None:
    told = as_dict(study)
    assert [v["variant"] for v in told["variants"]] == list(NAMES)
    assert told["variants"][1]["ndcg_at_10"] == row(study, "bf16").metrics["ndcg_at_10"]
    assert [v["says"] for v in told["variants"]] == sentences(study)
