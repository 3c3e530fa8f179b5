"""What NAME must do."""

from collections.abc import Iterator
from types import ModuleType

import numpy as np

from shared.study import Case


def cases(work: ModuleType, rng: np.random.Generator) -> Iterator[Case]:
    """The simplest first."""
    yield Case("a number", call="answer", args=(20,), expected=21, mistakes={"doubles": 40})
    drawn = int(rng.integers(2, 1000))
    yield Case("any number", call="answer", args=(drawn,), expected=drawn + 1)
