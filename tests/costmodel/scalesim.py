"""Ten layers on arrays of 32 x 32 as SCALE-Sim 3.0.0 counts them, compute cycles without stalls.

Configured with 8-bit operands, 32-bit sums, 256 kB of SRAM for each operand and a DRAM without
limit; convolutions are im2col matrix products, M output pixels x N filters x K elements of a sum.
Source: runs of SCALE-Sim 3.0.0 (https://github.com/scalesim-project/SCALE-Sim); `total cycles`,
`SRAM IFMAP reads`, `SRAM filter reads` and `SRAM OFMAP writes` of its reports.
"""

from typing import NamedTuple


class Count(NamedTuple):
    """What SCALE-Sim counts for one layer on one array."""

    dataflow: str
    layer: str
    m: int
    n: int
    k: int
    cycles: int
    ifmap_reads: int
    filter_reads: int
    ofmap_writes: int

    @property
    def machine(self) -> str:
        """The machine file built to match."""
        return f"scalesim_{self.dataflow}32"


COUNTS = (
    Count("ws", "G1_128", 128, 128, 128, 3551, 65536, 16384, 65536),
    Count("ws", "G2_ragged", 100, 70, 50, 1163, 15000, 3500, 14000),
    Count("ws", "G3_vits_mlp", 196, 1536, 384, 167_039, 3_612_672, 589_824, 3_612_672),
    Count("ws", "G4_fc", 1, 1000, 512, 48639, 16384, 512_000, 16000),
    Count("ws", "C1_res_conv1", 12544, 64, 147, 126_379, 3_687_936, 9408, 4_014_080),
    Count("ws", "C2_res2_3x3", 3136, 64, 576, 116_279, 3_612_672, 36864, 3_612_672),
    Count("ws", "C3_res3_3x3s2", 784, 128, 576, 63215, 1_806_336, 73728, 1_806_336),
    Count("ws", "C4_res5_3x3", 49, 512, 4608, 329_471, 3_612_672, 2_359_296, 3_612_672),
    Count("ws", "C5_mbv2_pw", 3136, 24, 96, 9689, 301_056, 2304, 225_792),
    Count("ws", "C6_dw1ch", 3136, 1, 9, 3229, 28224, 9, 3136),
    Count("os", "G1_128", 128, 128, 128, 3039, 65536, 65536, 17408),
    Count("os", "G2_ragged", 100, 70, 50, 1343, 15000, 14000, 7768),
    Count("os", "G3_vits_mlp", 196, 1536, 384, 149_855, 3_612_672, 4_128_768, 322_560),
    Count("os", "G4_fc", 1, 1000, 512, 18367, 16384, 512_000, 3048),
    Count("os", "C1_res_conv1", 12544, 64, 147, 163_855, 3_687_936, 3_687_936, 852_992),
    Count("os", "C2_res2_3x3", 3136, 64, 576, 125_047, 3_612_672, 3_612_672, 213_248),
    Count("os", "C3_res3_3x3s2", 784, 128, 576, 63799, 1_806_336, 1_843_200, 106_752),
    Count("os", "C4_res5_3x3", 49, 512, 4608, 149_439, 3_612_672, 4_718_592, 27136),
    Count("os", "C5_mbv2_pw", 3136, 24, 96, 15483, 301_056, 225_792, 81536),
    Count("os", "C6_dw1ch", 3136, 1, 9, 6957, 28224, 882, 9408),
)

CONVOLUTIONS = {
    "C1_res_conv1": {"rows": 112, "cols": 112, "k": 64, "c": 3, "kh": 7, "kw": 7},
    "C2_res2_3x3": {"rows": 56, "cols": 56, "k": 64, "c": 64, "kh": 3, "kw": 3},
    "C3_res3_3x3s2": {"rows": 28, "cols": 28, "k": 128, "c": 64, "kh": 3, "kw": 3},
    "C4_res5_3x3": {"rows": 7, "cols": 7, "k": 512, "c": 512, "kh": 3, "kw": 3},
    "C5_mbv2_pw": {"rows": 56, "cols": 56, "k": 24, "c": 96, "kh": 1, "kw": 1},
    "C6_dw1ch": {"rows": 56, "cols": 56, "k": 1, "c": 1, "kh": 3, "kw": 3},
}
"""The layers that are convolutions, before im2col."""
