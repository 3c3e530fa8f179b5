"""The exam of level 2: find the passage that answers, by its words alone. No hints this time.

`rank` lists the numbers of all passages, the most promising first. Counting how many words a passage shares
with the question finds too little: "the" counts as much as "perplexity". Do better, with Python and numpy.

    rank("Who moves the SEA?", ["The end.", "Sea, moved by the moon."])      [1, 0]

Judged by hit@5, on questions about 56 articles; at least 0.75 is needed. The other 28, with their questions,
are yours to try things on: run this file. Check with: ladder gate 2
"""

import math
import re
from collections import Counter
from collections.abc import Sequence


def words(text: str) -> list[str]:
    """The words of a text, in order, as they are to be compared."""
    return re.findall(r"\w+", text.lower())


def rank(question: str, passages: Sequence[str]) -> list[int]:
    """The numbers of all passages, from 0, the most promising first."""
    counts = [Counter(words(passage)) for passage in passages]
    held_by = Counter(word for count in counts for word in count)

    def score(number: int) -> float:
        """BM25: a rare word says more, a second mention less, and a long passage holds anything."""
        count, total = counts[number], 0.0
        for word in set(words(question)):
            rarity = math.log(1 + (len(counts) - held_by[word] + 0.5) / (held_by[word] + 0.5))
            total += rarity * count[word]
        return total

    return sorted(range(len(passages)), key=score, reverse=True)


if __name__ == "__main__":
    from level2_prompting.evaluate import relevant
    from level2_prompting.frozen import articles, questions
    from level2_prompting.split import split

    chunks = [chunk for article in articles()[::3] for chunk in split(article.text, article.name)]
    sources = {chunk.source for chunk in chunks}
    asked = [question for question in questions("development") if question.source in sources]
    hits = 0
    for question in asked:
        five = rank(question.text, [chunk.text for chunk in chunks])[:5]
        hits += any(relevant(question, chunks[number]) for number in five)
    print(f"hit@5 {hits / len(asked):.3f} on {len(asked)} questions")
