#!/usr/bin/env python3
"""Checks deploy/ with the tools that read it, and against what the server has: flags, ports, metrics, health services.

    tests/e2e/deploy_test.py

What needs a tool that is not here is skipped, aloud: Debian's haproxy, prometheus (promtool) and systemd, and the packages
of tests/requirements-deploy.txt, which are looked for in build/deploy-venv first. Exit status 77 if all tools are missing.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
SERVER = Path(os.environ.get("SNAPVIT_BIN", ROOT / "build" / "release" / "bin")) / "snapvit-server"
VENV = ROOT / "build" / "deploy-venv" / "bin"
# The oldest that the chart names, and one that is current with these packages.
KUBERNETES = ("1.27", "1.34")
# Not Kubernetes' own: kubernetes-validate has no schema of them.
CUSTOM_KINDS = {"ScaledObject", "ServiceMonitor", "ServingRuntime", "InferenceService"}

GRPC_PORT, HTTP_PORT = 50051, 8080


class Results:
    def __init__(self) -> None:
        self.passed = self.failed = self.skipped = 0

    def check(self, ok: bool, what: str) -> None:
        print(f"{'ok    ' if ok else 'FAILED'} {what}", flush=True)
        self.passed += ok
        self.failed += not ok

    def skip(self, what: str) -> None:
        print(f"SKIPPED {what}", flush=True)
        self.skipped += 1

    def run(self, *command: str | Path, cwd: Path = ROOT) -> None:
        run = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd)
        text = "" if run.returncode == 0 else f"\n{run.stdout}{run.stderr}".rstrip()
        self.check(run.returncode == 0, f"{Path(command[0]).name} {' '.join(map(str, command[1:]))}{text}")


def tool(name: str) -> Path | None:
    """Of the virtual environment, or of the system, where administrators' programs are not in everybody's PATH."""
    if (VENV / name).exists():
        return VENV / name
    found = shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return Path(found) if found else None


def manifests() -> list[Path]:
    """Files of Kubernetes objects: not the chart's templates, nor values."""
    files = [*DEPLOY.glob("kubernetes/*.yaml"), *DEPLOY.glob("kserve/*.yaml")]
    return sorted(file for file in files if re.search(r"^kind:", file.read_text(), re.MULTILINE))


def load_all(file: Path) -> list[Any]:
    import yaml

    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def server_help() -> str:
    return subprocess.run([str(SERVER), "--help"], check=True, capture_output=True, text=True).stdout


def server_flags() -> set[str]:
    return set(re.findall(r"--([a-z][a-z-]+)", server_help()))


def server_check(text: str, tenants: str = "") -> subprocess.CompletedProcess[str]:
    """`snapvit-server --check` of a configuration file."""
    with tempfile.TemporaryDirectory() as folder:
        # Paths of another machine: this one's stand in.
        for key, path in (("model", ROOT / "models" / "demo"), ("tenants", f"{folder}/tenants.yaml"), ("cache-dir", folder)):
            text = re.sub(rf"^{key}: .*", f"{key}: {path}", text, flags=re.MULTILINE)
        (Path(folder) / "tenants.yaml").write_text(tenants)
        (Path(folder) / "server.yaml").write_text(text)
        return subprocess.run([str(SERVER), "--config", f"{folder}/server.yaml", "--check"], capture_output=True, text=True)


def check_yaml(results: Results) -> None:
    files = [file for file in DEPLOY.rglob("*.y*ml") if "templates" not in file.parts]
    for file in files:
        try:
            load_all(file)
            error = ""
        except Exception as problem:  # whatever the parser raises
            error = str(problem)
        results.check(not error, f"{file.relative_to(ROOT)} is YAML {error}")


def names_in_server_yaml(text: str) -> set[str]:
    return set(re.findall(r"^(?:# )?([a-z][a-z-]+):", text, re.MULTILINE))


def check_flags(results: Results) -> None:
    """Every option that a file of deploy/ names is one of `snapvit-server --help`."""
    flags = server_flags()
    used: dict[str, set[str]] = {}
    for file in sorted(DEPLOY.rglob("*")):
        if not file.is_file():
            continue
        text = file.read_text()
        names = {name.lower().replace("_", "-") for name in re.findall(r"\bSNAPVIT_([A-Z_]+)\b", text)}
        if file.name == "server.yaml":
            names |= names_in_server_yaml(text)
        for document in load_all(file) if file in manifests() else []:
            names |= names_in_server_yaml(document.get("data", {}).get("server.yaml", ""))
            names |= set(re.findall(r"--([a-z-]+)=", json.dumps(document)))
        used[str(file.relative_to(ROOT))] = names - {"name"}
    unknown = {file: names - flags for file, names in used.items() if names - flags}
    total = len(set().union(*used.values()))
    results.check(total > 10 and not unknown, f"{total} options in deploy/, all in snapvit-server --help {unknown or ''}")


def check_server_yaml(results: Results) -> None:
    """The server itself reads the configuration and the tenants that the unit and the manifests give it."""
    configs = {DEPLOY / "systemd" / "server.yaml": ((DEPLOY / "systemd" / "server.yaml").read_text(), "")}
    for file in manifests():
        data: dict[str, str] = {}
        for document in load_all(file):
            data |= document.get("data", {})
        if "server.yaml" in data:
            configs[file] = (data["server.yaml"], data.get("tenants.yaml", ""))
    for file, (text, tenants) in configs.items():
        run = server_check(text, tenants)
        results.check(run.returncode == 0, f"snapvit-server --check reads {file.relative_to(ROOT)} {run.stderr.strip()}")


def containers(document: Any) -> list[Any]:
    spec = document.get("spec", {})
    pod = spec.get("template", {}).get("spec", spec)
    return list(pod.get("containers", []))


def check_pods(results: Results) -> None:
    """Unprivileged, probed at the port they listen on, and with time to drain."""
    for file in manifests():
        for document in load_all(file):
            for container in containers(document):
                name = f"{file.relative_to(ROOT)}: {container['name']}"
                security = container["securityContext"] | document["spec"].get("template", {}).get("spec", {}).get("securityContext", {})
                results.check(security.get("runAsNonRoot") is True and security["readOnlyRootFilesystem"] is True
                              and security["allowPrivilegeEscalation"] is False
                              and security["capabilities"] == {"drop": ["ALL"]}
                              and security["seccompProfile"] == {"type": "RuntimeDefault"}, f"{name} is unprivileged")
                ports = {port["containerPort"] for port in container.get("ports", [])}
                for probe, service in (("startupProbe", "readiness"), ("readinessProbe", "readiness"), ("livenessProbe", "liveness")):
                    if document["kind"] != "Job":
                        grpc = container[probe]["grpc"]
                        results.check(grpc["port"] in ports and grpc["service"] == service, f"{name}: {probe} asks {grpc}")
            if document["kind"] == "Deployment":
                pod = document["spec"]["template"]["spec"]
                startup = containers(document)[0]["startupProbe"]
                seconds = startup["periodSeconds"] * startup["failureThreshold"]
                results.check(seconds > 300, f"{file.name}: the startup probe's {seconds} s cover --order-time (5 min)")
                sleep = int(containers(document)[0]["lifecycle"]["preStop"]["exec"]["command"][1])
                config = next(d["data"]["server.yaml"] for d in load_all(file) if "server.yaml" in d.get("data", {}))
                drain = int(re.search(r"drain-grace: (\d+)s", config)[1])  # type: ignore[index]
                grace = pod["terminationGracePeriodSeconds"]
                results.check(grace > sleep + drain, f"{file.name}: {grace} s of grace cover preStop {sleep} s and drain {drain} s")


def check_kserve(results: Results) -> None:
    """The CPUs that it asks for are those that it computes with, and it drains within the 30 s of every pod."""
    for document in load_all(DEPLOY / "kserve" / "serving-runtime.yaml"):
        container = containers(document)[0]
        options = {variable["name"]: variable["value"] for variable in container["env"]}
        cpus, threads = int(container["resources"]["requests"]["cpu"]), int(options.get("SNAPVIT_THREADS", 0))
        results.check(threads == cpus - 1, f"KServe: {threads} threads of {cpus} CPUs, one decodes")
        sleep = int(container.get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])[1])
        drain = int(options.get("SNAPVIT_DRAIN_GRACE", "30s").removesuffix("s"))
        results.check(sleep > 0 and sleep + drain < 30, f"KServe: preStop {sleep} s and drain {drain} s within 30 s")


def check_ports(results: Results) -> None:
    """One gRPC and one HTTP port throughout; KServe has its own for gRPC."""
    dockerfile = (DEPLOY / "docker" / "Dockerfile").read_text()
    results.check(f"SNAPVIT_LISTEN=0.0.0.0:{GRPC_PORT}" in dockerfile and f"SNAPVIT_HTTP=0.0.0.0:{HTTP_PORT}" in dockerfile
                  and f"EXPOSE {GRPC_PORT} {HTTP_PORT}" in dockerfile, "the image's ports")
    compose = load_all(DEPLOY / "docker" / "compose.yaml")[0]
    results.check(compose["services"]["snapvit"]["ports"] == [f"127.0.0.1:{p}:{p}" for p in (GRPC_PORT, HTTP_PORT)],
                  "compose publishes them, on loopback")
    prometheus = load_all(DEPLOY / "docker" / "prometheus.yaml")[0]
    targets = prometheus["scrape_configs"][0]["static_configs"][0]["targets"]
    results.check(targets == [f"snapvit:{HTTP_PORT}"], f"Prometheus scrapes {targets}")
    for number, service in enumerate(d for d in load_all(DEPLOY / "kubernetes" / "snapvit.yaml") if d["kind"] == "Service"):
        ports = {port["name"]: port["port"] for port in service["spec"]["ports"]}
        results.check(ports == ({"grpc": GRPC_PORT, "http": HTTP_PORT} if number == 0 else {"grpc": GRPC_PORT}),
                      f"Service {service['metadata']['name']} has {ports}")


def check_metrics(results: Results) -> None:
    """Metrics that deploy/ selects by are declared by the server."""
    declared = set(re.findall(r'"(snapvit_\w+)"', (ROOT / "server" / "metric_table.h").read_text()))
    for file in sorted([*manifests(), DEPLOY / "kubernetes" / "prometheus-adapter.yaml"]):
        # Names of metrics have more than one word; snapvit_server and the like are none.
        used = set(re.findall(r"\bsnapvit_[a-z]+_[a-z_]+\b", file.read_text()))
        if used:
            results.check(used <= declared, f"{file.relative_to(ROOT)} uses {sorted(used)}")


def check_compose(results: Results) -> None:
    """Files that it mounts are there, and Prometheus' configuration is right with them."""
    folder = DEPLOY / "docker"
    compose = load_all(folder / "compose.yaml")[0]
    mounts = [mount.split(":") for service in compose["services"].values() for mount in service.get("volumes", [])]
    missing = [source for source, *_ in mounts if source.startswith(".") and not (folder / source).is_file()]
    named = {source for source, *_ in mounts if not source.startswith(".")}
    results.check(not missing and named == set(compose["volumes"]), f"compose mounts files that exist {missing or ''}")
    if tool("promtool") is None:
        results.skip("promtool: apt-get install prometheus")
        return
    with tempfile.TemporaryDirectory() as name:
        for source, target, *_ in mounts:
            if target.startswith("/etc/prometheus/"):
                shutil.copy(folder / source, Path(name) / Path(target).name)
        results.run(tool("promtool"), "check", "config", Path(name) / "prometheus.yaml")  # type: ignore[arg-type]


def check_kubernetes(results: Results) -> None:
    validate = tool("kubernetes-validate")
    if validate is None:
        results.skip("kubernetes-validate: tests/requirements-deploy.txt")
        return
    for file in manifests():
        kinds = {document["kind"] for document in load_all(file)}
        if kinds <= CUSTOM_KINDS:
            print(f"       {file.relative_to(ROOT)}: no schema of {', '.join(kinds)} here; only parsed")
            continue
        for version in KUBERNETES:
            results.run(validate, "--strict", "-k", version, file)


def check_helm(results: Results) -> None:
    """Helm's own engine: lint, every branch of the templates, and the schema of the values."""
    try:
        import helm_python
        import yaml
    except ImportError:
        results.skip("helm-python-sdk: tests/requirements-deploy.txt")
        return
    chart_folder = DEPLOY / "helm" / "snapvit"
    lint = helm_python.lint(str(chart_folder))
    problems = [message for message in lint["messages"] if message["severity"] > 1]
    results.check(not lint["errors"] and not problems, f"Helm {helm_python.helm_sdk_version()} lints the chart {problems or ''}")
    everything = {"tls": {"secret": "tls"}, "tenants": {"a": {"keys": ["sha256:" + "0" * 64]}}, "model": {"claim": "m"},
                  "orderingJob": {"enabled": True, "images": "/models/i"}, "serviceMonitor": {"enabled": True, "labels": {"a": "b"}},
                  "imagePullSecrets": [{"name": "x"}], "nodeSelector": {"a": "b"}, "tolerations": [{"operator": "Exists"}],
                  "affinity": {"nodeAffinity": {}}, "podAnnotations": {"a": "b"}, "options": {"max-images": 8}}
    with helm_python.Chart.load(str(chart_folder)) as chart:
        for values in ({}, everything, everything | {"autoscaling": {"by": "hpa"}}, {"autoscaling": {"by": "keda"}},
                       {"gpus": 1, "options": {"rungs": 9}}):
            chart.validate_schema(values)
            rendered = chart.render(values, name="snapvit", namespace="prod")
            on_gpu = any("nvidia.com/gpu: 1" in text for path, text in rendered.items() if "deployment" in path)
            asks_for_it = any("device: cuda" in text for path, text in rendered.items() if "config" in path)
            results.check(on_gpu == asks_for_it == ("gpus" in values), f"a GPU is limited and used only if asked for: {sorted(values)}")
            with tempfile.TemporaryDirectory() as name:
                for path, text in rendered.items():
                    documents = [d for d in yaml.safe_load_all(text) if d] if path.endswith(".yaml") else []
                    if not documents or {d["kind"] for d in documents} <= CUSTOM_KINDS or tool("kubernetes-validate") is None:
                        continue
                    file = Path(name) / Path(path).name
                    file.write_text(text)
                    results.run(tool("kubernetes-validate"), "--strict", "--quiet", "-k", KUBERNETES[0], file)  # type: ignore[arg-type]
        for wrong in ({"replicas": 0}, {"cpu": 2}, {"options": {"listen": "0.0.0.0:1"}}, {"options": {"drain-grace": "1s"}},
                      {"options": {"rungs": [1]}}, {"autoscaling": {"by": "vpa"}}):
            try:
                chart.validate_schema(wrong)
                refused = False
            except helm_python.HelmError:
                refused = True
            results.check(refused, f"the schema refuses {wrong}")
        try:
            chart.render({"orderingJob": {"enabled": True}}, name="snapvit", namespace="prod")
            message = ""
        except helm_python.HelmError as error:
            message = str(error)
        results.check("model.claim" in message, "an ordering job without a claim is refused, by name of the value")
        check_chart_options(results, chart)
        check_chart_ordering(results, chart)
    results.run(sys.executable, DEPLOY / "kubernetes" / "render.py", "--check")


def rendered(chart: Any, values: dict[str, Any], template: str) -> Any:
    """The object of one template, with values that the schema allows."""
    import yaml

    chart.validate_schema(values)
    texts = chart.render(values, name="snapvit", namespace="prod")
    return next(yaml.safe_load(text) for path, text in texts.items() if Path(path).name == template)


def check_chart_options(results: Results, chart: Any) -> None:
    """What values say is what the server takes: off and on, which YAML reads as booleans, and over the chart's own."""
    switches = {name: choices.split("|") for name, choices in re.findall(r"^  --(\S+) (\S*\boff\b\S*)$", server_help(), re.MULTILINE)}
    results.check(len(switches) > 2, f"options that can be off: {sorted(switches)}")
    cases: list[tuple[dict[str, Any], dict[str, str]]] = [
        ({"options": {name: False for name in switches}}, {name: "off" for name in switches}),
        ({"options": {name: True for name in switches if "on" in switches[name]}}, {"reflection": "on"}),
        ({"cpus": 8, "options": {"threads": 3, "log-format": "text"}}, {"threads": "3", "log-format": "text"}),
        ({"gpus": 1, "options": {"device": "cpu"}}, {"device": "cpu"}),
        ({"cpus": 8, "options": {"threads": None, "max-pixels": 100_000_000}}, {"threads": "7", "max-pixels": "100000000"}),
    ]
    for values, expected in cases:
        run = server_check(rendered(chart, values, "config.yaml")["data"]["server.yaml"])
        taken = dict(re.findall(r"^([a-z-]+): (\S+)  #", run.stdout, re.MULTILINE))
        results.check(run.returncode == 0 and {name: taken.get(name) for name in expected} == expected,
                      f"the server takes {expected} from {values} {run.stderr.strip()}")


def check_chart_ordering(results: Results, chart: Any) -> None:
    """A GPU and the image for it only with device cuda; on nodes of its own, or on the servers'."""
    servers = {"nodeSelector": {"pool": "cpu"}, "tolerations": [{"operator": "Exists"}],
               "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}}}
    own = {"nodeSelector": {"pool": "gpu"}, "tolerations": [{"key": "gpu"}], "affinity": {"podAffinity": {}}}
    memory = {"resources": {"limits": {"memory": "8Gi"}}}
    gpu = {"nvidia.com/gpu": 1}
    cases: list[tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
        ({}, "hub/s:cuda", gpu, servers),
        ({"device": "cuda:1", **memory, **own}, "hub/s:cuda", {"memory": "8Gi", **gpu}, own),
        ({"device": "cpu"}, "hub/s:2", {}, servers),
        ({"device": "cpu", **memory, **own}, "hub/s:2", {"memory": "8Gi"}, own),
        ({"device": "cpu", "image": "other:1"}, "other:1", {}, servers),
    ]
    for job, image, limits, nodes in cases:
        values = {"image": {"repository": "hub/s", "tag": "2"}, "model": {"claim": "m"}, **servers, "orderingJob": {"enabled": True, **job}}
        pod = rendered(chart, values, "ordering-job.yaml")["spec"]["template"]["spec"]
        container = pod["containers"][0]
        results.check((container["image"], container.get("resources", {}).get("limits", {})) == (image, limits),
                      f"the ordering job {job} has {image}, limits {limits}")
        results.check({name: pod.get(name) for name in nodes} == nodes, f"the ordering job {job} runs where it should")


def check_proxies(results: Results) -> None:
    if (haproxy := tool("haproxy")) is not None:
        results.run(haproxy, "-c", "-q", "-f", DEPLOY / "proxy" / "haproxy.cfg")
    else:
        results.skip("haproxy: apt-get install haproxy")
    if (envoy := tool("envoy")) is not None:
        results.run(envoy, "--mode", "validate", "-c", DEPLOY / "proxy" / "envoy.yaml")
    else:
        results.skip("envoy: tests/requirements-deploy.txt")


def check_systemd(results: Results) -> None:
    analyze = tool("systemd-analyze")
    if analyze is None:
        results.skip("systemd-analyze: apt-get install systemd")
        return
    unit = DEPLOY / "systemd" / "snapvit-server.service"
    with tempfile.TemporaryDirectory() as name:
        # The program is where this checkout has it, and its manual page may not be installed.
        local = Path(name) / unit.name
        text = unit.read_text().replace("/usr/bin/snapvit-server", str(SERVER))
        local.write_text(re.sub(r"^Documentation=.*\n", "", text, flags=re.MULTILINE))
        run = subprocess.run([str(analyze), "verify", str(local)], capture_output=True, text=True)
        results.check(run.returncode == 0 and not run.stderr.strip(), f"systemd-analyze verify {unit.name} {run.stderr.strip()}")
        run = subprocess.run([str(analyze), "security", "--offline=true", "--threshold=20", str(local)], capture_output=True, text=True)
        exposure = re.search(r"exposure level for \S+: ([\d.]+)", run.stdout)
        results.check(run.returncode == 0, f"systemd-analyze security: exposure {exposure and exposure[1]} of 10, at most 2.0")


def main() -> int:
    if not os.environ.get("SNAPVIT_DEPLOY_VENV") and (VENV / "python").exists():
        os.environ["SNAPVIT_DEPLOY_VENV"] = "1"
        os.execv(VENV / "python", [str(VENV / "python"), *sys.argv])
    try:
        import yaml  # noqa: F401
    except ImportError:
        print("SKIPPED: no PyYAML: apt-get install python3-yaml, or tests/requirements-deploy.txt", file=sys.stderr)
        return 77
    results = Results()
    for check in (check_yaml, check_flags, check_server_yaml, check_pods, check_kserve, check_ports, check_metrics, check_compose,
                  check_kubernetes, check_helm, check_proxies, check_systemd):
        check(results)
    print(f"deploy: {results.passed} passed, {results.failed} failed, {results.skipped} skipped")
    return 1 if results.failed else 0


if __name__ == "__main__":
    sys.exit(main())
