"""Random small machines for property tests, built as text and read by the real parser."""

from random import Random

from tilefold.machines import load_machine, names
from tilefold.machines.model import Machine, parse_machine

PRECISIONS = (
    "[[8, 8, 1]]",
    "[[8, 8, 1], [8, 4, 2]]",
    "[[8, 8, 1], [8, 4, 2], [4, 4, 4], [2, 2, 16]]",
)
MODES = {
    "dense": ("W", '{y = ["C"], x = ["K"]}'),
    "packed": ("W", '{y = ["C", "FX"], x = ["K"]}'),
    "depthwise": ("W", '{y = ["FY", "FX"], x = ["G", "K", "OX"]}'),
    "beside": ("W", '{y = ["C"], x = ["K", "OX"]}'),
    "inputs": ("I", '{y = ["C", "FX"], x = ["OX"]}'),
    "sums": ("O", '{y = ["OY", "OX"], x = ["K"]}'),
}
"""Dataflows: what stays, and the loops in space; all but `depthwise` and `beside` may be flat."""


def machine_text(rng: Random) -> str:
    """The text of a machine with 1 to 4 arrays of 2..8 x 2..8, every policy drawn by `rng`."""
    data, weights = ("sram", "sram") if rng.random() < 0.3 else ("data", "weights")
    units = rng.randint(1, 4)
    lines = [*_memories(rng, data, weights), *_dmas(rng, data, weights), *_array(rng, units)]
    lines.append(
        f"fabric.vector @act {{count = {rng.randint(1, 3)}, lanes = {rng.choice((1, 2, 4, 8))}, "
        f'paths = [[@acc, @{data}], [@{data}, @{data}]], src = "assumed"}}'
    )
    if rng.random() < 0.8:
        lines.append(_folds(rng, units))
    body = "\n".join(f"  {line}" for line in lines)
    return f'fabric.machine @random {{hz = 100000000, src = "assumed"}} {{\n{body}\n}}\n'


def random_machine(rng: Random) -> Machine:
    """The machine of `machine_text`."""
    return parse_machine(machine_text(rng), "random machine")


def crowded_machine(rng: Random) -> Machine:
    """`tiny` with three units that share pixels and nothing else, in memories that count conflicts.

    So units often read rows that lie in one bank.
    """
    data = f"bytes = {1 << rng.choice((12, 14, 16))}, line = {rng.choice((1, 2, 4, 8))}, "
    data += f"banks = {rng.choice((2, 4, 8))}, conflicts = true"
    text = load_machine("tiny").text
    for old, new in {
        "bytes = 4096, line = 4, banks = 4": data,
        "bytes = 2048": "bytes = 65536",
        "count = 2, axes": "count = 3, axes",
        "c = [1, 2], k = [1, 2], p = [1, 2], g = [1, 2]": f"p = [{rng.choice((2, 3))}]",
        'x = ["K"]': 'x = ["K", "OX"]',
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return parse_machine(text, "crowded machine")


def machine_of_case(seed: int, rng: Random, *, crowded: bool = True) -> Machine:
    """The machine of a test case.

    Of eight one is for `tiny`, one for a shipped machine, one, if they may be `crowded`, for such a
    one; the others are random.
    """
    if seed % 8 == 0:
        return load_machine("tiny")
    if seed % 8 == 2 and crowded:
        return crowded_machine(rng)
    return load_machine(rng.choice(names())) if seed % 8 == 4 else random_machine(rng)


def _memories(rng: Random, data: str, weights: str) -> list[str]:
    lines = [
        f'fabric.memory @dram {{kind = "dram", bytes = {1 << 26}, '
        f"bytes_per_cycle = {rng.randint(1, 32)}, burst = {rng.choice((1, 8, 32, 64))}, "
        f'latency_cycles = {rng.randint(0, 20)}, src = "assumed"}}'
    ]
    held = {data: "", weights: ""}
    held[data] += '"I", "O"'
    held[weights] += ', "W"' if held[weights] else '"W"'
    for name, operands in held.items():
        line, banks = rng.choice((1, 4, 8)), rng.choice((1, 2, 4))
        lines.append(
            f"fabric.memory @{name} {{bytes = {1 << rng.randint(10, 16)}, line = {line}, "
            f"banks = {banks}, conflicts = {'true' if banks == 4 else 'false'}, "
            f'holds = [{operands}], src = "assumed"}}'
        )
    return lines


def _dmas(rng: Random, data: str, weights: str) -> list[str]:
    paths = {"load": ("dram", data), "store": (data, "dram")}
    if weights != data or rng.random() < 0.5:
        paths["wload"] = ("dram", weights)
    return [
        f"fabric.dma @{name} {{path = [@{source}, @{target}], count = {rng.randint(1, 3)}, "
        f'bytes_per_cycle = {rng.choice((1, 2, 4, 16))}, src = "assumed"}}'
        for name, (source, target) in paths.items()
    ]


def _array(rng: Random, units: int) -> list[str]:
    modes = [name for name in MODES if name == "dense" or rng.random() < 0.4]
    feed = rng.choice(("skew", "broadcast"))
    span = rng.choice(("all", "used")) if feed == "skew" else "all"
    rows = rng.randint(2, 8)
    kept = sorted({MODES[name][0] for name in modes})
    lines = rng.choice((8, 16) if "O" in kept else (1, 3, 16, 64))
    return [
        f"fabric.array @conv {{count = {units}, "
        f"axes = {{y = {rows}, x = {rng.randint(2, 8)}}}, "
        f'precisions = {rng.choice(PRECISIONS)}, feed = "{feed}", span = "{span}", '
        'src = "assumed"} {',
        *(f"  {_local(rng, operand, feed)}" for operand in kept),
        f"  fabric.accumulator @acc {{lines = {lines}, planes = {rng.randint(1, 2)}, "
        'src = "assumed"}',
        *(f"  {_mode(rng, name)}" for name in modes),
        "}",
    ]


def _local(rng: Random, operand: str, feed: str) -> str:
    by_row = operand == "O" and feed == "skew" and rng.random() < 0.5
    planes, rows = (1, "used") if by_row else (rng.randint(1, 2), rng.choice(("used", "all")))
    return (
        f'fabric.local @kept_{operand} {{operand = "{operand}", axis = "y", planes = {planes}, '
        f'rows_per_cycle = {rng.randint(1, 2)}, rows = "{rows}", '
        f'unload = "{"row" if by_row else "tile"}", src = "assumed"}}'
    )


def _mode(rng: Random, name: str) -> str:
    stays, spatial = MODES[name]
    mixed = name in ("depthwise", "beside")
    flat = "true" if not mixed and rng.random() < 0.5 else "false"
    limit = f"limit = {{OX = {rng.randint(1, 4)}}}, " if mixed and rng.random() < 0.5 else ""
    drain = rng.choice(("", 'drain = "each_pass", ', 'drain = "on_dependence", '))
    return (
        f'fabric.mode @{name} {{spatial = {spatial}, stays = "{stays}", flat = {flat}, '
        f'{limit}{drain}src = "assumed"}}'
    )


def _folds(rng: Random, units: int) -> str:
    def factors() -> str:
        some = [f for f in range(2, units + 1) if rng.random() < 0.7]
        return "[" + ", ".join(map(str, [1, *some])) + "]"

    return (
        f"fabric.folds @mesh {{of = @conv, c = {factors()}, k = {factors()}, p = {factors()}, "
        f"g = {factors()}, hop_cycles = {rng.randint(0, 3)}, "
        f"shadow = {rng.choice(('true', 'false'))}, config_bytes = {rng.choice((0, 16, 100))}, "
        f'switch_cycles = {rng.randint(0, 8)}, src = "assumed"}}'
    )
