"""Level 5, write new components: BitLinear, a linear layer with weights of -1, 0 and 1.

Read the modules in this order: quantise, bitlinear, reference, verify, checks, convert, train.
"""

from shared.levels import Baseline, Level

LEVEL = Level(
    number=5,
    slug="level5-components",
    title="A new layer from a paper",
    question="How do I turn a paper's equations into a layer that I can trust?",
    minutes=45,
    exercises=("absmean",),
    baseline=Baseline(
        metric="iou/val/ternary",
        value=0.69,  # measured 0.702; two threads, or no AVX-512, change the fourth digit
        better="higher",
        run="train ",
        command="ladder level5 train",
        words="macro IoU 0.702 with ternary weights, 0.706 in full precision: 300 steps, seed 0",
    ),
)
