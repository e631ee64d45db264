"""Rounding a product's weights so that its results change least on samples.

For each group of rows w (real numbers) that meet real columns x, and integers times scales v that
meet what is stored of them, y:

    v = argmin  E |w x - v y|^2 + damping |v - w|^2

is first solved in real numbers, v = (w E[x y'] + damping w) H^-1 with H = E[y y'] + damping, all
moments about the means, as the bias takes these up. Then columns are rounded one after the other,
each error made good by the columns that are still to come: with the upper Cholesky factor U of
H^-1, rounding column j of v by e moves those after it by -(e / U[j, j]) U[j, j+1:] (Frantar et al.,
GPTQ, arXiv:2210.17323, section 3). Last, each integer in turn becomes the best one for the others,
and each row's scale the best one for its integers, by the same measure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]

DAMPING = 0.01
"""When weights are rounded, over the mean of the diagonal of E[y y']."""

CAUTIONS = (0.02, 0.1, 0.5, 2.0, 10.0)
"""The same when they are adapted, which few samples could lead astray: held-out ones decide."""

ALIKE = 4
"""Positions that count as one sample: neighbours in an image tell much the same."""

PRECISION = 1e-5
"""What sums of float32 products are exact to: of mean squares less than that is no variance."""

BLOCK = 64
"""Columns of a block."""

COLUMNS = 2400
"""Most weights of a row that are rounded together: the moments of more take too much memory."""

ROUNDS = 3
"""How often integers and scales are improved in turn."""

BATCH = 8192
"""Positions that are multiplied at once."""


@dataclass
class Moments:
    """Sums over what rows meet, real (x) and stored (y): [groups, columns(, columns)].

    Those of products are empty where there are more than `COLUMNS` columns.
    """

    count: int
    x: Doubles
    y: Doubles
    xy: Doubles
    yy: Doubles

    @staticmethod
    def of(samples: Iterable[tuple[Floats, Floats]]) -> "Moments":
        """The sums over pairs of columns (x, y), each [groups, columns, positions]."""
        total: Moments | None = None
        for x, y in _batches(samples):
            if total is None:
                columns = x.shape[1] if x.shape[1] <= COLUMNS else 0
                vector, matrix = np.zeros(x.shape[:2]), np.zeros((len(x), columns, columns))
                total = Moments(0, vector, vector.copy(), matrix, matrix.copy())
            transposed = y.swapaxes(1, 2)
            total.count += x.shape[-1]
            total.x += x.sum(axis=-1, dtype=np.float64)
            total.y += y.sum(axis=-1, dtype=np.float64)
            if not total.yy.size:
                continue
            with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is seen later
                total.xy += x @ transposed
                total.yy += y @ transposed
        assert total is not None, "there are samples"
        return total

    def __add__(self, other: "Moments") -> "Moments":
        return Moments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    @property
    def finite(self) -> bool:
        """Whether float32 has held the sums of all products."""
        return bool(np.isfinite(self.xy).all() and np.isfinite(self.yy).all())

    @property
    def covariances(self) -> tuple[Doubles, Doubles]:
        """E[x y'] and E[y y'] about the means."""
        mean_x, mean_y = self.x / self.count, self.y / self.count
        return (
            self.xy / self.count - mean_x[:, :, None] * mean_y[:, None, :],
            self.yy / self.count - mean_y[:, :, None] * mean_y[:, None, :],
        )

    @property
    def trusted(self) -> tuple[Doubles, Doubles]:
        """The covariances as far as so many samples can be trusted.

        What columns have in common is taken less seriously the more columns there are for each
        sample: off the diagonal by the factor 1 - columns / (columns + samples) (after Ledoit and
        Wolf, J. Portfolio Management 30(4), 2004, with their intensity replaced by this rule).
        """
        columns, samples = self.x.shape[-1], self.count / ALIKE
        trust = np.full((columns, columns), samples / (columns + samples))
        np.fill_diagonal(trust, 1)
        xy, yy = self.covariances
        least = PRECISION * self.yy / self.count * np.eye(columns)
        return xy * trust, yy * trust + least


def _batches(samples: Iterable[tuple[Floats, Floats]]) -> Iterator[tuple[Floats, Floats]]:
    """Pairs of columns put together: a few large products are faster than many small ones."""
    waiting: list[tuple[Floats, Floats]] = []

    def together() -> tuple[Floats, Floats]:
        x, y = zip(*waiting, strict=True)
        return np.concatenate(x, axis=-1), np.concatenate(y, axis=-1)

    for pair in samples:
        waiting.append(pair)
        if sum(x.shape[-1] for x, _ in waiting) >= BATCH:
            yield together()
            waiting.clear()
    if waiting:
        yield together()


def damped(covariance: Doubles, part: float) -> Doubles:
    """A covariance [groups, columns, columns] with `part` of its mean diagonal on the diagonal."""
    diagonal: Doubles = np.einsum("gii->gi", covariance).mean(axis=1)
    damping = part * np.maximum(diagonal, 1e-12)
    identity: Doubles = np.eye(covariance.shape[-1])
    return (covariance + damping[:, None, None] * identity).astype(np.float64)


def adapted(rows: Doubles, halves: tuple[Moments, Moments]) -> Doubles:
    """Rows [groups, rows, columns] that on stored columns give what `rows` give on real ones.

    The damping is the one of `CAUTIONS` with which rows adapted to either half of the samples are
    the nearest on the other half; where it is best not to, rows stay as they are.
    """
    errors = [0.0] * len(CAUTIONS)
    kept = 0.0
    for known, held_out in (halves, halves[::-1]):
        kept += _apart(rows, rows, held_out)
        for place, caution in enumerate(CAUTIONS):
            errors[place] += _apart(rows, _solved(rows, known, caution), held_out)
    best = int(np.argmin(errors))
    return rows if kept <= errors[best] else _solved(rows, halves[0] + halves[1], CAUTIONS[best])


def _solved(rows: Doubles, moments: Moments, caution: float) -> Doubles:
    """The real solution with some damping."""
    xy, yy = moments.trusted
    whole = damped(yy, caution)
    right = rows @ (xy + (whole - yy))
    return np.asarray(np.linalg.solve(whole, right.swapaxes(1, 2)), np.float64).swapaxes(1, 2)


def _apart(rows: Doubles, found: Doubles, moments: Moments) -> float:
    """E |w x - v y|^2 about the means, summed over rows w and v, less what `rows` alone decide."""
    xy, yy = moments.covariances
    return float((found * (found @ yy - 2 * (rows @ xy))).sum())


def rounded(
    rows: Doubles, scales: Doubles, most: int, moments: Moments, fit: bool = True
) -> tuple[Doubles, Doubles]:
    """Integers [groups, rows, columns] for `rows`, within -most and most, and their scales.

    `scales` [groups, rows] are the rows' own to begin with, and to the end without `fit`.
    """
    metric = damped(moments.trusted[1], DAMPING)
    try:
        codes = _rounded_in_order(rows, scales, most, metric)
    except np.linalg.LinAlgError:  # samples that hardly vary: rounding is all that sums leave
        metric = np.broadcast_to(np.eye(metric.shape[-1]), metric.shape)
        codes = _rounded_in_order(rows, scales, most, metric)
    for _ in range(ROUNDS):
        codes = _settled(rows, codes, scales, most, metric)
        scales = _fitted(rows, codes, scales, metric) if fit else scales
    return _settled(rows, codes, scales, most, metric), scales


def _rounded_in_order(rows: Doubles, scales: Doubles, most: int, metric: Doubles) -> Doubles:
    """Integers, each column's errors made good by those after it."""
    # numpy gives the lower factor L of H^-1 = L L'; U = L'.
    inverse = np.linalg.inv(metric).astype(np.float64)
    factor = np.linalg.cholesky(inverse).swapaxes(1, 2)
    factor = factor / np.einsum("gii->gi", factor)[:, :, None]
    left, codes = rows.copy(), np.zeros_like(rows)
    for block in _blocks(rows):
        errors = np.zeros_like(rows[:, :, block])
        for column in range(block.start, block.stop):
            place = column - block.start
            value = left[:, :, column]
            codes[:, :, column] = np.clip(np.rint(value / scales), -most, most)
            errors[:, :, place] = value - codes[:, :, column] * scales
            inside = slice(column + 1, block.stop)
            left[:, :, inside] -= errors[:, :, place, None] * factor[:, None, column, inside]
        left[:, :, block.stop :] -= errors @ factor[:, block, block.stop :]
    return codes


def _settled(rows: Doubles, codes: Doubles, scales: Doubles, most: int, metric: Doubles) -> Doubles:
    """Integers of which each is the best one for the others as they were when its turn came."""
    codes = codes.copy()
    slope = (rows - codes * scales[:, :, None]) @ metric
    for block in _blocks(rows):
        near = slope[:, :, block]
        moves = np.zeros_like(near)
        for column in range(block.start, block.stop):
            place = column - block.start
            before = codes[:, :, column].copy()
            wanted = before * scales + near[:, :, place] / metric[:, column, column, None]
            codes[:, :, column] = np.clip(np.rint(wanted / scales), -most, most)
            moves[:, :, place] = (codes[:, :, column] - before) * scales
            near = near - moves[:, :, place, None] * metric[:, None, column, block]
        slope -= moves @ metric[:, block, :]
    return codes


def _blocks(rows: Doubles) -> Iterator[slice]:
    """The columns of `rows` in blocks: what is outside of one is changed by all of it at once."""
    for start in range(0, rows.shape[-1], BLOCK):
        yield slice(start, min(start + BLOCK, rows.shape[-1]))


def _fitted(rows: Doubles, codes: Doubles, scales: Doubles, metric: Doubles) -> Doubles:
    """The scales [groups, rows] that suit the integers best; as they were where that is none."""
    along = codes @ metric
    length = (along * codes).sum(axis=-1)
    best = (along * rows).sum(axis=-1) / np.where(length > 0, length, 1)
    best = best.astype(np.float32).astype(np.float64)
    return np.where((length > 0) & (best > scales / 2) & (best < scales * 2), best, scales)
