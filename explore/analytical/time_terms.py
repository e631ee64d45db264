"""The cycles of layers on one machine, opened into what they are made of (`analytical.time`)."""

import numpy as np
import numpy.typing as npt

from ...passes.tilings import Transfer
from ..terms import Term
from .network import Layer, Movement
from .tiles import Pieces
from .time import MovementTime, ProductTime, Timeline

_CYCLES = "cycles"


def _one(values: int | npt.NDArray[np.int64]) -> int:
    """The number of the one machine."""
    return int(np.asarray(values).ravel()[0])


def _given(name: str, values: int | npt.NDArray[np.int64], text: str, unit: str = _CYCLES) -> Term:
    return Term(name, _one(values), unit, text)


def start_term(line: Timeline) -> Term:
    """The cycles before the first layer."""
    return _given("start", line.start, "the DRAM's latency, for the code and for the input")


def movement_term(layer: Layer, step: MovementTime) -> Term:
    """A layer of the vector lanes, or a copy."""
    work = layer.work
    body = Term(
        "side by side",
        _one(step.body),
        _CYCLES,
        "what takes longest",
        "largest",
        (
            _given("vector", step.lanes, "elements that the lanes read, over the lanes"),
            _given("port", step.port, "bytes over the width of all engines, loaded or stored"),
            _given("dram", step.dram, "bytes over the DRAM's bandwidth"),
        ),
    )
    exposed = _given("exposed", step.exposed, "the DRAM's latency before the work and after it")
    text = work.what or "a copy" if isinstance(work, Movement) else ""
    return Term(layer.name, _one(step.cycles), _CYCLES, text, "sum", (body, exposed))


def product_term(layer: Layer, step: ProductTime, pieces: Pieces, text: str) -> Term:
    """A convolution or matrix product; `text` says how it is mapped."""
    turn = Term(
        "in turn",
        _one(step.switched + step.work),
        _CYCLES,
        "the configuration, then the work",
        "sum",
        (_switch(step), _work(step, pieces)),
    )
    late = Term("weights", 0, _CYCLES, "all are there when the layer begins")
    if _one(step.late):
        late = _late(step)
    body = Term("body", _one(step.body), _CYCLES, "", "largest", (turn, late))
    return Term(layer.name, _one(step.cycles), _CYCLES, text, "sum", (body, _exposed(step, pieces)))


def _switch(step: ProductTime) -> Term:
    """Until the configuration is there."""
    fetch = Term(
        "stall",
        _one(np.maximum(step.switch.fetch - step.hidden, 0)),
        _CYCLES,
        "what of the fetch does not go on beside the layer before",
        "excess",
        (
            _given("fetch", step.switch.fetch, "of the configuration's bytes from the DRAM"),
            _given("layer before", step.hidden, "0 without shadow registers"),
        ),
    )
    change = _given("change", step.switch.change, "the machine's switch_cycles; 0 if it stays")
    return Term("switch", _one(step.switched), _CYCLES, "", "sum", (change, fetch))


def _work(step: ProductTime, pieces: Pieces) -> Term:
    """What goes on side by side."""
    cost, compute = step.cost, _compute(step, pieces)
    ways = (
        compute,
        _vector(step, pieces),
        _ring(step, pieces, compute),
        _port(step, pieces),
        Term(
            "dram and waiting",
            _one(cost.dram + step.waiting),
            _CYCLES,
            "transfers, and their turns with weights of later layers",
            "sum",
            (_dram(step, pieces), _waiting(step)),
        ),
    )
    return Term("work", _one(step.work), _CYCLES, "what takes longest", "largest", ways)


def _compute(step: ProductTime, pieces: Pieces) -> Term:
    occupancy = _given("array", pieces.occupancy, "for a tile: docs/time.md, Convolutions")
    tiles = _given("tiles", pieces.tiles, "of the layer", "")
    return Term("compute", _one(step.cost.compute), _CYCLES, "", "product", (occupancy, tiles))


def _vector(step: ProductTime, pieces: Pieces) -> Term:
    drain = _given("drain", pieces.drain, "sums that leave through the lanes")
    epilogue = _given("epilogue", pieces.epilogue, "on the lanes; 0 if nothing is fused")
    each = Term(
        "results",
        _one(pieces.drain + pieces.epilogue),
        _CYCLES,
        "of a tile",
        "sum",
        (drain, epilogue),
    )
    tiles = _given("tiles with results", pieces.results, "of the layer", "")
    lanes = Term("lanes", _one(pieces.lanes), _CYCLES, "", "product", (each, tiles))
    latency = _given("latency", pieces.latency, "until the last sums of a tile are out")
    drained = _one(np.minimum(pieces.drain, pieces.latency))
    left = Term("left", drained, _CYCLES, "of the last tile", "least", (drain, latency))
    last = Term("last", _one(pieces.last), _CYCLES, "is exposed", "sum", (epilogue, left))
    return Term("vector", _one(step.cost.vector), _CYCLES, "", "excess", (lanes, last))


def _ring(step: ProductTime, pieces: Pieces, compute: Term) -> Term:
    """The longest ring; those that have one tile are none."""
    rings: list[Term] = []
    for name, count, each, cycles in pieces.rings:
        if _one(count) < 2:
            continue
        through = Term(
            "others",
            _one(each * count),
            _CYCLES,
            "",
            "product",
            (_given("transfer and latency", each, "of a tile"), _given("tiles", count, "", "")),
        )
        both = Term("through", _one(each * count) + compute.value, _CYCLES, "", "sum",
                    (compute, through))  # fmt: skip
        slots = _given("slots", pieces.depth, "of the ring", "")
        rings.append(Term(name, _one(cycles), _CYCLES, "", "floor", (both, slots)))
    text = "a slot is free again when all work on its tile is done"
    if not rings:
        return _given("ring", step.cost.ring, "no ring has two tiles")
    return Term("ring", _one(step.cost.ring), _CYCLES, text, "largest", tuple(rings))


def _name(move: Transfer) -> str:
    return {"I": "inputs", "W": "weights", "O": "results"}[move.operand]


def _times(move: Transfer, each: npt.NDArray[np.int64], text: str) -> Term:
    """All transfers of a kind."""
    parts = (_given("transfer", each, text), _given("tiles", move.count, "", ""))
    return Term(_name(move), _one(each * move.count), _CYCLES, f"by {move.dma}", "product", parts)


def _port(step: ProductTime, pieces: Pieces) -> Term:
    sums = pieces.by_port(lambda move: move.count * move.port)
    classes = tuple(
        Term(
            dma,
            _one(cycles),
            _CYCLES,
            "a class of DMA engines",
            "sum",
            tuple(
                _times(move, move.port, "runs of bytes over the width of all engines")
                for move in pieces.moves
                if move.dma == dma
            ),
        )
        for dma, cycles in sums.items()
    )
    if not classes:
        return _given("port", step.cost.port, "nothing is loaded or stored but weights")
    return Term("port", _one(step.cost.port), _CYCLES, "the longest", "largest", classes)


def _dram(step: ProductTime, pieces: Pieces) -> Term:
    again = Term(
        "weights again",
        _one((pieces.weights.count - pieces.once) * pieces.weight_tile),
        _CYCLES,
        "beyond once, which comes ahead",
        "product",
        (
            _given("transfer", pieces.weight_tile, "of a tile of weights, port or DRAM"),
            _given("tiles", pieces.weights.count - pieces.once, "", ""),
        ),
    )
    moves = (_times(move, move.dram, "whole bursts over the bandwidth") for move in pieces.moves)
    return Term("dram", _one(step.cost.dram), _CYCLES, "", "sum", (again, *moves))


def _waiting(step: ProductTime) -> Term:
    turns = Term(
        "turns",
        _one(step.turns),
        _CYCLES,
        "each transfer waits for a tile of weights",
        "product",
        (
            _given("transfers", step.cost.transfers, "of the class that has most", ""),
            _given("tile", step.next_tile, "of the next layer's weights"),
        ),
    )
    due = Term(
        "all that is due",
        _one(step.due_cycles),
        _CYCLES,
        "",
        "ceiling",
        (
            _given("due", step.due, "weights for which there is room", "B"),
            _given("rate", step.rate, "of the DRAM or of the port of weights", "B/cycle"),
        ),
    )
    return Term("waiting", _one(step.waiting), _CYCLES, "for the DRAM", "least", (turns, due))


def _late(step: ProductTime) -> Term:
    """Where weights that the layer needs are still to come."""
    parts = (
        Term(
            "missing",
            _one(step.missing_cycles),
            _CYCLES,
            "weights that the layer needs and that have not come",
            "ceiling",
            (
                _given("bytes", step.missing, "", "B"),
                _given("rate", step.rate, "of the DRAM or of the port of weights", "B/cycle"),
            ),
        ),
        _given("latency", step.latency, "of the DRAM"),
        _given("last tile", step.last_tile, "to be computed"),
    )
    return Term("weights", _one(step.late), _CYCLES, "until all are there", "sum", parts)


def _exposed(step: ProductTime, pieces: Pieces) -> Term:
    first = [
        Term(
            f"first {_name(move)}" if move.operand != "O" else "last results",
            _one(pieces.lasts(move)),
            _CYCLES,
            f"a tile by {move.dma}",
            "sum",
            (
                Term(
                    "transfer",
                    _one(np.maximum(move.port, move.dram)),
                    _CYCLES,
                    "",
                    "largest",
                    (_given("port", move.port, ""), _given("dram", move.dram, "")),
                ),
                _given("latency", pieces.first, "of the DRAM"),
            ),
        )
        for move in pieces.moves
    ]
    latency = _given("last sums", pieces.latency, "on their way out of the array")
    epilogue = _given("epilogue", pieces.epilogue, "of the last tile")
    text = "before the first tile and after the last one"
    parts = (latency, epilogue, *first)
    return Term("exposed", _one(step.cost.exposed), _CYCLES, text, "sum", parts)
