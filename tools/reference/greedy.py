"""Compares the tokens that greedy.mjs wrote with transformers' greedy decoding of the same GGUF file or model folder."""

import json
import os
import sys

import torch
from transformers import AutoModelForCausalLM

model_path, tokens_path = sys.argv[1:3]
with open(tokens_path) as file:
    cases = json.load(file)["cases"]
folder, gguf = (os.path.dirname(model_path), os.path.basename(model_path)) if model_path.endswith(".gguf") else (model_path, None)
model = AutoModelForCausalLM.from_pretrained(folder, gguf_file=gguf, dtype=torch.float32).eval()
model.generation_config.eos_token_id = None
equal = 0
for case in cases:
    prompt = torch.tensor([case["promptIds"]])
    count = len(case["tokens"])
    with torch.inference_mode():
        output = model.generate(prompt, attention_mask=torch.ones_like(prompt), do_sample=False, max_new_tokens=count)
        tokens = output[0, prompt.shape[1] :].tolist()
        whole = torch.tensor([case["promptIds"] + case["tokens"]])
        log_probabilities = model(whole).logits[0].log_softmax(-1)
    places = range(prompt.shape[1] - 1, whole.shape[1] - 1)
    own = [log_probabilities[place, whole[0, place + 1]].item() for place in places]
    difference = max(abs(a - b) for a, b in zip(own, case["logProbabilities"]))
    same = sum(a == b for a, b in zip(tokens, case["tokens"]))
    equal += tokens == case["tokens"]
    print(f"{same} of {count} tokens equal, largest log-probability difference {difference:.1e}: {case['text'][:60]!r}")
print(f"{equal} of {len(cases)} continuations equal")
sys.exit(0 if equal == len(cases) else 1)
