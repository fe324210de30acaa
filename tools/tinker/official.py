"""Adds to a recording (record.mjs) what the official SDK (PyPI tinker 0.25, Apache-2.0) reads in its protobuf messages.

    python tools/tinker/official.py RECORDING.json
"""
import base64
import json
import sys

import numpy as np
from google.protobuf.json_format import MessageToDict
from tinker.proto import tinker_public_pb2 as pb

KINDS = {1: np.float32, 2: np.int64}


def tensor(message):
    return np.frombuffer(message.dense, dtype=KINDS[message.dtype]).tolist()


def read_request(data):
    message = pb.ForwardBackwardRequest.FromString(data)
    return {
        "model_id": message.model_id,
        "seq_id": message.seq_id,
        "loss_fn": message.loss_fn,
        "loss_fn_config": dict(message.loss_fn_config),
        "forward_only": message.forward_only,
        "data": [
            {
                "tokens": [t for chunk in datum.model_input for t in np.frombuffer(chunk.encoded_text.tokens, np.int32).tolist()],
                "inputs": {key: tensor(value) for key, value in datum.loss_fn_inputs.items()},
            }
            for datum in message.data
        ],
    }


def read_outputs(data):
    message = pb.ForwardBackwardOutput.FromString(data)
    rows = []
    for record in message.loss_fn_outputs:
        for key, batch in record.fields.items():
            if key != "logprobs":
                continue
            ends = np.frombuffer(batch.offsets, np.int64).tolist()
            rows += [np.frombuffer(batch.data[a:b], KINDS[batch.dtype]).tolist() for a, b in zip(ends, ends[1:])]
    return {"logprobs": rows, "metrics": dict(message.metrics)}


def read_samples(data):
    message = pb.SampleResponse.FromString(data)
    return {
        "sequences": [
            {
                "stop_reason": "length" if each.stop_reason == 1 else "stop",
                "tokens": np.frombuffer(each.tokens, np.int32).tolist(),
                "logprobs": np.frombuffer(each.logprobs, np.float32).tolist(),
            }
            for each in message.sequences
        ]
    }


path = sys.argv[1]
with open(path) as file:
    recording = json.load(file)
kind = None
for exchange in recording["exchanges"]:
    request, reply = exchange.get("request"), exchange["reply"]
    if exchange["path"] != "retrieve_future":
        kind = exchange["path"]
    if request and "base64" in request:
        request["official"] = read_request(base64.b64decode(request["base64"]))
    if "base64" in reply:
        data = base64.b64decode(reply["base64"])
        reply["official"] = read_samples(data) if kind == "asample" else read_outputs(data)
        reply["of"] = kind
with open(path, "w") as file:
    json.dump(recording, file)
    file.write("\n")
