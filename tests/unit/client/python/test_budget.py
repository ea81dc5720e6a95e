import pytest

from snapvit_client import Budget
from snapvit_client._budget import budget_to_proto, to_budget


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("0.5", Budget(compute=0.5)),
        ("50%", Budget(compute=0.5)),
        (".25", Budget(compute=0.25)),
        ("1", Budget(compute=1)),
        ("4.2gflops", Budget(gflops=4.2)),
        ("15ms", Budget(latency=0.015)),
        ("1.5s", Budget(latency=1.5)),
        ("1m30s", Budget(latency=90)),
        ("fidelity:0.95", Budget(fidelity=0.95)),
        ("sparsity:0.3", Budget(sparsity=0.3)),
        ("mlp:.25/heads:.1", Budget(ratios=(0.25, 0.1))),
    ],
)
def test_reads_the_command_lines_syntax(text: str, budget: Budget) -> None:
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["", "half", "5 0%", "50%gflops", "fidelity:50%", "mlp:.2", "0.5,1", "-0.5", "nan"])
def test_names_what_it_does_not_understand(text: str) -> None:
    with pytest.raises(ValueError, match="is not understood: expected compute"):
        Budget.parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"compute": 0},
        {"compute": 1.01},
        {"compute": float("nan")},
        {"gflops": float("inf")},
        {"latency": -1},
        {"fidelity": 2},
        {"sparsity": 1},
        {"ratios": (0.5, 1)},
        {"floor_compute": 0},
        {"compute": 0.5, "fidelity": 0.9},
        {"floor_compute": 0.5, "floor_fidelity": 0.9},
    ],
)
def test_refuses_values_out_of_range_and_two_targets(fields: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"^budget .* expected"):
        Budget(**fields)  # type: ignore[arg-type]


def test_number_is_compute_and_none_is_the_tenants_default() -> None:
    assert to_budget(0.5) == Budget(compute=0.5)
    assert budget_to_proto(to_budget(None)).WhichOneof("target") is None


def test_all_fields_reach_the_proto() -> None:
    proto = budget_to_proto(Budget(latency=0.0155, floor_fidelity=0.9, strict=True))
    assert proto.latency.ToMicroseconds() == 15500
    assert proto.floor_fidelity == 0.9
    assert proto.strict
    assert budget_to_proto(Budget(ratios=(0, 0))).WhichOneof("target") == "ratios"
    assert budget_to_proto(Budget(sparsity=0)).WhichOneof("target") == "sparsity"
