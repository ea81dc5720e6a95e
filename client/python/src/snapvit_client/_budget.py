"""Budget: how much a request may cost, or how good it must be."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from collections.abc import Callable
from typing import TypeAlias

from snapvit_client._duration import set_duration
from snapvit_client._generated.snapvit.v1 import types_pb2

_InRange: TypeAlias = Callable[[float], bool]

_FORMS = "expected compute (0.5 or 50%), 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3 or mlp:.25/heads:.1"
_UNITS = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_DURATION_PART = re.compile(r"(\d+\.?\d*|\.\d+)(ns|us|ms|s|m|h)")
_RATIOS = re.compile(rf"mlp:({_NUMBER})/heads:({_NUMBER})")
_FORM = re.compile(rf"(?P<kind>fidelity:|sparsity:)?(?P<number>{_NUMBER})(?P<unit>gflops|%)?")


@dataclass(frozen=True)
class Budget:
    """At most one target, at most one floor. Without a target the server takes the tenant's default.

    Shares and ratios are fractions, never percentages.
    """

    compute: float | None = None  # at most this share of the dense model's FLOPs, (0, 1]
    gflops: float | None = None  # at most this much per image; 1 MAC = 2 FLOPs
    latency: float | None = None  # seconds in the server: what fits by profile and present queue
    fidelity: float | None = None  # the cheapest sub-network that is estimated to be this good, (0, 1]
    sparsity: float | None = None  # share of the block weights removed, [0, 1)
    ratios: tuple[float, float] | None = None  # shares of MLP channels and of heads removed, [0, 1) each
    floor_compute: float | None = None  # load never lowers the request below this compute, (0, 1]
    floor_fidelity: float | None = None  # … or below this estimated fidelity, (0, 1]
    strict: bool = False  # exactly the target's sub-network, or an error

    def __post_init__(self) -> None:
        targets = ["compute", "gflops", "latency", "fidelity", "sparsity", "ratios"]
        given = [name for name in targets if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"budget has {' and '.join(given)}, expected at most one target")
        if self.floor_compute is not None and self.floor_fidelity is not None:
            raise ValueError("budget has floor_compute and floor_fidelity, expected at most one floor")
        for name in ("compute", "fidelity", "floor_compute", "floor_fidelity"):
            self._check(name, lambda value: 0 < value <= 1, "a share in (0, 1]")
        for name in ("gflops", "latency"):
            self._check(name, lambda value: value > 0, "a positive number")
        self._check("sparsity", lambda value: 0 <= value < 1, "the share to remove, in [0, 1)")
        if self.ratios is not None and not all(0 <= ratio < 1 for ratio in self.ratios):
            raise ValueError(f"budget ratios are {self.ratios}, expected shares to remove, in [0, 1)")

    def _check(self, name: str, in_range: _InRange, expected: str) -> None:
        value = getattr(self, name)
        if value is not None and not (math.isfinite(value) and in_range(value)):
            raise ValueError(f"budget {name} is {value}, expected {expected}")

    @staticmethod
    def parse(text: str) -> Budget:
        """The command line's syntax: 0.5, 50%, 4.2gflops, 15ms, fidelity:0.95, sparsity:0.3, mlp:.25/heads:.1."""
        if ratios := _RATIOS.fullmatch(text):
            return Budget(ratios=(float(ratios[1]), float(ratios[2])))
        if seconds := _parse_duration(text):
            return Budget(latency=seconds)
        form = _FORM.fullmatch(text)
        if form is None or (form["kind"] and form["unit"]):
            raise ValueError(f"budget {text!r} is not understood: {_FORMS}")
        number = float(form["number"])
        if form["kind"] == "fidelity:":
            return Budget(fidelity=number)
        if form["kind"] == "sparsity:":
            return Budget(sparsity=number)
        if form["unit"] == "gflops":
            return Budget(gflops=number)
        return Budget(compute=number / 100 if form["unit"] == "%" else number)


# What methods take: a Budget, its text form, or compute as a number. None: the tenant's default.
BudgetLike: TypeAlias = Budget | str | float | None


def to_budget(budget: BudgetLike) -> Budget:
    if isinstance(budget, Budget):
        return budget
    if budget is None:
        return Budget()
    if isinstance(budget, str):
        return Budget.parse(budget)
    return Budget(compute=float(budget))


def budget_to_proto(budget: Budget) -> types_pb2.Budget:
    proto = types_pb2.Budget(strict=budget.strict)
    for name in ("compute", "gflops", "fidelity", "sparsity", "floor_compute", "floor_fidelity"):
        value = getattr(budget, name)
        if value is not None:
            setattr(proto, name, value)
    if budget.latency is not None:
        set_duration(proto.latency, budget.latency)
    if budget.ratios is not None:
        proto.ratios.SetInParent()
        proto.ratios.mlp, proto.ratios.heads = budget.ratios
    return proto


def _parse_duration(text: str) -> float | None:
    """Seconds of 15ms, 1m30s, …; None if the text is no duration."""
    seconds, end = 0.0, 0
    while end < len(text):
        part = _DURATION_PART.match(text, end)
        if part is None:
            return None
        seconds += float(part[1]) * _UNITS[part[2]]
        end = part.end()
    return seconds if text else None
