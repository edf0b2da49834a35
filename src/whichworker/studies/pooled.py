"""Intervals of cells with two or three launches each: the cells of a workload share a variance.

Student's interval of two launches alone has one degree of freedom: ±1246 % was printed although
launches differed by a few percent. Here the variance of a cell is moderated (Smyth 2004). It begins
with pseudo-observations at the pooled variance of the other cells of its workload, and the
workload's at the usual variance of the study. So neither a lucky pair of launches nor a noisy
server misleads.

Cells measured side by side share the effect of the machine on their launches. It is removed,
because it does not distinguish them: an interval then compares the cells of a workload (Loftus &
Masson 1994), and does not describe the level that all share.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from msgspec import Struct
from scipy import special

ALPHA = 0.05
"""1 - the probability of an interval: 95 %."""
CELL_PSEUDO = 4.0
"""Pseudo-observations of a cell's variance, at the variance of the others.

They are enough to settle two launches, and few enough to let a noisy server show (coverage in
simulation: tests/studies/test_pooled.py).
"""
STUDY_PSEUDO = 2.0
"""Pseudo-observations of a workload's variance at the study's usual one.

Workloads differ in it more than the servers of one workload do.
"""
LEAST_FREEDOM = 2.0
"""Degrees of freedom for an interval: Student's t is 4.3 with two and 12.7 with one."""


class Cells(Struct, frozen=True):
    """The cells of one workload.

    Each has a mean of logarithms, a sum of squares with its degrees of freedom, and launches.
    """

    means: dict[str, float]
    squares: dict[str, float]
    freedom: dict[str, float]
    launches: dict[str, int]

    @property
    def variance(self) -> float | None:
        """Pooled over the cells; None if no cell has a second launch."""
        freedom = sum(self.freedom.values())
        return sum(self.squares.values()) / freedom if freedom > 0.5 else None


def gather(values: Mapping[str, Mapping[int, float]], *, side_by_side: bool) -> Cells:
    """The cells of a workload from logarithms by cell and pass.

    Least squares of cell + pass if they were measured `side_by_side`, otherwise of the cells
    alone. A cell that lacks passes is put at the level of all of them.
    """
    names = [name for name, blocks in values.items() if blocks]
    rows = [
        (at, block, value) for at, name in enumerate(names) for block, value in values[name].items()
    ]
    if not rows:
        return Cells({}, {}, {}, {})
    places = np.array([at for at, _, _ in rows])
    response = np.array([value for _, _, value in rows])
    blocks = sorted({block for _, block, _ in rows})
    design = np.zeros((len(rows), len(names) + len(blocks)))
    design[np.arange(len(rows)), places] = 1.0
    if side_by_side and len(names) > 1:
        design[np.arange(len(rows)), [len(names) + blocks.index(block) for _, block, _ in rows]] = (
            1.0
        )
    fit = np.linalg.pinv(design)
    effects = fit @ response
    residuals = response - design @ effects
    free = 1 - np.einsum("ij,ji->i", design, fit)  # the degrees of freedom that each value leaves
    level = float(np.mean(effects[len(names) :]))
    return Cells(
        means={name: float(effects[at]) + level for at, name in enumerate(names)},
        squares={
            name: float(np.sum(residuals[places == at] ** 2)) for at, name in enumerate(names)
        },
        freedom={
            name: max(0.0, float(np.sum(free[places == at]))) for at, name in enumerate(names)
        },
        launches={name: int(np.sum(places == at)) for at, name in enumerate(names)},
    )


def usual_variance(workloads: Sequence[Cells]) -> float | None:
    """The median of the workloads' pooled variances; None if none has any."""
    known = [variance for cells in workloads if (variance := cells.variance) is not None]
    return float(np.median(known)) if known else None


def half_width(cells: Cells, name: str, usual: float | None) -> float | None:
    """Half of a cell's interval, on the logarithms; None with too few launches.

    `usual` is the usual variance of the study's workloads, None if this is the only one.
    """
    freedom, squares = cells.freedom[name], cells.squares[name]
    others = sum(cells.freedom.values()) - freedom
    study = STUDY_PSEUDO if usual is not None else 0.0
    top = sum(cells.squares.values()) - squares + study * (usual or 0.0)
    prior = min(CELL_PSEUDO, others + study)
    known = prior + freedom
    if known < LEAST_FREEDOM - 1e-9 or freedom <= 1e-9:
        return None
    variance = squares + (prior * top / (others + study) if prior else 0.0)
    return float(special.stdtrit(known, 1 - ALPHA / 2)) * math.sqrt(
        variance / known / cells.launches[name]
    )
