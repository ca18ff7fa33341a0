"""Adam that leaves alone the rows of an embedding that a batch does not hold."""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras


class LazyAdam(keras.optimizers.Adam):
    """Adam, with sparse updates of what has sparse gradients.

    Keras' own decays both moments of every row and moves every row in each step, whatever the batch holds: for a table of
    10 million rows of 16 that is 0.64 GB in each of three variables, with as much again for what is computed in between.
    Here a row's moments decay, and the row moves, only in steps whose batch holds it. Dense gradients are treated as by
    Adam. The two differ for rows that come rarely: those keep the momentum that they had, and do not coast on it.

    Reference: the same rule is `LazyAdam` in TensorFlow Addons.
    """

    def update_step(self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable) -> None:
        """Moves ``variable`` by one step."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        if self.amsgrad:
            raise ValueError("LazyAdam has no `amsgrad` for sparse gradients")
        # Keras has summed the gradients of equal indices before.
        rows, values = gradient.indices, tf.cast(gradient.values, variable.dtype)
        rate = tf.cast(self.learning_rate, variable.dtype)
        step = tf.cast(self.iterations + 1, variable.dtype)
        beta_1, beta_2 = (tf.cast(beta, variable.dtype) for beta in (self.beta_1, self.beta_2))
        alpha = rate * tf.sqrt(1 - tf.pow(beta_2, step)) / (1 - tf.pow(beta_1, step))
        index = self._index_dict[self._var_key(variable)]
        first, second = self._momentums[index], self._velocities[index]
        mean = beta_1 * tf.gather(first, rows) + (1 - beta_1) * values
        square = beta_2 * tf.gather(second, rows) + (1 - beta_2) * tf.square(values)
        first.scatter_update(tf.IndexedSlices(mean, rows))
        second.scatter_update(tf.IndexedSlices(square, rows))
        variable.scatter_sub(tf.IndexedSlices(alpha * mean / (tf.sqrt(square) + self.epsilon), rows))
