#!/usr/bin/env python3
"""What many views of one model cost: batches of mixed rungs, a change of view, memory.

usage: views.py [--model b] [--dtypes bf16,f32] [--threads 2] [--rounds 9] [--rungs 64] [--model-folder FOLDER]

Packages and build as for peers.py. Random weights of the timm architecture, as there. Prints a table.
- Batches of 8 images at mixed budgets beside batches of 8 at each of these budgets, in random order in each round: the
  time of the same images in uniform batches ÷ the time of the mixed batch, median over rounds.
- One image of a model so small that a microsecond shows, at the rung of the image before it, at another rung, and at a
  rung that was never used.
- Anonymous memory that the process has more than before the model was loaded, after every rung was used, ÷ the
  parameters in the execution dtype. Without --model-folder there are no correction tables.
"""
import argparse
import pathlib
import random
import statistics
import tempfile

import peer_runtimes

ROOT = pathlib.Path(__file__).resolve().parents[2]
BATCH = 8
MIXES = ("1,0.5", "1,0.75,0.5,0.3", "1,0.9,0.8,0.7,0.6,0.5,0.4,0.3", "1,0.3,0.3,0.3,0.3,0.3,0.3,0.3")
BYTES = {"bf16": 2, "f32": 4}


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="b", choices=peer_runtimes.TIMM_NAMES)
    parser.add_argument("--model-folder", help="measure memory of this model, with the ordering that it has")
    parser.add_argument("--dtypes", default="bf16,f32")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--rungs", type=int, default=64)
    parser.add_argument("--engine-bench", default=ROOT / "build/release/bench/engine_bench")
    return parser.parse_args()


def mixed(bench, rounds):
    """{mix: ratios} of rounds."""
    uniform = sorted({budget for mix in MIXES for budget in mix.split(",")})
    ratios = {mix: [] for mix in MIXES}
    for turn in range(rounds + 1):  # the first one warms up
        cells = [*uniform, *MIXES]
        random.Random(turn).shuffle(cells)
        times = {cell: bench.ask("time", cell, BATCH, "default")["ms"] for cell in cells}
        for mix in MIXES if turn > 0 else ():
            budgets = mix.split(",")
            images = [budgets[i % len(budgets)] for i in range(BATCH)]
            ratios[mix].append(sum(times[budget] for budget in images) / BATCH / times[mix])
    return ratios


def memory(bench, dtype):
    """Of the weights, of the tables, and of both as anonymous memory: shares of the parameters."""
    computes = bench.ask("memory")["computes"]
    for compute in computes:
        bench.ask("time", compute, 1, "default")
    used = bench.ask("memory")
    model = used["parameters"] * BYTES[dtype]
    grown = used["anonymous_bytes"] - used["anonymous_bytes_before"]
    return len(computes), used["weight_bytes"] / model, used["correction_bytes"] / model, grown / model


def main():
    args = parse()
    with tempfile.TemporaryDirectory() as folder:
        big, small = f"{folder}/big", f"{folder}/small"
        peer_runtimes.random_model(args.model, big)
        peer_runtimes.random_model("s", small, img_size=32, embed_dim=128, num_heads=2)
        for dtype in args.dtypes.split(","):
            bench = peer_runtimes.EngineBench(args.engine_bench, big, dtype, args.threads)
            for mix, ratios in mixed(bench, args.rounds).items():
                low, middle, high = statistics.quantiles(ratios, n=4)
                print(f"{dtype} batch of {BATCH} at {mix}: {middle:.3f} ({low:.3f} to {high:.3f})", flush=True)
            bench.close()
            bench = peer_runtimes.EngineBench(args.engine_bench, small, dtype, 1, args.rungs)
            times = bench.ask("switch")
            print(f"{dtype} view: same {times['same_us']:.2f} us, another {times['other_us'] - times['same_us']:+.2f} us, "
                  f"never used {times['first_us'] - times['same_us']:+.2f} us", flush=True)
            bench.close()
            bench = peer_runtimes.EngineBench(args.engine_bench, args.model_folder or big, dtype, args.threads, args.rungs)
            rungs, weights, tables, anonymous = memory(bench, dtype)
            print(f"{dtype} memory with {rungs} rungs, of the parameters: weights {weights:.3f}, tables {tables:.3f}, "
                  f"anonymous memory {anonymous:.3f}", flush=True)
            bench.close()


if __name__ == "__main__":
    main()
