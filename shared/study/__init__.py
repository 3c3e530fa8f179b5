"""The study path: exercises in a workspace of the learner's own, checked, hinted, and recorded by name.

Read the modules in this order: exercise, case, compare, child, check, workspace, progress, show, watch.
"""

from shared.study.case import Case as Case
from shared.study.case import raised as raised
