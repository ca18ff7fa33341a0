"""The error of this component."""


class LogError(ValueError):
    """A log or side table that is not what its settings say: the message names file, column and value.

    It takes the message alone, so that Beam can add its step to it and send it from a worker to the runner.
    """
