"""Runs ZigZag in its own interpreter, for benchmarks/zigzag.py: a request in, facts out, as JSON.

`python -P zigzag_peer.py REQUEST ANSWER`. The request names files of ZigZag's `inputs`
(`accelerator`, `mapping`, `workload`), `limit` (loops a nest, `lpf_limit`), and an `action`: "dump"
costs of every `every`-th mapping; "search" for the best mapping of each layer by `objective`, with
the time it takes; "check" costs of the `mappings` given for each layer. It imports nothing but
ZigZag.
"""

import json
import logging
import sys
import time
from itertools import pairwise
from pathlib import Path

import zigzag
from zigzag.mapping.temporal_mapping import TemporalMapping, TemporalMappingType
from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage
from zigzag.stages.main import MainStage
from zigzag.stages.mapping.spatial_mapping_generation import SpatialMappingGeneratorStage
from zigzag.stages.mapping.temporal_mapping_generator_stage import TemporalMappingGeneratorStage
from zigzag.stages.parser.accelerator_parser import AcceleratorParserStage
from zigzag.stages.parser.onnx_model_parser import ONNXModelParserStage
from zigzag.stages.parser.workload_parser import WorkloadParserStage
from zigzag.stages.results.reduce_stages import MinimalEnergyStage, MinimalLatencyStage
from zigzag.stages.stage import Stage
from zigzag.stages.workload_iterator import WorkloadStage

INPUTS = Path(next(iter(zigzag.__path__))) / "inputs"
WAYS = ("rd_out_to_low", "wr_in_by_low", "rd_out_to_high", "wr_in_by_high")
OBJECTIVES = {"energy": MinimalEnergyStage, "latency": MinimalLatencyStage}


class Sample(Stage):
    """Passes on each `sample_every`-th mapping of a layer."""

    seen: dict[str, int] = {}  # noqa: RUF012

    def run(self):
        """Run what follows, or nothing."""
        name = self.kwargs["layer"].name
        self.seen[name] = self.seen.get(name, -1) + 1
        if self.seen[name] % self.kwargs["sample_every"] == 0:
            yield from self.list_of_callables[0](self.list_of_callables[1:], **self.kwargs).run()


class Given(Stage):
    """Passes on the mappings of the request."""

    def run(self):
        """Run what follows with each mapping of the layer."""
        layer = self.kwargs["layer"]
        dims = {str(dim): dim for dim in layer.layer_dims}
        for given in self.kwargs["given"].get(layer.name, []):
            loops = [(dims[dim], size) for dim, size in given["loops"]]
            held = {}
            for operand in layer.layer_operands:
                ends = [0, *given["ends"][operand.name]]
                held[operand] = [loops[a:b] for a, b in pairwise(ends)]
            arguments = dict(self.kwargs)
            arguments["temporal_mapping"] = TemporalMapping(held, layer, TemporalMappingType.UNEVEN)
            yield from self.list_of_callables[0](self.list_of_callables[1:], **arguments).run()


class Counted(CostModelStage):
    """Counts evaluations."""

    count = 0

    def run(self):
        """Evaluate one mapping."""
        Counted.count += 1
        yield from super().run()


def evaluations(request, *last):
    """All evaluations that reach the end of ZigZag's stages, of which these are the last."""
    workload = str(INPUTS / "workload" / request["workload"])
    stages = [
        ONNXModelParserStage if workload.endswith(".onnx") else WorkloadParserStage,
        AcceleratorParserStage,
        WorkloadStage,
        *last,
    ]
    main = MainStage(
        stages,
        workload=workload,
        accelerator=str(INPUTS / "hardware" / request["accelerator"]),
        mapping=str(INPUTS / "mapping" / request["mapping"]),
        loma_lpf_limit=request["limit"],
        loma_show_progress_bar=False,
        nb_mappings_generated=1,
        access_same_data_considered_as_no_access=True,
        temporal_mapping_type=TemporalMappingType.UNEVEN,
        sample_every=request.get("every", 1),
        given=request.get("mappings", {}),
    )
    return [evaluation for evaluation, _ in main.run()]


def layer_facts(layer):
    """A layer in the form of ZigZag's workload files."""
    sizes = layer.layer_dim_sizes
    return {
        "name": layer.name,
        "operator_type": layer.type,
        "equation": layer.equation.data.replace(" ", ""),
        "loop_dims": [str(dim) for dim in layer.layer_dims],
        "loop_sizes": [sizes[dim] for dim in layer.layer_dims],
        "dimension_relations": [relation.data for relation in layer.dimension_relations],
        "pr_loop_dims": [str(dim) for dim in layer.pr_layer_dim_sizes.layer_dims],
        "pr_loop_sizes": [size for _, size in layer.pr_layer_dim_sizes.items()],
        "operand_precision": {str(k): v for k, v in layer.operand_precision.data.items()},
    }


def cost_facts(evaluation):
    """A mapping and what it costs."""
    held = evaluation.temporal_mapping.mapping_dic_origin
    first = evaluation.layer.layer_operands[0]
    ends = {}
    for operand, levels in held.items():
        counts = [len(loops) for loops in levels]
        ends[operand.name] = [sum(counts[: n + 1]) for n in range(len(counts))]
    return {
        "loops": [[str(dim), size] for loops in held[first] for dim, size in loops],
        "ends": ends,
        "accesses": {
            operand.name: [[level.data[way] for way in WAYS] for level in levels]
            for operand, levels in evaluation.memory_word_access.items()
        },
        "energy": evaluation.energy_total,
        "latency": evaluation.latency_total2,
        "stalls": evaluation.stall_slack_comb,
        "loading": evaluation.data_onloading_cycle,
        "storing": evaluation.data_offloading_cycle,
    }


def by_layer(evaluations):
    """Layers with their unrolled loops and their costs."""
    result = {}
    for evaluation in evaluations:
        layer = evaluation.layer
        unrolled = {
            str(axis): {str(dim): factor for dim, factor in loops.items()}
            for axis, loops in layer.spatial_mapping.items()
        }
        new = {"layer": layer_facts(layer), "unrolled": unrolled, "mappings": []}
        result.setdefault(layer.name, new)["mappings"].append(cost_facts(evaluation))
    return list(result.values())


def answer(request):
    """What the request asks for."""
    if request["action"] == "check":
        found = evaluations(request, SpatialMappingGeneratorStage, Given, CostModelStage)
        return {"layers": by_layer(found)}
    if request["action"] == "dump":
        generated = (SpatialMappingGeneratorStage, TemporalMappingGeneratorStage)
        return {"layers": by_layer(evaluations(request, *generated, Sample, CostModelStage))}
    best = OBJECTIVES[request["objective"]]
    generated = (SpatialMappingGeneratorStage, best, TemporalMappingGeneratorStage)
    begin = time.process_time()
    found = evaluations(request, best, *generated, Counted)
    seconds = time.process_time() - begin
    return {"layers": by_layer(found), "seconds": seconds, "evaluated": Counted.count}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asked = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    Path(sys.argv[2]).write_text(json.dumps(answer(asked)), encoding="utf-8")
