#!/usr/bin/env python3
"""A server at saturation beside its engine alone: images per second over loopback gRPC, of encoded images, in turn with
the same model in engine_bench on as many threads.

usage: saturation.py MODEL_DIR IMAGES [--threads 2] [--workers 1] [--batch 8] [--rounds 10] [--concurrency 32] [--dtype bf16]

Needs build/release with -DSNAPVIT_BENCH=ON. IMAGES: a folder of encoded images. Prints a line a round, then the median.
Decoding is counted in: an engine that computes r images a second on n threads would manage 1 / (1/r + d/n) if an image
took d to decode and scale, which the server's own metric says of one image at a time. The server's workers share the
threads.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build/release/bin"
ROUND_S = 6


class Engine:
    """engine_bench at full budget."""

    def __init__(self, model, dtype, threads, batch):
        self.batch = batch
        self.process = subprocess.Popen([ROOT / "build/release/bench/engine_bench", model, dtype, str(threads)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.rate(1)

    def rate(self, seconds=ROUND_S):
        times = []
        while sum(times) < seconds:
            self.process.stdin.write(f"time 1 {self.batch} default\n")
            self.process.stdin.flush()
            times.append(json.loads(self.process.stdout.readline())["ms"] / 1e3)
        return self.batch * len(times) / sum(times)


class Server:
    def __init__(self, model, dtype, threads, workers, folder):
        ready = pathlib.Path(folder) / "ready"
        self.process = subprocess.Popen(
            [BIN / "snapvit-server", "--model", model, "--dtype", dtype, "--threads", str(threads // workers),
             "--workers", str(workers), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0",
             "--admin-listen", "127.0.0.1:0", "--order-at-start", "never", "--corrections", "none",
             "--ready-file", ready, "--cache-dir", folder, "--log-level", "error"])
        while not ready.exists():
            if self.process.poll() is not None:
                sys.exit(f"saturation: the server ended, exit status {self.process.returncode}")
            time.sleep(0.2)
        addresses = json.loads(ready.read_text())
        self.target, self.http = addresses["listen"], addresses["http"]

    def decode_seconds(self, images):
        """Of one image, while nothing is computed."""
        self.rate(images, concurrency=1)
        values = {}
        for line in urllib.request.urlopen(f"http://{self.http}/metrics").read().decode().splitlines():
            if line.startswith("snapvit_decode_duration_seconds_"):
                values[line.split("{")[0].rsplit("_", 1)[1]] = float(line.split()[-1])
        return values["sum"] / values["count"]

    def rate(self, images, concurrency):
        result = subprocess.run(
            [BIN / "snapvit", "bench", "--target", self.target, "--concurrency", str(concurrency), "--budget", "1", "--strict",
             "--images", images, "--duration", str(ROUND_S), "--warmup", "1", "--threads", "1", "--json"],
            capture_output=True, text=True, check=True)
        result = json.loads(result.stdout)
        if result["failed"] or result["shed"]:
            sys.exit(f"saturation: {result['failed']} failed, {result['shed']} shed: {result['errors']}")
        return result["images_per_second"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("images")
    for name, value in dict(threads=2, workers=1, batch=8, rounds=10, concurrency=32).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--dtype", default="bf16")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(args.model, args.dtype, args.threads, args.batch)
        server = Server(args.model, args.dtype, args.threads, args.workers, folder)
        try:
            decode = server.decode_seconds(args.images)
            print(f"decoding and scaling takes {1e3 * decode:.2f} ms an image")
            ratios = []
            for _ in range(args.rounds):
                before = engine.rate()
                served = server.rate(args.images, args.concurrency)
                alone = (before + engine.rate()) / 2
                with_decoding = 1 / (1 / alone + decode / args.threads)
                ratios.append(served / with_decoding)
                print(f"engine {alone:.1f}, with decoding {with_decoding:.1f}, server {served:.1f}: {ratios[-1]:.3f}", flush=True)
            low, middle, high = statistics.quantiles(ratios, n=4)
            print(f"server / engine: {middle:.3f} (quartiles {low:.3f} and {high:.3f})")
        finally:
            server.process.terminate()
            server.process.wait()


if __name__ == "__main__":
    main()
