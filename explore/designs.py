"""What `tilefold explore` explores: the machines of a family for the networks of some files."""

from collections.abc import Sequence
from pathlib import Path

from ..errors import TilefoldError
from .analytical.network import Network
from .evaluator import Evaluator, Options
from .families import Family
from .machine_evaluator import MachineEvaluator
from .pipeline_evaluator import PipelineEvaluator
from .pipelines import PipelineFamily

FAMILIES = Family.name, PipelineFamily.name


def evaluator_of(networks: Sequence[Path], options: Options) -> Evaluator:
    """The analytical evaluator of quantised models, each by its file's name.

    Raises TilefoldError for a model that cannot run on a machine alone, for equal names, and for a
    family that there is not.
    """
    chosen = options.family or Family.name
    if chosen not in FAMILIES:
        raise TilefoldError(f"--family {chosen}: there are {' and '.join(FAMILIES)}")
    names = [_name(path) for path in networks]
    for name in names:
        if names.count(name) > 1:
            raise TilefoldError(f"two models are called {name}: rename one of the files")
    read = [Network(name, path) for name, path in zip(names, networks, strict=True)]
    technology = options.technology or Family.technology
    if chosen == PipelineFamily.name:
        return PipelineEvaluator(read, PipelineFamily(technology))
    return MachineEvaluator(read, Family(technology))


def _name(path: Path) -> str:
    """A file's name as an identifier."""
    name = "".join(each if each.isalnum() else "_" for each in path.stem)
    return name if name.isidentifier() else f"net_{name}"
