"""Level 2's part of the tour: ten articles indexed, retrieval measured, three questions asked."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

ASKED = ("dev-09", "dev-33", "none-02")  # two that the articles answer, one that they do not


def tour(say: Callable[[str], None]) -> Outcome:
    """Index the articles, look how well passages are found, and ask three questions."""
    import time

    from level2_prompting.answers import answer_all
    from level2_prompting.evaluate import retrieval_scores
    from level2_prompting.library import bundled, bundled_documents, encode
    from level2_prompting.questions import questions
    from level2_prompting.record import record_evaluation

    began = time.monotonic()
    index = bundled()
    say("Indexing the ten articles …")
    manifest = index.build(bundled_documents())
    retrieval = retrieval_scores(encode())
    chosen = [question for question in questions() if question.id in ASKED]
    found = answer_all(index, asked=chosen)
    for _, answer in found.asked:
        say(f"{answer.question} {' '.join(answer.text.split())}")
    wall_s = time.monotonic() - began
    run = record_evaluation("tour", retrieval, found, manifest, wall_s, source="tour")
    declined = sum(answer.abstained for _, answer in found.asked)
    result = (
        f"{len(manifest.documents)} articles: hit@5 {retrieval.hit_at_5:.2f}, {len(chosen)} questions: "
        f"{len(chosen) - declined} answered with proven quotes, {declined} declined"
    )
    return Outcome(result, run.id, run.url)
