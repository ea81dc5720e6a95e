"""snapvit-client against the real server."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from live_server import PROFILE, ROOT, LiveServer
from PIL import Image

from snapvit_client import AsyncClient, Budget, ClassifyResult, Client, Output, RetryPolicy, SnapvitError, Tls

PHOTO = ROOT / "docs" / "example.jpg"


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The profile, with classes, and fast enough for a busy machine."""
    content = json.loads(PROFILE.read_text())
    content["classes"] = 10
    for cell in content["cells"]:
        cell["latency_ms"] = cell["latency_ms"] / 20
    file = tmp_path_factory.mktemp("profile") / "fast.json"
    file.write_text(json.dumps(content))
    return file


@pytest.fixture(scope="module")
def server(profile: Path) -> Iterator[LiveServer]:
    with LiveServer(profile=profile) as live:
        yield live


def test_one_image_in_every_form_is_the_same_embedding(server: LiveServer) -> None:
    picture = Image.open(PHOTO)
    with Client(server.target) as client:
        embeddings = [
            client.embed(image, budget=1.0).embedding
            for image in (PHOTO, str(PHOTO), PHOTO.read_bytes(), picture, np.asarray(picture.convert("RGB")))
        ]
        tensor = client.embed(np.zeros((3, 224, 224), np.float32)).embedding
    assert embeddings[0].shape == tensor.shape == (384,)
    for embedding in embeddings[1:]:
        np.testing.assert_array_equal(embedding, embeddings[0])


def test_receipts_say_what_was_served(server: LiveServer) -> None:
    with Client(server.target) as client:
        receipt = client.embed(PHOTO, budget="50%").receipt
        info = client.model()
    assert receipt is not None
    assert receipt.requested_compute == 0.5
    assert 0.45 < receipt.served_compute <= 0.5
    assert receipt.reason == "AS_REQUESTED"
    assert receipt.compute_seconds > 0
    rung = info.ladder[receipt.rung]
    assert rung.compute == receipt.served_compute
    assert rung.fidelity == receipt.estimated_fidelity
    assert info.state == "ready"


@pytest.mark.parametrize(
    "budget", ["0.5", "4.2gflops", "1s", "fidelity:0.95", "sparsity:0.3", 0.7, Budget(compute=0.6, floor_compute=0.5)]
)
def test_every_kind_of_budget_is_understood(server: LiveServer, budget: Budget) -> None:
    with Client(server.target) as client:
        receipt = client.embed(PHOTO, budget=budget).receipt
    assert receipt is not None and 0 < receipt.served_compute <= 1


def test_outputs(server: LiveServer) -> None:
    with Client(server.target) as client:
        plain = client.embed(PHOTO, output=Output(dimensions=64, normalize=True)).embedding
        half = client.embed(PHOTO, output=Output(dimensions=64, normalize=True, dtype="fp16")).embedding
    assert plain.shape == (64,)
    assert np.linalg.norm(plain) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(half, plain, atol=1e-3)


def test_labels(server: LiveServer) -> None:
    with Client(server.target) as client:
        labels = client.classify(PHOTO, top_k=3).labels
        results = client.classify_many([PHOTO] * 20, activation="none")
    assert len(labels) == 3
    assert labels[0].score >= labels[1].score >= labels[2].score
    assert {len(result.labels) for result in results} == {5}


def test_many_images_with_a_faulty_one(server: LiveServer) -> None:
    with Client(server.target) as client:
        results = client.embed_many([PHOTO, b"no image", *[PHOTO] * 30])
    assert [i for i, result in enumerate(results) if result.error is not None] == [1]
    with pytest.raises(SnapvitError, match="INVALID_ARGUMENT"):
        results[1].embedding


def test_stream(server: LiveServer) -> None:
    with Client(server.target) as client:
        pairs = dict(client.embed_stream([PHOTO, b"no image", *[PHOTO] * 100], budget=0.5))
    assert sorted(pairs) == list(range(102))
    assert [position for position, result in pairs.items() if result.error is not None] == [1]


def test_stream_of_labels(server: LiveServer) -> None:
    async def run() -> dict[int, ClassifyResult]:
        async with AsyncClient(server.target) as client:
            return {position: result async for position, result in client.classify_stream([PHOTO, b"no image"])}

    with Client(server.target) as client:
        pairs = dict(client.classify_stream([PHOTO, b"no image"], top_k=3))
    assert len(pairs[0].labels) == 3
    assert pairs[1].error is not None
    assert asyncio.run(run())[0].labels[:3] == pairs[0].labels


def test_asyncio(server: LiveServer) -> None:
    async def run() -> None:
        async with AsyncClient(server.target) as client:
            one, many = await asyncio.gather(client.embed(PHOTO), client.embed_many([PHOTO] * 40))
            assert all(np.array_equal(result.embedding, one.embedding) for result in many)
            assert len((await client.classify(PHOTO)).labels) == 5
            pairs = [pair async for pair in client.embed_stream([PHOTO] * 10)]
            assert sorted(position for position, _ in pairs) == list(range(10))
            assert (await client.models())[0].name == (await client.model()).name

    asyncio.run(run())


def test_faults_of_a_request_are_exceptions(server: LiveServer) -> None:
    with Client(server.target) as client:
        with pytest.raises(SnapvitError, match="NOT_FOUND") as caught:
            client.embed(PHOTO, model="another")
        assert caught.value.code is grpc.StatusCode.NOT_FOUND
        with pytest.raises(SnapvitError, match="INVALID_ARGUMENT"):
            client.embed(PHOTO, budget=Budget(compute=0.3, floor_compute=0.5))


def test_refused_for_load_is_retried_until_answered(profile: Path) -> None:
    with LiveServer("--max-queue-items", "16", profile=profile) as live:
        with Client(live.target, requests_in_flight=8, retry=RetryPolicy(max_attempts=100)) as client:
            results = client.embed_many([PHOTO] * 300)
        with Client(live.target, requests_in_flight=8, retry=RetryPolicy(max_attempts=1)) as client:
            unretried = client.embed_many([PHOTO] * 300)
    assert all(result.error is None for result in results)
    assert {error.reason for result in unretried if (error := result.error)} == {"QUEUE_FULL"}


def test_tenants_and_tls(profile: Path, tmp_path: Path) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=snapvit.test", "-addext",
         "subjectAltName=DNS:snapvit.test", "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tenants = tmp_path / "tenants.yaml"
    digest = hashlib.sha256(b"the-key").hexdigest()
    tenants.write_text(f"tenants: {{search: {{keys: 'sha256:{digest}', ceiling: 0.5}}}}\n")
    flags = ["--tls-cert", str(certificate), "--tls-key", str(key), "--tenants", str(tenants)]
    tls = Tls.from_files(ca=certificate, server_name="snapvit.test")
    with LiveServer(*flags, profile=profile) as live:
        with Client(live.target, tls=tls, api_key="the-key") as client:
            receipt = client.embed(PHOTO, budget=1.0).receipt
            assert receipt is not None and receipt.reason == "TENANT_LIMIT"
        with Client(live.target, tls=tls, api_key="wrong") as client:
            with pytest.raises(SnapvitError, match="UNAUTHENTICATED"):
                client.embed(PHOTO)
        with Client(live.target, api_key="the-key", retry=RetryPolicy(max_attempts=1)) as client:
            with pytest.raises(SnapvitError, match="UNAVAILABLE"):
                client.embed(PHOTO, timeout=5)  # without TLS


def test_stopped_server_is_unavailable(profile: Path) -> None:
    with LiveServer(profile=profile) as live, Client(live.target, retry=RetryPolicy(max_attempts=2)) as client:
        client.embed(PHOTO)
        live.stop()
        with pytest.raises(SnapvitError, match="UNAVAILABLE"):
            client.embed(PHOTO, timeout=5)


@pytest.mark.parametrize("document", ["README.md", "client/python/README.md"])
def test_examples_of_the_documents_run(server: LiveServer, document: str, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    for example in re.findall(r"```python\n(.*?)```", (ROOT / document).read_text(), re.DOTALL):
        exec(example.replace("127.0.0.1:50051", server.target), {})
    assert "(384,)" in capsys.readouterr().out
