#!/usr/bin/env python3
"""table.md and throughput.svg of what peers.py measured.

usage: peers_report.py FOLDER          with results.json
"""
import json
import pathlib
import statistics
import sys

OURS, ALL_ROWS = "ours", "ours, all rows"
FULL, FULL_ALL_ROWS = "ours, full budget", "ours, full budget, all rows"
PEERS = ["OpenVINO", "ONNX Runtime", "compiled PyTorch", "eager PyTorch"]
COLORS = {OURS: "#b2182b", ALL_ROWS: "#ef8a62", "OpenVINO": "#2166ac", "ONNX Runtime": "#67a9cf",
          "compiled PyTorch": "#1b7837", "eager PyTorch": "#7f7f7f"}


def times_of(group, batch):
    return {cell["contestant"]: cell["ms"] for cell in group["cells"] if cell["batch"] == batch}


def batches_of(group):
    return sorted({cell["batch"] for cell in group["cells"]})


def ratio(slower, faster):
    """How many times faster, as the median over rounds, so that a slow moment of the machine hits both."""
    return statistics.median(a / b for a, b in zip(slower, faster))


def rate(batch, times):
    """Images per second with the spread: half of what lies between the quartiles, in per cent."""
    low, middle, high = statistics.quantiles(times, n=4) if len(times) > 1 else 3 * times
    return f"{1e3 * batch / middle:.1f} ±{50 * (high - low) / middle:.0f} %"


def row(group, batch):
    times, flops = times_of(group, batch), group["flops"]
    peers = [name for name in PEERS if name in times]
    cells = [f"{group['budget']:g}", str(batch)]
    cells += [rate(batch, times[name]) if name in times else "–" for name in [OURS, ALL_ROWS, *PEERS]]
    best = min(peers, key=lambda name: statistics.median(times[name]), default=None)
    for name in (OURS, ALL_ROWS):
        cells.append(f"{ratio(times[best], times[name]):.2f}" if best else "–")
    peak = max(group["gemm_gflops"].values())
    done = 1e-6 * batch * flops["all rows"] / statistics.median(times[ALL_ROWS])
    cells.append(f"{done / peak:.2f}")
    if FULL not in times:
        return cells + ["–", "–"]
    for name, full, kind in ((OURS, FULL, "default"), (ALL_ROWS, FULL_ALL_ROWS, "all rows")):
        possible = flops[f"full budget, {kind}"] / flops[kind]
        cells.append(f"{ratio(times[full], times[name]):.2f} of {possible:.2f}")
    return cells


def table(result):
    head = ["budget", "batch", OURS, ALL_ROWS, *PEERS, "ours ÷ best peer", "all rows ÷ best peer", "share of GEMM peak",
            "speed-up, of FLOPs' ratio", "the same, all rows"]
    lines, title = [], None
    for group in result["groups"]:
        own = f"{group['model']}, {group['dtype']}, {group['threads']} thread{'s' * (group['threads'] > 1)}"
        if own != title:
            title = own
            lines += ["", f"### {title}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for batch in batches_of(group):
            lines.append("| " + " | ".join(row(group, batch)) + " |")
    lines += ["", "GEMM peaks, GFLOP/s, largest of all groups:", ""]
    peaks = {}
    for group in result["groups"]:
        own = peaks.setdefault((group["dtype"], group["threads"]), {})
        for name, value in group["gemm_gflops"].items():
            own[name] = max(own.get(name, 0), value)
    for (dtype, threads), own in peaks.items():
        values = ", ".join(f"{name} {value:.0f}" for name, value in own.items())
        lines.append(f"- {dtype}, {threads} thread{'s' * (threads > 1)}: {values}")
    versions = ", ".join(f"{name} {version}" for name, version in result["machine"]["versions"].items())
    lines += ["", f"{result['machine']['cpu']}, {result['machine']['cores']} cores; {versions}; {result['rounds']} rounds; "
              f"{result['seconds']} s in all; load average before the run {result['machine']['load_before']:.1f}."]
    return "\n".join(lines).strip() + "\n"


def plot(result):
    """Images per second over the budget: the last model, of its first dtype, most threads, batch 8 or the largest."""
    last = result["groups"][-1]["model"]
    groups = [group for group in result["groups"] if group["model"] == last]
    dtype, threads = groups[0]["dtype"], max(group["threads"] for group in groups)
    groups = [group for group in groups if group["dtype"] == dtype and group["threads"] == threads]
    batches = batches_of(groups[0])
    batch = 8 if 8 in batches else batches[-1]
    lines = {}
    for group in groups:
        for name, times in times_of(group, batch).items():
            if name in COLORS:
                lines.setdefault(name, []).append((group["counts"]["compute"], 1e3 * batch / statistics.median(times)))
    top = 1.1 * max(value for points in lines.values() for _, value in points)
    left, right, bottom, height = 60, 460, 300, 260

    def place(compute, value):
        return left + (right - left) * (compute - 0.4) / 0.6, bottom - height * value / top

    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 350" font-family="sans-serif" font-size="12">',
           '<rect width="640" height="350" fill="white"/>',
           f'<text x="{left}" y="20">{last}, {dtype}, {threads} threads, batch {batch}: images per second by compute</text>']
    for tick in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0):
        x, y = place(tick, 0)
        svg.append(f'<path d="M{x:.1f} {y}V{y - height}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{y + 18}" text-anchor="middle">{tick:g}</text>')
    for i in range(5):
        x, y = place(0.4, top * i / 5)
        svg.append(f'<path d="M{x} {y:.1f}H{right}" stroke="#ddd"/>'
                   f'<text x="{x - 6}" y="{y + 4:.1f}" text-anchor="end">{top * i / 5:.3g}</text>')
    for i, name in enumerate(name for name in COLORS if name in lines):
        points = [place(*point) for point in sorted(lines[name])]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        svg.append(f'<polyline points="{path}" fill="none" stroke="{COLORS[name]}" stroke-width="2"/>')
        svg += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLORS[name]}"/>' for x, y in points]
        svg.append(f'<text x="{right + 15}" y="{60 + 20 * i}" fill="{COLORS[name]}">{name}</text>')
    return "\n".join([*svg, "</svg>", ""])


def write(result, folder):
    (folder / "table.md").write_text(table(result))
    (folder / "throughput.svg").write_text(plot(result))


if __name__ == "__main__":
    where = pathlib.Path(sys.argv[1])
    write(json.loads((where / "results.json").read_text()), where)
