"""A strict checker of traces in Chrome's Trace Event Format, of the phases B, E, s, f, C and M.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

import json
from collections import Counter, defaultdict
from typing import Any

Event = dict[str, Any]
Track = tuple[int, int]

COMMON = {"ph": str, "pid": int, "tid": int}
KEYS: dict[str, dict[str, Any]] = {
    "B": COMMON | {"ts": (int, float), "name": str, "cat": str, "args": dict},
    "E": COMMON | {"ts": (int, float), "name": str},
    "s": COMMON | {"ts": (int, float), "name": str, "cat": str, "id": int, "args": dict},
    "f": COMMON | {"ts": (int, float), "name": str, "cat": str, "id": int, "bp": str},
    "C": COMMON | {"ts": (int, float), "name": str, "args": dict},
    "M": COMMON | {"name": str, "args": dict},
}
"""The keys of each phase, all required, and their types; no others are allowed."""
METADATA: dict[str, dict[str, type]] = {
    "process_name": {"name": str},
    "thread_name": {"name": str},
    "thread_sort_index": {"sort_index": int},
}


class Slice:
    """A finished slice: its event, and when it ended."""

    def __init__(self, event: Event) -> None:
        self.event = event
        self.start: float = event["ts"]
        self.end: float | None = None


class Trace:
    """A trace that passed every check: `slices` by track, flows by id, counters by name."""

    def __init__(self, text: str) -> None:
        loaded = json.loads(text, parse_constant=_refuse)
        assert set(loaded) == {"displayTimeUnit", "otherData", "traceEvents"}
        assert loaded["displayTimeUnit"] in ("ms", "ns")
        self.other: dict[str, Any] = loaded["otherData"]
        self.names: dict[Track, str] = {}
        self.slices: defaultdict[Track, list[Slice]] = defaultdict(list)
        self.flows: defaultdict[int, list[tuple[Event, Slice]]] = defaultdict(list)
        self.counters: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
        self._stack: defaultdict[Track, list[Slice]] = defaultdict(list)
        self._last: defaultdict[Track, float] = defaultdict(float)
        for number, event in enumerate(loaded["traceEvents"]):
            try:
                self._add(event)
            except AssertionError as error:
                raise AssertionError(f"event {number}, {event}: {error}") from None
        open_slices = [stack for stack in self._stack.values() if stack]
        assert not open_slices, "slices without an end"
        for flow, ends in self.flows.items():
            self._check_flow(flow, ends)
        unnamed = [track for track in self.slices if track not in self.names]
        assert not unnamed, f"tracks without a name: {unnamed}"

    def track(self, name: str) -> list[Slice]:
        """The slices of the thread called `name`."""
        (track,) = (track for track, other in self.names.items() if other == name)
        return self.slices[track]

    def _add(self, event: Event) -> None:
        phase = event.get("ph")
        assert phase in KEYS, "unknown phase"
        assert event.keys() == KEYS[phase].keys(), "wrong keys"
        for key, kind in KEYS[phase].items():
            assert isinstance(event[key], kind), f"{key} is of a wrong type"
            assert not isinstance(event[key], bool), f"{key} is a truth value"
        track = event["pid"], event["tid"]
        if phase == "M":
            self._metadata(track, event)
            return
        assert event["ts"] >= self._last[track], "goes back in time"
        self._last[track] = event["ts"]
        match phase:
            case "B":
                self._stack[track].append(Slice(event))
            case "E":
                assert self._stack[track], "ends what was not begun"
                piece = self._stack[track].pop()
                assert piece.event["name"] == event["name"], "ends another slice"
                piece.end = event["ts"]
                self.slices[track].append(piece)
            case "C":
                assert event["args"], "a counter without a value"
                for value in event["args"].values():
                    assert type(value) in (int, float), "a value that is no number"
                    self.counters[event["name"]].append((event["ts"], value))
            case _:
                assert self._stack[track], "a flow outside every slice"
                assert event.get("bp", "e") == "e", "binds to another slice"
                self.flows[event["id"]].append((event, self._stack[track][-1]))

    def _metadata(self, track: Track, event: Event) -> None:
        kinds = METADATA[event["name"]]
        assert event["args"].keys() == kinds.keys(), "wrong arguments"
        for key, kind in kinds.items():
            assert type(event["args"][key]) is kind, f"{key} is of a wrong type"
        if event["name"] == "thread_name":
            assert track not in self.names, "named twice"
            assert event["args"]["name"] not in self.names.values(), "a name used twice"
            self.names[track] = event["args"]["name"]

    def _check_flow(self, flow: int, ends: list[tuple[Event, Slice]]) -> None:
        events = [event for event, _ in ends]
        assert Counter(event["ph"] for event in events) == {"s": 1, "f": 1}, (
            f"flow {flow}: {events}"
        )
        start, end = sorted(events, key=lambda event: event["ph"] == "f")
        assert start["ts"] <= end["ts"], f"flow {flow} goes back in time"
        for key in ("name", "cat"):
            assert start[key] == end[key], f"flow {flow} has two {key}s"


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
