"""Why a pipeline cannot be read, drawn or planned. Raised to the operations, which show one line and the user's frames."""

from __future__ import annotations


class PipelineBroken(Exception):
    """A pipeline could not be made ready to run. The message is one line, for people, with the next step."""

    def __init__(self, message: str, user_frames: str = "") -> None:
        super().__init__(message)
        self.user_frames = user_frames
        """A traceback of the user's own frames, with the workspace's paths; empty where the message says it all."""


class PipelineNotFound(PipelineBroken):
    """No such pipeline file, or no such pipeline in it."""


class WrongParameters(PipelineBroken):
    """A parameter is unknown, missing, or its value does not fit its type."""


class TypesDoNotFit(PipelineBroken):
    """What one step gives cannot be what another one takes."""


class GraphBroken(PipelineBroken):
    """The steps do not make a graph: a cycle, an unknown step, an output that does not exist."""


class SnapshotFailed(PipelineBroken):
    """The workspace's code could not be copied: too large, not readable, or it kept changing."""
