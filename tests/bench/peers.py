#!/usr/bin/env python3
"""Our engine at a budget beside other runtimes on a model that was really cut to the same keep counts, in turn.

usage: peers.py [--models b] [--budgets 1,0.75,0.5] [--batches 1,8] [--threads 2] [--dtypes bf16,f32] [--rounds 7]
                [--full] [--peers NAMES] [--out FOLDER]

Packages: tests/requirements-golden.txt and tests/bench/requirements-peers.txt; and build/release with
-DSNAPVIT_BENCH=ON. --full: ViT-S, B and L, budgets 1, .9, .75, .6, .5, batches 1, 2, 4, 8, 16, 1 and 2 threads.
A group is a model, dtype, number of threads and budget. Of each group every contestant first has to compute the
same embeddings; then rounds go over all batch sizes and contestants in random order, ours at full budget among
them. FOLDER gets results.json (after each group), table.md and throughput.svg.
"""
import argparse
import gc
import json
import os
import pathlib
import platform
import random
import statistics
import sys
import tempfile
import time

import timm
import torch

import peer_runtimes
import peers_report

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEFAULT = dict(models="b", budgets="1,0.75,0.5", batches="1,8", threads="2", dtypes="bf16,f32", rounds=7)
FULL = DEFAULT | dict(models="s,b,l", budgets="1,0.9,0.75,0.6,0.5", batches="1,2,4,8,16", threads="1,2")
GEMM_SHAPES = ((2048, 2048, 2048), (1576, 768, 3072))  # rows, inputs, outputs
LEAST_VISIT_MS = 40  # of a contestant in a round: short batches run several times
REST_S = 0.005  # between contestants: threads that wait for more work in a loop go to sleep


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, value in DEFAULT.items():
        parser.add_argument(f"--{name}", type=type(value), help=f"default {value}")
    parser.add_argument("--full", action="store_true", help="the whole matrix")
    parser.add_argument("--peers", default=",".join(peer_runtimes.PEERS), help="default %(default)s")
    parser.add_argument("--engine-bench", default=ROOT / "build/release/bench/engine_bench")
    parser.add_argument("--out", default=ROOT / "build/peers")
    args = parser.parse_args()
    for name, value in (FULL if args.full else DEFAULT).items():
        given = getattr(args, name)
        setattr(args, name, value if given is None else given)
    args.models, args.dtypes, args.peers = (text.split(",") for text in (args.models, args.dtypes, args.peers))
    args.budgets = [float(text) for text in args.budgets.split(",")]
    args.batches, args.threads = ([int(text) for text in many.split(",")] for many in (args.batches, args.threads))
    return args


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "")
    versions = {"python": platform.python_version(), "torch": torch.__version__, "timm": timm.__version__}
    for name in ("openvino", "onnxruntime"):
        try:
            versions[name] = __import__(name).__version__
        except ImportError:
            versions[name] = None
    return {"cpu": model, "cores": os.cpu_count(), "load_before": os.getloadavg()[0],
            "environment": {k: v for k, v in os.environ.items() if k.startswith(("OMP_", "GOMP_", "KMP_"))},
            "versions": versions}


@torch.no_grad()
def gemm_rates(bench, dtype, repetitions=7):
    """{who: GFLOP/s}, the best of some large shapes: PyTorch's two ways, and core/kernels if it has the dtype."""
    rates = {}
    for rows, inputs, outputs in GEMM_SHAPES:
        x = torch.randn(rows, inputs, dtype=peer_runtimes.DTYPES[dtype])
        w = torch.randn(inputs, outputs, dtype=peer_runtimes.DTYPES[dtype])
        packed = torch.ops.mkldnn._reorder_linear_weight(w.t().contiguous(), rows)
        ways = {"torch matmul": lambda: x @ w,
                "oneDNN, packed weights": lambda: torch.ops.mkldnn._linear_pointwise(x, packed, None, "none", [], "")}
        for _ in range(repetitions):
            times = {}
            for name, way in ways.items():
                start = time.perf_counter()
                way()
                times[name] = time.perf_counter() - start
                time.sleep(REST_S)
            if dtype == "bf16":
                times["core/kernels"] = bench.ask("gemm", rows, inputs, outputs)["ms"] / 1e3
            for name, seconds in times.items():
                rates[name] = max(rates.get(name, 0), 2e-9 * rows * inputs * outputs / seconds)
    return rates


def image_flops(model, counts, whole_last_block):
    """FLOPs of one image by the formula of core/elastic/cost_model.h; or those that are left if the last block makes
    only keys and values of all tokens, and of the class token alone the rest."""
    width, dim = model.embed_dim, model.blocks[0].attn.head_dim
    tokens = model.pos_embed.shape[1]
    total = 2 * model.patch_embed.proj.weight.numel() * model.patch_embed.num_patches
    for i, (channels, heads) in enumerate(zip(counts["channels"], counts["heads"])):
        rows = 1 if i + 1 == len(counts["heads"]) and not whole_last_block else tokens
        total += heads * (4 * (tokens + rows) * width * dim + 4 * rows * tokens * dim) + 4 * channels * rows * width
    return total


def check(name, got, expected, dtype):
    """Ends the program unless both are the same function: in bf16 by cosine, in f32 by the largest error."""
    if dtype == "bf16":
        value = torch.nn.functional.cosine_similarity(got, expected, dim=-1).min().item()
        good = value >= 0.999
    else:
        value = ((got - expected).abs().max() / expected.std()).item()
        good = value <= 1e-3
    if not good:
        sys.exit(f"peers: {name} computes something else than PyTorch in f32: "
                 f"{'cosine' if dtype == 'bf16' else 'largest error / deviation'} {value:.5f}")
    return value


@torch.no_grad()
def check_all(contestants, cut, dtype, batches):
    batch = min(batches)
    size = cut.patch_embed.img_size[0]
    pixels = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(2))
    tokens = cut.forward_features(pixels)
    agreement = {}
    for name, contestant in contestants.items():
        got = contestant.run(pixels)
        expected = tokens[:, 1:].flatten(1) if name == "ours, all rows" else tokens[:, 0]
        agreement[name] = check(name, got, expected, dtype)
    return agreement


class Visits:
    """The rounds of a group: contestants × batch sizes, in random order."""

    def __init__(self, contestants, batches):
        self.contestants = contestants
        self.times = {(name, batch): [] for name in contestants for batch in batches}

    def run(self, rounds, seed):
        order, draw = list(self.times), random.Random(seed)
        expected = {cell: self.visit(cell, 0) for cell in order}  # warm-up, which also says how often to run in a round
        for _ in range(rounds):
            draw.shuffle(order)
            for cell in order:
                self.times[cell].append(self.visit(cell, expected[cell]))

    def visit(self, cell, expected):
        """Milliseconds of a batch. Short ones run once more, first, for what the others threw out of the cache."""
        name, batch = cell
        measure = self.contestants[name].measure
        time.sleep(REST_S)
        if expected < LEAST_VISIT_MS:
            measure(batch)
        runs = 1 if expected == 0 else max(1, round(LEAST_VISIT_MS / expected))
        return statistics.median(measure(batch) for _ in range(runs))


def measure_group(args, setting, model, bench, folder):
    dtype, threads, budget = setting["dtype"], setting["threads"], setting["budget"]
    counts = bench.ask("counts", budget)
    cut = peer_runtimes.cut_model(model, counts["channels"], counts["heads"])
    contestants = {"ours": peer_runtimes.Ours(bench, budget, "default", folder),
                   "ours, all rows": peer_runtimes.Ours(bench, budget, "patches", folder)}
    for name in args.peers:
        peer = peer_runtimes.PEERS[name]
        if dtype in peer.dtypes:
            contestants[name] = peer(cut, dtype, threads, args.batches, folder)
    agreement = check_all(contestants, cut, dtype, args.batches)
    if budget < 1:
        contestants["ours, full budget"] = peer_runtimes.Ours(bench, 1, "default", folder)
        contestants["ours, full budget, all rows"] = peer_runtimes.Ours(bench, 1, "patches", folder)
    rates = gemm_rates(bench, dtype)
    visits = Visits(contestants, args.batches)
    visits.run(args.rounds, seed=1)
    for name, rate in gemm_rates(bench, dtype).items():
        rates[name] = max(rates[name], rate)
    dense = bench.ask("counts", 1)
    flops = {"all rows": image_flops(model, counts, True), "default": image_flops(model, counts, False),
             "full budget, all rows": image_flops(model, dense, True),
             "full budget, default": image_flops(model, dense, False)}
    return setting | {"counts": counts, "flops": flops, "gemm_gflops": rates, "agreement": agreement,
                      "cells": [{"contestant": name, "batch": batch, "ms": times}
                                for (name, batch), times in visits.times.items()]}


def main():
    args = parse()
    out = pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine(), "rounds": args.rounds, "groups": []}
    start = time.monotonic()
    for size in args.models:
        with tempfile.TemporaryDirectory() as folder:
            model = peer_runtimes.random_model(size, pathlib.Path(folder) / "model")
            for dtype in args.dtypes:
                for threads in args.threads:
                    torch.set_num_threads(threads)
                    bench = peer_runtimes.EngineBench(args.engine_bench, f"{folder}/model", dtype, threads)
                    for budget in args.budgets:
                        setting = {"model": f"ViT-{size.upper()}/16", "dtype": dtype, "threads": threads,
                                   "budget": budget}
                        print(f"{time.monotonic() - start:5.0f} s", *setting.values(), file=sys.stderr, flush=True)
                        result["groups"].append(measure_group(args, setting, model, bench, folder))
                        result["seconds"] = round(time.monotonic() - start)
                        (out / "results.json").write_text(json.dumps(result))
                        torch._dynamo.reset()
                        gc.collect()
                    bench.close()
    peers_report.write(result, out)
    print((out / "table.md").read_text())


if __name__ == "__main__":
    main()
