#!/usr/bin/env python3
"""Times the engine in its dtypes beside one another: batches by engine_bench, one of each dtype in turn, so that what
else the machine does falls on all of them. Prints the median milliseconds, how much faster each dtype is than the
first, and the bytes of the weights.

    dtypes.py MODEL_DIR --dtypes bf16,int8 --budgets 1,0.75,0.5 --batches 1,8 --threads 2 --rounds 40
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import time

ENGINE_BENCH = pathlib.Path(__file__).parents[2] / "build/release/bench/engine_bench"

# Threads of the engine before go on waiting for work for some milliseconds.
IDLE_S = 0.05


class Engine:
    """One engine_bench: the release build's, or PROGRAM's of PROGRAM:DTYPE."""

    def __init__(self, name: str, model: str, threads: int) -> None:
        self.name = name
        program, _, dtype = name.rpartition(":")
        command = [program or str(ENGINE_BENCH), model, dtype, str(threads)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, line: str) -> dict:
        print(line, file=self._process.stdin, flush=True)
        return json.loads(self._process.stdout.readline())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--dtypes", default="bf16,int8", help="each may be PROGRAM:DTYPE, of another engine_bench")
    parser.add_argument("--budgets", default="1,0.75,0.5")
    parser.add_argument("--batches", default="1,8")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    engines = [Engine(name, args.model, args.threads) for name in args.dtypes.split(",")]
    for engine in engines:
        print(f"{engine.name}: weights of {engine.ask('memory')['weight_bytes'] / 1e6:.1f} MB")
    for batch in args.batches.split(","):
        for budget in args.budgets.split(","):
            line = f"time {budget} {batch} default"
            for engine in engines:
                engine.ask(line)  # warm
            times = {engine.name: [] for engine in engines}
            for _ in range(args.rounds):
                for engine in engines:
                    time.sleep(IDLE_S)
                    times[engine.name].append(engine.ask(line)["ms"])
            medians = {name: statistics.median(values) for name, values in times.items()}
            first = medians[engines[0].name]
            row = "  ".join(f"{name} {ms:8.2f} ms ({first / ms:4.2f})" for name, ms in medians.items())
            print(f"batch {batch} budget {budget:5}  {row}", flush=True)


if __name__ == "__main__":
    main()
