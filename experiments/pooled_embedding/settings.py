"""The hyperparameters of both models."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Hyperparameters:
    """Chosen on 2,500 of the training reviews, held out for that; never on test reviews.

    Attributes:
      width: Entries of a word vector, hence pooled dimensions.
      hidden: Units of the dense layer.
      rate: The learning rate of Adam.
      epochs: Passes over the training reviews.
      batch: Reviews a step.
    """

    width: int = 128
    hidden: int = 64
    rate: float = 1e-3
    epochs: int = 3
    batch: int = 64
