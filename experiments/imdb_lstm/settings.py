"""The hyperparameters of both models."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Those of the source, but for the number of epochs and the falling learning rate.

    Attributes:
      width: Entries of a word vector.
      units: Units of the LSTM.
      dropout: The share dropped in training; in Keras also of the recurrent state.
      rate: The first learning rate of Adam, the default of Keras; it falls to 0 along a cosine.
      epochs: Passes over the training reviews.
      batch: Reviews a step.
    """

    width: int = 128
    units: int = 128
    dropout: float = 0.2
    rate: float = 1e-3
    epochs: int = 2
    batch: int = 32
