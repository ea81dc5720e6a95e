#!/usr/bin/env python3
"""Generates the message classes of snapvit.v1 into src/snapvit_client/_generated. Needs grpcio-tools.

Building the package calls it (hatch_build.py); by hand it serves a checkout that is used without installing.
"""

import re
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent
OUTPUT = HERE / "src" / "snapvit_client" / "_generated"
PROTOS = ["snapvit/v1/types.proto", "snapvit/v1/inference.proto", "snapvit/v1/models.proto"]


def proto_folder() -> Path:
    """In a source distribution the .proto files lie beside this script, in a checkout at its root."""
    beside = HERE / "proto"
    return beside if beside.is_dir() else HERE.parent.parent / "proto"


def generate() -> None:
    OUTPUT.mkdir(parents=True, exist_ok=True)
    well_known = resources.files("grpc_tools") / "_proto"
    arguments = ["protoc", f"--proto_path={proto_folder()}", f"--proto_path={well_known}",
                 f"--python_out={OUTPUT}", f"--pyi_out={OUTPUT}", *PROTOS]
    if protoc.main(arguments) != 0:
        raise SystemExit(f"generate_protos: protoc failed on {proto_folder()}; its messages are above")
    for folder in (OUTPUT, OUTPUT / "snapvit", OUTPUT / "snapvit" / "v1"):
        (folder / "__init__.py").touch()
    # protoc imports by the path of the .proto file, as if snapvit/ were a package of its own. Only our files are
    # generated: google.rpc comes from googleapis-common-protos, since one process can know it only once.
    for module in (OUTPUT / "snapvit" / "v1").glob("*_pb2.py*"):
        text = module.read_text()
        module.write_text(re.sub(r"^from snapvit\.v1 import", "from snapvit_client._generated.snapvit.v1 import",
                                 text, flags=re.MULTILINE))


if __name__ == "__main__":
    generate()
    print(f"generated {OUTPUT}", file=sys.stderr)
