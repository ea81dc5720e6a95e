#!/usr/bin/env python3
"""Metrics, rules and the dashboard with the real tools: promtool, and a Prometheus that scrapes a loaded server.

    tests/e2e/prometheus_test.py

Needs Debian's package prometheus; exit status 77 (skipped) without. Takes about a minute: two tenants send more than a
simulated engine can do, so that there is something to degrade and to shed.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "python"))
from live_server import BIN, ROOT, LiveServer  # noqa: E402

RULES = ROOT / "deploy" / "prometheus" / "rules.yaml"
DOCUMENT = ROOT / "docs" / "observability.md"
REMEDIES = ROOT / "docs" / "operations.md"
DASHBOARD = ROOT / "deploy" / "grafana" / "snapvit.json"
LOAD_SECONDS = 45  # the rules are evaluated every 30 s
MOST_LOADS = 3

# Two tenants with a name each, eleven budgets, and buckets: what one server may give Prometheus to keep.
MOST_SERIES = 1500

TENANTS = """tenants:
  gold: {{keys: 'sha256:{gold}', weight: 3, floor: 0.6}}
  bulk: {{keys: 'sha256:{bulk}', weight: 1, concurrency: 400, rate_gflops: 4000}}
"""
STREAMS = """
- {{name: gold, api-key-file: {folder}/gold.key, rate: 40, budget: "1:2,0.7:1", deadline: 400}}
- {{name: bulk, api-key-file: {folder}/bulk.key, rate: 400, budget: "1:1,0.5:1,fidelity:0.9:1", deadline: 300}}
"""


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as reply:
        return str(reply.read().decode())


class Prometheus:
    """Scrapes one address every second, with our rules, until its `with` block ends."""

    def __init__(self, folder: Path, scraped: str) -> None:
        config = folder / "prometheus.yaml"
        config.write_text(json.dumps({  # which is YAML
            "global": {"scrape_interval": "1s", "evaluation_interval": "5s"},
            "rule_files": [str(RULES)],
            "scrape_configs": [{"job_name": "snapvit", "static_configs": [{"targets": [scraped]}]}],
        }))
        self._log = open(folder / "prometheus.log", "w+")
        command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder}/data",
                   "--web.listen-address=127.0.0.1:0", "--log.level=info"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self._url = ""
        self._started = time.time()

    def __enter__(self) -> Prometheus:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._process.poll() is None:
            self._log.flush()
            found = re.search(r'msg="Listening on" address=(127\.0\.0\.1:\d+)', Path(self._log.name).read_text())
            if found:
                self._url = f"http://{found[1]}/api/v1/"
                return self
            time.sleep(0.1)
        raise RuntimeError(f"Prometheus did not start:\n{Path(self._log.name).read_text()}")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=60)
        self._log.close()

    def api(self, path: str, **parameters: str) -> Any:
        reply = json.loads(get(f"{self._url}{path}?{urllib.parse.urlencode(parameters)}"))
        assert reply["status"] == "success", reply
        return reply["data"]

    def query_range(self, expression: str) -> list[Any]:
        """Since this Prometheus started."""
        data = self.api("query_range", query=expression, start=str(self._started), end=str(time.time()), step="1")
        return list(data["result"])


class Failures:
    def __init__(self) -> None:
        self.count = 0

    def check(self, ok: bool, what: str) -> None:
        print(f"{'ok    ' if ok else 'FAILED'} {what}", flush=True)
        self.count += not ok


def promtool(failures: Failures, *arguments: str, text: str | None = None) -> None:
    run = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, cwd=ROOT)
    failures.check(run.returncode == 0, f"promtool {' '.join(arguments)}\n{run.stdout}{run.stderr}".strip())


def check_document(failures: Failures, folder: Path) -> None:
    """What docs/observability.md says to do about Prometheus, as it is printed there."""
    document = DOCUMENT.read_text()
    for line in re.findall(r"^promtool .*", document, re.MULTILINE):
        promtool(failures, *line.split()[1:])
    config = re.search(r"```yaml\n(# prometheus\.yml\n.*?)```", document, re.DOTALL)
    assert config is not None
    (folder / "prometheus.yml").write_text(config[1])
    (folder / "deploy").symlink_to(ROOT / "deploy")
    promtool(failures, "check", "config", str(folder / "prometheus.yml"))


def check_rules_select_no_whole_bound(failures: Failures) -> None:
    for file in (RULES, DASHBOARD):
        text = re.sub(r"^ *#.*", "", file.read_text(), flags=re.MULTILINE)
        whole = re.findall(r'le=~?\\?"[0-9]+(?:\.0+)?\\?"', text)
        failures.check(not whole, f"{file.name} selects no whole number as le {whole or ''}")


def check_everything_is_documented(failures: Failures, exposition: str) -> None:
    document = DOCUMENT.read_text()
    metrics = re.findall(r"^# TYPE (\w+)", exposition, re.MULTILINE)
    unknown = [metric for metric in metrics if f"`{metric}`" not in document]
    failures.check(bool(metrics) and not unknown, f"{DOCUMENT.name} has every one of {len(metrics)} metrics {unknown or ''}")
    alerts = re.findall(r"- alert: (\w+)", RULES.read_text())
    remedies = REMEDIES.read_text()
    unknown = [alert for alert in alerts if f"\n### {alert}\n" not in remedies]
    failures.check(bool(alerts) and not unknown, f"{REMEDIES.name} has a remedy for every one of {len(alerts)} alerts {unknown or ''}")


def start_load(folder: Path, server: LiveServer) -> subprocess.Popen[str]:
    streams = folder / "streams.yaml"
    streams.write_text(STREAMS.format(folder=folder))
    command = [str(BIN / "snapvit"), "bench", "--target", server.target, "--streams", str(streams),
               "--images", str(ROOT / "docs" / "example.jpg"), "--duration", str(LOAD_SECONDS), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def series_of(exposition: str) -> set[str]:
    return {line.rsplit(" ", 1)[0] for line in exposition.splitlines() if line and not line.startswith("#")}


def check_cardinality(failures: Failures, server: LiveServer, folder: Path) -> None:
    """What callers make up (keys, models, budgets, ids) must not become series."""
    before = series_of(get(f"http://{server.http}/metrics"))
    # Each is refused; together they take every way by which a caller's text reaches the server.
    for number in range(20):
        (folder / "wrong.key").write_text(f"key-{number}")
        for flags in (["--api-key-file", str(folder / "wrong.key")],
                      ["--api-key-file", str(folder / "gold.key"), "--budget", f"0.{number + 11}",
                       "--floor", f"0.9{number}"]):
            subprocess.run([str(BIN / "snapvit"), "embed", str(ROOT / "docs" / "example.jpg"), "--target",
                            server.target, *flags], capture_output=True)
    after = series_of(get(f"http://{server.http}/metrics"))
    new = {series.split("{")[0] for series in after - before if 'tenant="other"' not in series}
    failures.check(not new, f"forty kinds of refused requests add no series, but of tenant other {new or ''}")
    tenants = set(re.findall(r'tenant="([^"]*)"', "\n".join(after)))
    failures.check(tenants == {"gold", "bulk", "other"}, f"tenants in labels are {sorted(tenants)}")
    failures.check(len(after) <= MOST_SERIES, f"{len(after)} series of one server, at most {MOST_SERIES}")
    largest = Counter(re.sub(r"_(bucket|sum|count)$", "", series.split("{")[0]) for series in after).most_common(3)
    of_gold = sum('tenant="gold"' in series for series in after)
    shared = sum('tenant="' not in series for series in after)
    print(f"       {of_gold} of tenant gold, {shared} of no tenant; largest: {largest}")


def substitute(expression: str) -> str:
    expression = expression.replace("$__rate_interval", "10s")
    return re.sub(r"\$(model|instance|tenant|budget)", ".*", expression)


def numbers(result: list[Any]) -> list[float]:
    values = [float(value) for series in result for _, value in series["values"]]
    return [value for value in values if not math.isnan(value)]


def check_form(failures: Failures, dashboard: Any) -> None:
    """What Grafana would only show as a wrong page."""
    failures.check(dashboard["schemaVersion"] == 39 and "__inputs" not in dashboard, "the dashboard can be provisioned")
    panels = dashboard["panels"]
    failures.check(len({panel["id"] for panel in panels}) == len(panels), "ids of panels differ")
    cells: set[tuple[int, int]] = set()
    overlapping = []
    for panel in panels:
        at = panel["gridPos"]
        covered = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        if cells & covered or at["x"] + at["w"] > 24:
            overlapping.append(panel["title"])
        cells |= covered
    failures.check(not overlapping, f"panels lie side by side {overlapping or ''}")
    targets = [target for panel in panels for target in panel.get("targets", [])]
    sources = {target["datasource"]["uid"] for target in targets}
    failures.check(sources == {"${datasource}"}, "every query goes to the Prometheus that the variable names")


def shows_load(prometheus: Prometheus, expression: str) -> bool:
    """Series that are there as zero before anything happens prove little."""
    return any(numbers(prometheus.query_range(expression)))


def dashboard_queries(dashboard: Any) -> list[tuple[str, str]]:
    """Title of the panel, expression."""
    return [(panel["title"], substitute(target["expr"])) for panel in dashboard["panels"] if panel["type"] != "row"
            for target in panel["targets"]]


def lacks_data(prometheus: Prometheus) -> list[str]:
    expressions = [expression for _, expression in dashboard_queries(json.loads(DASHBOARD.read_text()))
                   if not shows_load(prometheus, expression)]
    rules = [rule["name"] for group in prometheus.api("rules")["groups"] for rule in group["rules"]
             if rule["type"] == "recording" and not numbers(prometheus.query_range(rule["name"]))]
    return expressions + rules


def check_dashboard(failures: Failures, prometheus: Prometheus) -> None:
    dashboard = json.loads(DASHBOARD.read_text())
    check_form(failures, dashboard)
    for title, expression in dashboard_queries(dashboard):
        failures.check(shows_load(prometheus, expression), f"{title}: {expression}")
    for variable in dashboard["templating"]["list"]:
        if variable["type"] != "query":
            continue
        metric, label = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]).groups()  # type: ignore[union-attr]
        values = prometheus.api(f"label/{label}/values", **{"match[]": substitute(metric)})
        failures.check(bool(values), f"variable {variable['name']} has the values {values}")
    for annotation in dashboard["annotations"]["list"]:
        prometheus.query_range(substitute(annotation["expr"]))  # valid; whether a server started is chance


def check_recorded(failures: Failures, prometheus: Prometheus) -> None:
    for group in prometheus.api("rules")["groups"]:
        for rule in group["rules"]:
            failures.check(rule["health"] == "ok", f"rule {rule['name']} is healthy {rule.get('lastError', '')}")
            if rule["type"] == "recording":
                failures.check(bool(numbers(prometheus.query_range(rule["name"]))), f"{rule['name']} has data")


def check_scraped(failures: Failures, prometheus: Prometheus) -> None:
    targets = prometheus.api("targets")["activeTargets"]
    failures.check([target["health"] for target in targets] == ["up"], f"the target is up {targets[0]['lastError']}")
    for state in ("degraded", "shed"):
        total = prometheus.api("query", query=f"sum(snapvit_{state}_items_total)")["result"][0]["value"][1]
        failures.check(float(total) > 0, f"the load made {total} {state} images")


def main() -> int:
    for program in ("prometheus", "promtool"):
        if shutil.which(program) is None:
            print(f"SKIPPED: no {program} here: apt-get install prometheus", file=sys.stderr)
            return 77
    failures = Failures()
    check_rules_select_no_whole_bound(failures)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        check_document(failures, folder)
        hashes = {}
        for tenant in ("gold", "bulk"):
            (folder / f"{tenant}.key").write_text(f"{tenant}-key")
            hashes[tenant] = hashlib.sha256(f"{tenant}-key".encode()).hexdigest()
        (folder / "tenants.yaml").write_text(TENANTS.format(**hashes))
        with LiveServer("--workers", "8", "--tenants", str(folder / "tenants.yaml")) as server, \
                Prometheus(folder, server.http) as prometheus:
            promtool(failures, "check", "metrics", text=get(f"http://{server.http}/metrics"))
            check_everything_is_documented(failures, get(f"http://{server.http}/metrics"))
            # A machine with other work may scrape, and evaluate rules, too seldom for one load.
            for _ in range(MOST_LOADS):
                load = start_load(folder, server)
                _, errors = load.communicate(timeout=LOAD_SECONDS + 120)
                failures.check(load.returncode == 0, f"snapvit bench {'' if load.returncode == 0 else errors}")
                if load.returncode != 0 or not lacks_data(prometheus):
                    break
            promtool(failures, "check", "metrics", text=get(f"http://{server.http}/metrics"))
            check_scraped(failures, prometheus)
            check_dashboard(failures, prometheus)
            check_recorded(failures, prometheus)
            check_cardinality(failures, server, folder)
    print(f"{failures.count} failed")
    return 1 if failures.count else 0


if __name__ == "__main__":
    sys.exit(main())
