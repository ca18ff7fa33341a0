"""MGDA: the shortest vector in the convex hull of the tasks' gradients."""

from __future__ import annotations

import tensorflow as tf

from models.weighting.gram import RIDGE, GramWeighting


class MGDA(GramWeighting):
    """α = argmin |Σ_t α_t g_t|² over the simplex.

    Minus the result is a direction that makes no task's loss rise to first order, since Σ α g has an inner product of at
    least |Σ α g|² with every g_t. A task with a small gradient gets a large weight, one that is nearly trained nearly all.
    A gradient of exactly 0 would get all of it and stop the others: such a task is left out of the step.

    References: Désidéri, "Multiple-gradient descent algorithm (MGDA) for multiobjective optimization", 2012; Sener and
    Koltun, "Multi-Task Learning as Multi-Objective Optimization", NeurIPS 2018.
    """

    def coefficients(self, gram: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
        """α, float64 [T]."""
        return min_norm_point(gram, present)


def min_norm_point(gram: tf.Tensor, present: tf.Tensor) -> tf.Tensor:
    """Weights of the point of least norm in a convex hull, by an active-set method (Wolfe, 1976).

    A set of tasks grows and shrinks until the minimiser of its affine hull lies inside, and no task outside has a smaller
    inner product with that point than the point with itself. Few tasks take a few turns; the turns are bounded, and the
    point lies in the hull after any of them.

    Args:
      gram: float64 [T, T], positive semi-definite with a positive diagonal.
      present: bool [T], the tasks that take part.

    Returns:
      float64 [T], at least 0, sums to 1, 0 where not present; all 0 but for the first where none is.
    """
    count = gram.shape[0]
    squares = tf.linalg.diag_part(gram)
    gram = gram + RIDGE * tf.linalg.diag(squares)
    start = tf.argmin(tf.where(present, squares, float("inf")))
    support = tf.range(count, dtype=tf.int64) == start

    def turn(point: tf.Tensor, support: tf.Tensor, done: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        target = _affine_minimiser(gram, support)
        blocking = support & (target <= 0)
        # How far the way to the target stays in the hull.
        reach = tf.where(blocking, tf.math.divide_no_nan(point, point - target), 1.0)
        length = tf.reduce_min(reach)
        support = support & ~(blocking & (reach <= length))
        point = tf.where(support, point + length * (target - point), 0.0)
        point /= tf.reduce_sum(point)
        slopes = tf.linalg.matvec(gram, point)
        square = tf.tensordot(point, slopes, 1)
        outside = present & ~support
        entering = tf.argmin(tf.where(outside, slopes, float("inf")))
        arrived = ~tf.reduce_any(blocking)
        improves = tf.reduce_any(outside & (slopes < square * (1 - RIDGE)))
        enters = (tf.range(count, dtype=tf.int64) == entering) & arrived & improves
        return point, support | enters, arrived & ~improves

    point, _, _ = tf.while_loop(
        lambda point, support, done: ~done,
        turn,
        (tf.cast(support, tf.float64), support, tf.constant(False)),
        maximum_iterations=4 * count,
    )
    return point


def _affine_minimiser(gram: tf.Tensor, support: tf.Tensor) -> tf.Tensor:
    """Weights of the least-norm point in the affine hull of ``support``; they sum to 1 and may be negative."""
    inside = tf.cast(support, tf.float64)
    # Outside of the support the system reads z = 0.
    system = gram * inside[:, tf.newaxis] * inside[tf.newaxis, :] + tf.linalg.diag(1 - inside)
    found = tf.linalg.solve(system, inside[:, tf.newaxis])[:, 0]
    return found / tf.reduce_sum(found)
