#!/usr/bin/env python3
"""Policies of the real server side by side: snapvit-server with a simulated engine under snapvit bench.

The loads are those of snapvit-simulate (docs/scheduling.md), in proportion to C, the sustained rate of the profile's
lowest rung; the deadline is 36 * workers / C. Every run has a server of its own; a seed gives every policy the same
arrivals; policies take turns, so that what the machine does meanwhile meets all of them.

  tests/bench/compare_policies.py --log runs.jsonl                    # runs what the log does not have, then the table
  tests/bench/compare_policies.py --log runs.jsonl --table            # the table alone
  tests/bench/compare_policies.py --log runs.jsonl --prefix "chrt -f 10"   # on a machine that has other work, as root
  tests/bench/compare_policies.py --log real.jsonl --engine "--model DIR --threads 1" --workers 1 --profile P.json
      # a real engine; P.json is what snapvit profile --model DIR --threads 1 --json prints

A line of the log is the JSON document of one run of snapvit bench, with "load", "policy" and "run_seed". Python's
standard library is all that it needs.
"""
import argparse
import json
import math
import os
import random
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MAX_BATCH = 16
BASE = 0.19  # of C, constant, of the bursty loads
DEADLINE = 36  # in times that the whole server takes for a request at the lowest rung
# 97.5 % quantiles of Student's t for 1, 2, ... degrees of freedom.
STUDENT_T = [12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
             2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042]


def capacity(profile, workers):
    """C: requests per second at the lowest rung in its best measured batch."""
    lowest = min(cell["served_compute"] for cell in profile["cells"])
    rates = []
    for cell in profile["cells"]:
        latency = cell["latency_ms"]
        latency = latency["p50"] if isinstance(latency, dict) else latency
        if cell["served_compute"] == lowest and cell["batch"] <= MAX_BATCH:
            rates.append(1e3 * cell["batch"] / latency)
    return workers * max(rates)


def loads(c, seconds):
    """Name -> (arrivals, whether a worker stops half way)."""
    result = {}
    for load in (0.56, 0.80, 0.88):
        for cv_squared in (2, 4, 8):
            result[f"bursty {load:.2f} C, CV² {cv_squared}"] = (
                f"constant@{BASE * c:.6f}+gamma:{cv_squared}@{(load - BASE) * c:.6f}", False)
    low, high = 0.31 * c, 0.98 * c
    result[f"0.31 C to 0.98 C in {seconds:g} s"] = (f"gamma:2@{low:.6f}..{high:.6f}:{seconds:g}s", False)
    flat = seconds / 2 - 0.5
    result["0.31 C to 0.98 C in 1 s"] = (
        f"gamma:2@{low:.6f}:{flat:g}s,{low:.6f}..{high:.6f}:1s,{high:.6f}:{flat:g}s", False)
    result["0.44 C, a worker stops"] = (f"gamma:2@{0.44 * c:.6f}", True)
    return result


class Server:
    """A snapvit-server on free ports, until the end of a with statement."""

    def __init__(self, args, profile, policy):
        self.folder = tempfile.TemporaryDirectory()
        path = os.path.join(self.folder.name, "profile.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(profile, file)
        self.ready_file = os.path.join(self.folder.name, "ready.json")
        self.log = open(os.path.join(self.folder.name, "log"), "w+", encoding="utf-8")
        engine = ["--engine", "simulated:" + path]
        if args.engine:
            engine = shlex.split(args.engine)
        self.process = subprocess.Popen(
            shlex.split(args.prefix) + [os.path.join(args.bin, "snapvit-server")] + engine + [
                "--workers", str(args.workers), "--policy", policy, "--floor", args.floor, "--listen", "127.0.0.1:0",
                "--http", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--ready-file", self.ready_file,
                "--log-level", "error"
            ], stderr=self.log)

    def __enter__(self):
        end = time.monotonic() + 300  # a real model is measured first
        while not os.path.exists(self.ready_file):
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                sys.exit("the server does not come up:\n" + self.log.read())
            time.sleep(0.05)
        with open(self.ready_file, encoding="utf-8") as file:
            self.target = json.load(file)["listen"]
        return self

    def __exit__(self, *error):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.close()
        self.folder.cleanup()


def run(args, profile, policy, arrivals, stops, seed, deadline_ms):
    """The document of one run of snapvit bench."""
    profile = dict(profile)
    if args.input_size:
        profile["input_size"] = [3, args.input_size, args.input_size]
    if stops:
        profile["last_worker_stops_after_s"] = args.warmup + args.seconds / 2
    with Server(args, profile, policy) as server:
        bench = subprocess.run(
            shlex.split(args.prefix if args.bench_prefix is None else args.bench_prefix) + [
                os.path.join(args.bin, "snapvit"), "bench", "--target", server.target, "--arrivals", arrivals,
                "--duration", str(args.seconds), "--warmup", str(args.warmup), "--deadline", f"{deadline_ms:.3f}",
                "--seed", str(seed), "--json"
            ], stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True)
    if not bench.stdout.startswith("{"):
        sys.exit(f"snapvit bench: exit status {bench.returncode}\n{bench.stderr}")
    result = json.loads(bench.stdout)
    if result["failed"] or result["interrupted"]:  # somebody else ended one of the programs
        sys.exit(f"a run that means nothing, start again to go on: {result['failed']} requests failed, "
                 f"{result['errors']}")
    return result


def read_log(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def difference(ours, theirs):
    """Mean of paired differences, and the half width of its 95 % interval (nan of a single pair)."""
    pairs = [a - b for a, b in zip(ours, theirs)]
    mean = sum(pairs) / len(pairs)
    if len(pairs) < 2:
        return mean, math.nan
    variance = sum((pair - mean)**2 for pair in pairs) / (len(pairs) - 1)
    quantile = STUDENT_T[len(pairs) - 2] if len(pairs) - 2 < len(STUDENT_T) else 1.96
    return mean, quantile * math.sqrt(variance / len(pairs))


def bootstrap_bound(ours, theirs, rounds=10_000):
    """Lower 95 % bound of the mean paired difference, by resampling the pairs: for differences that are bounded on
    one side and mostly zero, as those of attainment are, which a normal distribution does not describe."""
    pairs = [a - b for a, b in zip(ours, theirs)]
    rng = random.Random(1)
    means = sorted(sum(rng.choice(pairs) for _ in pairs) / len(pairs) for _ in range(rounds))
    return means[rounds // 40]


# Of a run. What was not answered in time counts as 0 in the last.
MEASURES = {
    "in time": lambda r: r["attainment"],
    "fidelity": lambda r: r["mean_fidelity"],
    "of sent": lambda r: r["mean_fidelity"] * r["attainment"],
}


def print_table(runs, names, policies):
    reference = next((p for p in policies if p.startswith("slackfit")), None)
    by_key = {(r["load"], r["policy"], r["run_seed"]): r for r in runs}
    print("| load | runs | " + " | ".join(f"{p}: in time, fidelity" for p in policies) +
          f" | bounds against {reference}: in time, fidelity, of sent | late p99, ms |")
    print("|" + "---|" * (len(policies) + 4))
    for name in names:
        seeds = sorted({s for (load, _, s) in by_key if load == name})
        seeds = [s for s in seeds if all((name, p, s) in by_key for p in policies)]
        if not seeds:
            continue
        values = {p: {m: [f(by_key[name, p, s]) for s in seeds] for m, f in MEASURES.items()} for p in policies}
        cells = [name, str(len(seeds))]
        for p in policies:
            mean = {m: sum(v) / len(v) for m, v in values[p].items()}
            cells.append(f"{mean['in time']:.5f}, {mean['fidelity']:.4f}")
        bounds = []
        for p in policies:
            if p == reference or reference is None:
                continue
            for measure, digits in (("in time", 5), ("fidelity", 4), ("of sent", 4)):
                mean, half = difference(values[p][measure], values[reference][measure])
                bounds.append(f"{mean - half:+.{digits}f}")
            bootstrap = bootstrap_bound(values[p]["in time"], values[reference]["in time"])
            bounds.append(f"in time by bootstrap {bootstrap:+.5f}")
        cells.append(", ".join(bounds))
        cells.append(f"{max(by_key[name, p, s]['generator']['late_ms']['p99'] for p in policies for s in seeds):.1f}")
        print("| " + " | ".join(cells) + " |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, help="JSON lines: read, and appended to")
    parser.add_argument("--table", action="store_true", help="no runs")
    parser.add_argument("--bin", default=os.path.join(ROOT, "build/release/bin"))
    parser.add_argument("--profile", default=os.path.join(ROOT, "tests/bench/profiles/vit-s-cpu.json"))
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--floor", default="0.27", help="of the server: below it, load refuses")
    parser.add_argument("--policies", default="elastic,slackfit:5",
                        help="the first slackfit is what the others are compared with; its 5 ms are for the reply")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--warmup", type=float, default=1)
    parser.add_argument("--loads", default="", help="regular expression of names; default: all")
    parser.add_argument("--input-size", type=int, default=32, help="of the tensors sent; 0: the profile's")
    parser.add_argument("--prefix", default="", help="before both commands, such as chrt -f 10")
    parser.add_argument("--bench-prefix", help="before snapvit bench, if not the same")
    parser.add_argument("--engine", default="", help="flags of snapvit-server for a real engine, whose times --profile "
                        "has: --model DIR --threads 1; no worker stops")
    args = parser.parse_args()
    with open(args.profile, encoding="utf-8") as file:
        profile = json.load(file)
    c = capacity(profile, args.workers)
    deadline_ms = 1e3 * DEADLINE * args.workers / c
    policies = args.policies.split(",")
    chosen = {
        n: load
        for n, load in loads(c, args.seconds).items() if re.search(args.loads, n) and not (args.engine and load[1])
    }
    runs = read_log(args.log)
    have = {(r["load"], r["policy"], r["run_seed"]) for r in runs}
    for seed in range(1, args.seeds + 1) if not args.table else ():
        for name, (arrivals, stops) in chosen.items():
            for policy in policies if seed % 2 else reversed(policies):
                if (name, policy, seed) in have:
                    continue
                result = run(args, profile, policy, arrivals, stops, seed, deadline_ms)
                result.update({"load": name, "policy": policy, "run_seed": seed})
                runs.append(result)
                with open(args.log, "a", encoding="utf-8") as file:
                    file.write(json.dumps(result, ensure_ascii=False) + "\n")
                print(f"{name}, {policy}, seed {seed}: {result['attainment']:.5f} in time, fidelity "
                      f"{result['mean_fidelity']:.4f}", file=sys.stderr)
    print(f"{args.workers} workers, C = {c:.1f} requests/s, deadline {deadline_ms:.0f} ms, {args.seconds:g} s a run")
    print_table(runs, list(loads(c, args.seconds)), policies)


if __name__ == "__main__":
    main()
