"""Calls a server with unmodified clients: tritonclient (gRPC) and openai (HTTP), as their users do.

usage: check_clients.py SERVER [FLAG…]

SERVER is started on free ports with the demo model, unless FLAGs name another model or engine. Without a
demo model's classifier (--engine simulated:PROFILE) the checks of what an image shows are skipped.
"""
import base64
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import queue
import urllib.request

import numpy as np
import openai
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

ROOT = pathlib.Path(__file__).resolve().parents[3]
JPEG = (ROOT / "docs" / "example.jpg").read_bytes()
SHIP = 8  # what docs/example.jpg shows


class Server:
    """snapvit-server on free ports; its own end is waited for."""

    def __init__(self, program, flags):
        self.folder = tempfile.TemporaryDirectory()
        ready = pathlib.Path(self.folder.name) / "ready.json"
        if not any(flag.startswith(("--model", "--engine", "--config")) for flag in flags):
            flags = ["--model", str(ROOT / "models" / "demo"), *flags]
        self.simulated = any("simulated:" in flag for flag in flags)
        self.process = subprocess.Popen(
            [program, "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0",
             "--ready-file", str(ready), "--log-level", "warning", *flags])
        while not ready.exists():
            if self.process.poll() is not None:
                sys.exit(f"{program} ended with {self.process.returncode}")
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
        self.grpc, self.http = addresses["listen"], addresses["http"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=60) == 0
        self.folder.cleanup()


def image_input(images, shape=None):
    tensor = triton.InferInput("image", shape or [len(images)], "BYTES")
    tensor.set_data_from_numpy(np.array(images, dtype=np.object_).reshape(shape or [len(images)]))
    return tensor


def receipt(result):
    """The response's parameters as a dictionary."""
    parameters = result.get_response().parameters
    return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in parameters.items()}


class TritonTest(unittest.TestCase):
    def setUp(self):
        self.client = triton.InferenceServerClient(SERVER.grpc)
        self.addCleanup(self.client.close)
        self.metadata = self.client.get_model_metadata(MODEL)

    def pixels(self, images):
        shape = [images, *next(i.shape[1:] for i in self.metadata.inputs if i.name == "pixel_values")]
        tensor = triton.InferInput("pixel_values", shape, "FP32")
        tensor.set_data_from_numpy(np.random.default_rng(1).standard_normal(shape, dtype=np.float32))
        return tensor

    def assert_fails(self, status, text, call):
        with self.assertRaises(InferenceServerException) as raised:
            call()
        self.assertEqual(raised.exception.status(), f"StatusCode.{status}")
        self.assertIn(text, raised.exception.message())

    def test_readiness(self):
        self.assertTrue(self.client.is_server_live())
        self.assertTrue(self.client.is_server_ready())
        self.assertTrue(self.client.is_model_ready(MODEL))
        self.assertTrue(self.client.is_model_ready(MODEL, "1"))
        self.assertFalse(self.client.is_model_ready("another"))

    def test_metadata(self):
        self.assertEqual(self.client.get_server_metadata().name, "snapvit-server")
        self.assertEqual(list(self.metadata.versions), ["1"])
        self.assertEqual([i.name for i in self.metadata.inputs], ["image", "pixel_values"])
        self.assertEqual(self.metadata.outputs[0].name, "embedding")
        config = self.client.get_model_config(MODEL).config
        self.assertEqual(config.max_batch_size, 0)  # shapes are whole
        self.assertEqual(config.input[0].data_type, 13)  # TYPE_STRING

    def test_encoded_images(self):
        result = self.client.infer(MODEL, [image_input([JPEG, JPEG])], request_id="7")
        embedding = result.as_numpy("embedding")
        self.assertEqual(embedding.shape, (2, self.metadata.outputs[0].shape[1]))
        self.assertEqual(embedding.dtype, np.float32)
        self.assertEqual(result.get_response().id, "7")
        again = self.client.infer(MODEL, [image_input([JPEG], shape=[1, 1])]).as_numpy("embedding")
        np.testing.assert_allclose(again[0], embedding[0], rtol=1e-4, atol=1e-5)

    def test_pixel_values(self):
        result = self.client.infer(MODEL, [self.pixels(3)], outputs=[triton.InferRequestedOutput("embedding")])
        self.assertEqual(result.as_numpy("embedding").shape[0], 3)
        self.assertIsNone(result.as_numpy("probabilities"))

    def test_probabilities(self):
        if SERVER.simulated:
            self.skipTest("a simulated engine sees nothing")
        probabilities = self.client.infer(MODEL, [image_input([JPEG])]).as_numpy("probabilities")
        self.assertEqual(probabilities.shape, (1, 10))
        self.assertAlmostEqual(float(probabilities.sum()), 1, places=5)
        self.assertEqual(int(probabilities.argmax()), SHIP)

    def test_classification(self):
        if SERVER.simulated:
            self.skipTest("a simulated engine sees nothing")
        output = triton.InferRequestedOutput("probabilities", class_count=3)
        best = self.client.infer(MODEL, [image_input([JPEG])], outputs=[output]).as_numpy("probabilities")
        self.assertEqual(best.shape, (1, 3))
        score, index, label = best[0][0].decode().split(":")
        self.assertEqual((int(index), label), (SHIP, "ship"))
        self.assertGreater(float(score), 0.5)

    def test_budgets_and_receipts(self):
        for budget in (0.5, "50%"):
            half = receipt(self.client.infer(MODEL, [self.pixels(1)], parameters={"budget": budget}))
            self.assertEqual(half["requested_compute"], 0.5)
            self.assertLessEqual(half["served_compute"], 0.5)
            self.assertEqual(half["reason"], "AS_REQUESTED")
        dense = receipt(self.client.infer(MODEL, [self.pixels(1)], parameters={"budget": 1, "strict": True}))
        self.assertEqual(dense["served_compute"], 1)
        self.assertEqual(dense["embedding_space_id"], half["embedding_space_id"])
        floor = receipt(self.client.infer(MODEL, [self.pixels(1)], parameters={"floor": 0.8}, timeout=30_000_000))
        self.assertGreaterEqual(floor["floor_compute"], 0.8)

    def test_faults(self):
        self.assert_fails("NOT_FOUND", "another", lambda: self.client.infer("another", [self.pixels(1)]))
        self.assert_fails("NOT_FOUND", "version", lambda: self.client.get_model_metadata(MODEL, "2"))
        self.assert_fails("INVALID_ARGUMENT", "images[1]",
                          lambda: self.client.infer(MODEL, [image_input([JPEG, b"no image", JPEG])]))
        self.assert_fails("INVALID_ARGUMENT", "budget",
                          lambda: self.client.infer(MODEL, [self.pixels(1)], parameters={"budget": 7.0}))
        self.assert_fails("INVALID_ARGUMENT", "expected one",
                          lambda: self.client.infer(MODEL, [self.pixels(1), image_input([JPEG])]))
        self.assert_fails("INVALID_ARGUMENT", "expected 1 to 64",
                          lambda: self.client.infer(MODEL, [image_input([JPEG] * 65)]))
        self.assert_fails("INVALID_ARGUMENT", "nothing is not known",
                          lambda: self.client.infer(MODEL, [self.pixels(1)],
                                                    outputs=[triton.InferRequestedOutput("nothing")]))
        wrong = triton.InferInput("pixel_values", [1, 3, 8, 8], "FP32")
        wrong.set_data_from_numpy(np.zeros([1, 3, 8, 8], np.float32))
        self.assert_fails("INVALID_ARGUMENT", "[1, 3, 8, 8]", lambda: self.client.infer(MODEL, [wrong]))
        self.assert_fails("UNIMPLEMENTED", "", self.client.get_model_repository_index)

    def test_asynchronous_calls(self):
        results = queue.Queue()
        for i in range(8):
            self.client.async_infer(MODEL, [self.pixels(2)], lambda result, error: results.put((result, error)),
                                    request_id=str(i))
        answers = [results.get(timeout=60) for _ in range(8)]
        self.assertEqual([error for _, error in answers], [None] * 8)
        self.assertEqual({result.get_response().id for result, _ in answers}, {str(i) for i in range(8)})

    def test_streams(self):
        results = queue.Queue()
        self.client.start_stream(lambda result, error: results.put((result, error)))
        self.client.async_stream_infer(MODEL, [image_input([b"no image"])], request_id="bad")
        for i in range(4):
            self.client.async_stream_infer(MODEL, [self.pixels(2)], request_id=str(i))
        answers = [results.get(timeout=60) for _ in range(5)]
        self.client.stop_stream()
        errors = [error for _, error in answers if error is not None]
        self.assertEqual(len(errors), 1)
        self.assertIn("images[0]", errors[0].message())
        good = [result for result, error in answers if error is None]
        self.assertEqual({result.get_response().id for result in good}, set("0123"))
        self.assertEqual(good[0].as_numpy("embedding").shape[0], 2)


class OpenAiTest(unittest.TestCase):
    def setUp(self):
        self.client = openai.OpenAI(base_url=f"http://{SERVER.http}/v1", api_key="none", max_retries=0)
        self.addCleanup(self.client.close)
        self.uri = "data:image/jpeg;base64," + base64.b64encode(JPEG).decode()

    def test_embeddings(self):
        # The client asks for base64 by itself.
        reply = self.client.embeddings.create(model=MODEL, input=[self.uri, self.uri], extra_body={"budget": 0.5})
        self.assertEqual([item.index for item in reply.data], [0, 1])
        with triton.InferenceServerClient(SERVER.grpc) as other:
            expected = other.infer(MODEL, [image_input([JPEG])], parameters={"budget": 0.5}).as_numpy("embedding")
        np.testing.assert_allclose(reply.data[0].embedding, expected[0], rtol=1e-4, atol=1e-5)
        self.assertLessEqual(reply.data[0].receipt["served_compute"], 0.5)
        self.assertGreater(reply.usage.total_tokens, 0)

    def test_numbers_dimensions_and_headers(self):
        raw = self.client.embeddings.with_raw_response.create(
            model=MODEL, input=self.uri, encoding_format="float", dimensions=16, extra_body={"normalize": True})
        self.assertLessEqual(float(raw.headers["snapvit-served-compute"]), 1)
        embedding = raw.parse().data[0].embedding
        self.assertEqual(len(embedding), 16)
        if not SERVER.simulated:
            self.assertAlmostEqual(float(np.linalg.norm(embedding)), 1, places=5)

    def test_faults(self):
        create = self.client.embeddings.create
        with self.assertRaises(openai.NotFoundError):
            create(model="another", input=self.uri)
        with self.assertRaisesRegex(openai.BadRequestError, "remote URL"):
            create(model=MODEL, input=["https://example.com/ship.jpg"])
        with self.assertRaises(openai.BadRequestError) as raised:
            create(model=MODEL, input=[self.uri, "data:image/png;base64,AAAA"])
        self.assertIn("images[1]", raised.exception.message)
        self.assertEqual(raised.exception.code, "INVALID_ARGUMENT")

    def test_classify(self):
        if SERVER.simulated:
            self.skipTest("a simulated engine sees nothing")
        reply = self.client.post("/classify", cast_to=object, body={"input": self.uri, "top_k": 2})
        self.assertEqual([label["label"] for label in reply["data"][0]["labels"]][0], "ship")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    SERVER = Server(sys.argv[1], sys.argv[2:])
    try:
        with urllib.request.urlopen(f"http://{SERVER.http}/readyz") as page:
            assert json.load(page)["ready"]
        MODEL = sys.argv[sys.argv.index("--model-name") + 1] if "--model-name" in sys.argv else "demo"
        result = unittest.main(argv=[sys.argv[0]], exit=False, verbosity=2).result
    finally:
        SERVER.stop()
    sys.exit(0 if result.wasSuccessful() else 1)
