"""Level 2's part of the tour: ten articles indexed, retrieval measured, three questions asked."""

from __future__ import annotations

from collections.abc import Callable

from shared.tour import Outcome

ASKED = ("dev-09", "dev-33", "none-02")  # two that the articles answer, one that they do not


def tour(say: Callable[[str], None]) -> Outcome:
    """Index the articles, look how well passages are found, and ask three questions."""
    from level2_prompting.evaluate import ARMS
    from level2_prompting.evaluation import evaluate
    from level2_prompting.library import bundled, bundled_documents
    from level2_prompting.material import development
    from level2_prompting.plan import CHOSEN
    from level2_prompting.record import record_evaluation

    articles = development("articles")
    asked = [question for question in articles.questions if question.id in ASKED]
    say("Indexing the ten articles …")
    bundled().build(bundled_documents())
    found = evaluate(articles, plans={name: arm for name, arm in ARMS.items() if arm == CHOSEN}, asked=asked)
    assert found.answers and found.chosen
    for _, answer in found.answers.asked:
        say(f"{answer.question} {' '.join(answer.text.split())}")
    run = record_evaluation(found, "tour", source="tour")
    declined = sum(answer.abstained for _, answer in found.answers.asked)
    result = (
        f"{len(articles.articles)} articles: hit@5 {found.chosen.figures['hit_at_5'].value:.2f}, "
        f"{len(asked)} questions: {len(asked) - declined} answered with proven quotes, {declined} declined"
    )
    return Outcome(result, run.id, run.url)
