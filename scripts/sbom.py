#!/usr/bin/env python3
"""What a release consists of, as a CycloneDX 1.5 document (https://cyclonedx.org):

    scripts/sbom.py [-o FILE] [PROGRAM…]

The pinned wheels of scripts/setup.sh with their hashes, and of each PROGRAM (an installed or built binary) the Debian
packages whose libraries it loads, in the versions of this machine. The same sources on the same machine give the same bytes.
"""

import argparse
import datetime
import json
import pathlib
import re
import subprocess
import sys
import urllib.parse
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
WHEEL = re.compile(r'^\s*"([a-z0-9-]+)==(\S+) (\S+\.whl) ([0-9a-f]{64})"$', re.MULTILINE)
LIBRARY = re.compile(r"=> (/\S+) \(0x")


def version():
    text = (ROOT / "CMakeLists.txt").read_text()
    found = re.search(r"^project\(snapvit VERSION (\S+)", text, re.MULTILINE)
    if found is None:
        sys.exit("sbom: CMakeLists.txt has no line project(snapvit VERSION …)")
    return found.group(1)


def wheels():
    """Components of scripts/setup.sh's table of wheels."""
    found = WHEEL.findall((ROOT / "scripts/setup.sh").read_text())
    if not found:
        sys.exit("sbom: scripts/setup.sh has no wheels of the form \"name==version file sha256\"")
    return [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{pinned}",
            "name": name,
            "version": pinned,
            "purl": f"pkg:pypi/{name}@{pinned}",
            "hashes": [{"alg": "SHA-256", "content": sha256}],
            "properties": [{"name": "snapvit:file", "value": file}],
        }
        for name, pinned, file, sha256 in found
    ]


def run(*command):
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        detail = getattr(error, "stderr", "") or error
        sys.exit(f"sbom: {' '.join(command)} failed: {detail}")


def owner(library):
    """The Debian package that has the file; None if none has (LibTorch's)."""
    # Where /lib is a link to /usr/lib, packages know the file by either name.
    resolved = str(pathlib.Path(library).resolve())
    for path in {library, resolved, resolved.removeprefix("/usr")}:
        found = subprocess.run(["dpkg-query", "-S", path], capture_output=True, text=True, check=False)
        if found.returncode == 0:
            return found.stdout.split(": ")[0]
    return None


def debian_packages(programs):
    """Components of the packages whose libraries the programs load."""
    libraries = {path for program in programs for path in LIBRARY.findall(run("ldd", program))}
    packages = {owner(library) for library in libraries} - {None}
    system = dict(re.findall(r'^([A-Z_]+)="?([^"\n]*)', pathlib.Path("/etc/os-release").read_text(), re.MULTILINE))
    vendor = system.get("ID", "debian")
    distribution = f"{vendor}-{system['VERSION_ID']}" if "VERSION_ID" in system else vendor
    components = []
    for package in sorted(packages):
        fields = "${Package} ${Version} ${Architecture}"
        name, installed, architecture = run("dpkg-query", "-W", "-f", fields, package).split()
        # "+" and ":" mean something else in an address.
        purl = f"pkg:deb/{vendor}/{urllib.parse.quote(name, safe='')}@{urllib.parse.quote(installed, safe='')}"
        purl += f"?arch={architecture}&distro={distribution}"
        components.append({"type": "library", "bom-ref": purl, "name": name, "version": installed, "purl": purl})
    return components


def committed():
    """When the sources were committed; nothing outside a checkout."""
    log = subprocess.run(
        ["git", "-C", str(ROOT), "log", "-1", "--format=%ct"], capture_output=True, text=True, check=False
    )
    if log.returncode != 0:
        return None
    return datetime.datetime.fromtimestamp(int(log.stdout), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(programs):
    release = version()
    root = f"pkg:generic/snapvit-server@{release}"
    components = wheels() + debian_packages(programs)
    bom = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": "snapvit-server",
                "version": release,
                "purl": root,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": components,
        "dependencies": [{"ref": root, "dependsOn": [c["bom-ref"] for c in components]}]
        + [{"ref": c["bom-ref"]} for c in components],
    }
    timestamp = committed()
    if timestamp is not None:
        bom["metadata"]["timestamp"] = timestamp
    # The same content has the same number.
    bom["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(bom, sort_keys=True))}"
    return bom


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", help="file to write; standard output without")
    parser.add_argument("programs", nargs="*", metavar="PROGRAM")
    arguments = parser.parse_args()
    text = json.dumps(document(arguments.programs), indent=1) + "\n"
    if arguments.output is None:
        sys.stdout.write(text)
    else:
        pathlib.Path(arguments.output).write_text(text)


if __name__ == "__main__":
    main()
