#!/usr/bin/env python3
"""A newcomer's path: the README's commands, as they are printed there, from a fresh clone of the last commit to a first
embedding from Python and a dashboard with data. Prints what each step took, also in seconds of CPU.

    tests/e2e/newcomer.py [--folder DIR]

Fenced blocks that follow a line `<!-- newcomer -->` are run in their order, each in the clone: `sh` and the lines of `console`
that begin with `$ ` by bash, others by the program that the mark names (`<!-- newcomer: venv/bin/python -->`). A mark
`background until URL` lets a block run until the end and goes on when the URL answers 200. What scripts/serve.sh does
before it starts the server (install, build) is done, and timed, before: the path after it has to take less than 10 minutes.

Takes the build's time and about three minutes; the README's ports (8080, 9099, 50051) must be free. Exit status 77: skipped, and why.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 600
PROMETHEUS = "http://127.0.0.1:9099"
PORTS = (8080, 9099, 50051)


@dataclass
class Block:
    program: list[str]
    text: str
    until: str  # empty: it ends by itself


def blocks(document: str) -> list[Block]:
    found = []
    pattern = r"^<!-- newcomer(?:: ([^>]*?))? -->\n```(\w+)\n(.*?)^```"
    for mark, language, text in re.findall(pattern, document, re.MULTILINE | re.DOTALL):
        until = re.fullmatch(r"background until (\S+)", mark)
        program = ["bash", "-e"] if until or not mark else mark.split()
        if language == "console":
            text = "".join(line[2:] + "\n" for line in text.splitlines() if line.startswith("$ "))
        found.append(Block(program, text, until[1] if until else ""))
    return found


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return str(reply.read().decode())


def answers(url: str) -> bool:
    try:
        get(url)
        return True
    except (urllib.error.URLError, OSError):
        return False


def cpu_seconds() -> float:
    """Of children that have ended: what a step costs, whatever else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Newcomer:
    def __init__(self, clone: Path) -> None:
        self._clone = clone
        # A newcomer has no ordering yet.
        self._environment = os.environ | {"SNAPVIT_CACHE_DIR": str(clone.parent / "cache")}
        self._background: list[subprocess.Popen[bytes]] = []

    def run(self, block: Block) -> None:
        first = block.text.strip().splitlines()[0]
        start, computed = time.monotonic(), cpu_seconds()
        if block.until:
            log = open(self._clone / "build" / f"background{len(self._background)}.log", "wb")
            process = subprocess.Popen([*block.program, "-c", block.text], cwd=self._clone, stdout=log, stderr=log,
                                       stdin=subprocess.DEVNULL, start_new_session=True, env=self._environment)
            self._background.append(process)
            while not answers(block.until):
                if process.poll() is not None or time.monotonic() - start > LIMIT_SECONDS:
                    raise SystemExit(f"newcomer: FAILED: {first}\n{Path(log.name).read_text()[-2000:]}")
                time.sleep(0.2)
        else:
            run = subprocess.run(block.program, input=block.text, cwd=self._clone, capture_output=True, text=True,
                                 env=self._environment)
            if run.returncode != 0:
                raise SystemExit(f"newcomer: FAILED: {first}\n{run.stdout[-2000:]}{run.stderr[-2000:]}")
            print("\n".join("    " + line[:110] for line in run.stdout.strip().splitlines()[-3:]))
        cpu = f", {cpu_seconds() - computed:5.1f} s of CPU" if not block.until else ""
        print(f"[{time.monotonic() - start:6.1f} s{cpu}] {first}", flush=True)

    def close(self) -> None:
        for process in reversed(self._background):
            # The whole group, as Ctrl-C does.
            signal_group(process, signal.SIGINT)


def signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass
    process.wait(timeout=60)


def query(expression: str) -> list[Any]:
    expression = re.sub(r"\$(model|instance|tenant|budget)", ".*", expression.replace("$__rate_interval", "30s"))
    now = time.time()
    parameters = urllib.parse.urlencode({"query": expression, "start": now - 60, "end": now, "step": 5})
    reply = json.loads(get(f"{PROMETHEUS}/api/v1/query_range?{parameters}"))
    return [series for series in reply["data"]["result"] if not all(math.isnan(float(value)) for _, value in series["values"])]


def check_dashboard() -> None:
    """The status page, the rules, and the queries of the Grafana dashboard, which need no Grafana to have data."""
    assert "<html" in get("http://127.0.0.1:8080/") and json.loads(get("http://127.0.0.1:8080/status.json"))["serving"]
    rules = [rule for group in json.loads(get(f"{PROMETHEUS}/api/v1/rules"))["data"]["groups"] for rule in group["rules"]]
    unhealthy = [rule["name"] for rule in rules if rule["health"] != "ok"]
    assert rules and not unhealthy, f"rules that are not evaluated: {unhealthy}"
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "snapvit.json").read_text())
    targets = [(panel["title"], target["expr"]) for panel in dashboard["panels"] for target in panel.get("targets", [])]
    empty = sorted({title for title, expression in targets if not query(expression)})
    print(f"    {len(rules)} rules; {len(targets)} queries of the dashboard, without data: {', '.join(empty) or 'none'}")
    assert not empty


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where to clone to, and to leave it; default: a temporary one")
    arguments = parser.parse_args()
    if shutil.which("prometheus") is None:
        print("SKIPPED: no prometheus here: apt-get install prometheus", file=sys.stderr)
        return 77
    for port in PORTS:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print(f"SKIPPED: port {port} is taken", file=sys.stderr)
                return 77
    folder = arguments.folder or Path(tempfile.mkdtemp(prefix="snapvit-newcomer."))
    clone = folder / "snapvit"
    newcomer = Newcomer(clone)
    try:
        if not clone.exists():
            subprocess.run(["git", "clone", "--quiet", f"file://{ROOT}", str(clone)], check=True)
        start = time.monotonic()
        subprocess.run(["bash", "-ec", "scripts/setup.sh; scripts/build.sh release snapvit-server snapvit"], cwd=clone, check=True,
                       stdout=subprocess.DEVNULL)
        built = time.monotonic()
        print(f"[{built - start:6.1f} s] install and build, as scripts/serve.sh does", flush=True)
        for block in blocks((clone / "README.md").read_text()):
            newcomer.run(block)
        check_dashboard()
        done = time.monotonic()
        print(f"newcomer: {done - built:.0f} s after the build, {done - start:.0f} s with it")
        return 0 if done - built < LIMIT_SECONDS else 1
    finally:
        newcomer.close()
        if arguments.folder is None:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
