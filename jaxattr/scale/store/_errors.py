"""What can be wrong with a store, as types that a program can tell apart."""


class StoreError(ValueError):
    """The folder of a run is not as a run leaves it: a file is damaged, foreign or missing."""


class ChangedError(StoreError):
    """A run was begun with other parameters, code, data, options or versions; `fields` names what changed."""

    def __init__(self, message: str, fields: list[str]) -> None:
        super().__init__(message)
        self.fields = fields
