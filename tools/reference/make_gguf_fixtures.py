"""Makes packages/engine/fixtures/gguf: tiny random models of the families that make_weight_fixtures.py leaves out, as GGUF
files, and the log-probabilities that llama.cpp computes with them.

    pip install gguf==0.19.0 xllamacpp==2026.10.11549 numpy
    python tools/reference/make_gguf_fixtures.py

llama.cpp is the program that these files are made for: what it takes from its own source rather than from the file (the
layers of SmolLM3 without rotation, the windows and rotary bases of Gemma 3) shows in its numbers.
"""

import json
import pathlib
import urllib.request

import gguf
import numpy as np
import xllamacpp

FOLDER = pathlib.Path(__file__).parents[2] / "packages" / "engine" / "fixtures" / "gguf"

VOCABULARY = 48
CONTEXT_LENGTH = 256
LENGTHS = (1, 4, 9, 23)

FAMILIES = {
    "qwen2": dict(layers=2, hidden=24, head=6, heads=4, kv_heads=2, feed=32, theta=1e6, pre="qwen2"),
    # The fourth layer does not rotate.
    "smollm3": dict(layers=4, hidden=24, head=6, heads=4, kv_heads=2, feed=24, theta=5e6, pre="llama-bpe"),
    # The sixth layer attends to everything.
    "gemma3": dict(layers=7, hidden=16, head=6, heads=3, kv_heads=1, feed=16, theta=1e6, pre="qwen2"),
}
# With the keys that newer conversions may write: which layers attend to everything, and the base of the others.
FAMILIES["gemma3-interval"] = FAMILIES["gemma3"] | dict(layers=4, pattern=3, sliding_theta=50.0)
FAMILIES["gemma3-list"] = FAMILIES["gemma3"] | dict(layers=4, pattern=[False, True, False, True], sliding_theta=50.0)
WINDOW = 5


def tensors(family, layers, hidden, head, heads, kv_heads, feed, **_):
    """Names and shapes, rows first."""
    yield "token_embd.weight", (VOCABULARY, hidden)
    yield "output_norm.weight", (hidden,)
    if family == "qwen2":
        yield "output.weight", (VOCABULARY, hidden)
    for layer in range(layers):
        sizes = {"attn_q": (heads * head, hidden), "attn_k": (kv_heads * head, hidden), "attn_v": (kv_heads * head, hidden)}
        sizes |= {"attn_output": (hidden, heads * head), "ffn_gate": (feed, hidden), "ffn_up": (feed, hidden)}
        sizes |= {"ffn_down": (hidden, feed), "attn_norm": (hidden,), "ffn_norm": (hidden,)}
        if family == "gemma3":
            sizes |= {"attn_q_norm": (head,), "attn_k_norm": (head,)}
            sizes |= {"post_attention_norm": (hidden,), "post_ffw_norm": (hidden,)}
        for name, shape in sizes.items():
            yield f"blk.{layer}.{name}.weight", shape
            if family == "qwen2" and name in ("attn_q", "attn_k", "attn_v"):
                yield f"blk.{layer}.{name}.bias", shape[:1]


def draw(random, family, name, shape):
    """Drawn wide, so that a weight that is ignored or in the wrong place shows."""
    if name.endswith(".bias"):
        return random.normal(0, 0.3, shape)
    if len(shape) == 1:
        return random.normal(1, 0.2, shape)
    return random.normal(0, 0.25 if family == "gemma3" and name.startswith("token_embd") else 0.3, shape)


def write(family, path):
    config = FAMILIES[family]
    random = np.random.default_rng(sum(family.encode()))
    family = family.split("-")[0]
    writer = gguf.GGUFWriter(path, family)
    writer.add_block_count(config["layers"])
    writer.add_context_length(CONTEXT_LENGTH)
    writer.add_embedding_length(config["hidden"])
    writer.add_feed_forward_length(config["feed"])
    writer.add_head_count(config["heads"])
    writer.add_head_count_kv(config["kv_heads"])
    writer.add_key_length(config["head"])
    writer.add_value_length(config["head"])
    writer.add_rope_freq_base(config["theta"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_vocab_size(VOCABULARY)
    if family == "gemma3":
        writer.add_sliding_window(WINDOW)
    if "pattern" in config:
        writer.add_sliding_window_pattern(config["pattern"])
        writer.add_rope_freq_base_swa(config["sliding_theta"])
    tokens = ["<|im_start|>", "<|im_end|>", "<unk>"] + [chr(ord("a") + i) for i in range(26)] + ["Ġ", "th", "the", "Ġthe"]
    tokens += [f"[PAD{i}]" for i in range(VOCABULARY - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(config["pre"])
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3] + [1] * 30 + [5] * (VOCABULARY - 33))
    writer.add_token_merges(["t h", "th e", "Ġ the"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    for name, shape in tensors(family, **config):
        writer.add_tensor(name, draw(random, family, name, shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def log_probabilities(server, ids):
    """Of all tokens after `ids`, in the order of the vocabulary."""
    request = dict(prompt=ids, n_predict=1, n_probs=VOCABULARY, temperature=0.0, cache_prompt=False)
    address = f"{server.listening_address}/completion"
    with urllib.request.urlopen(address, json.dumps(request).encode()) as answer:
        reply = json.load(answer)
    found = {each["id"]: each["logprob"] for each in reply["completion_probabilities"][0]["top_logprobs"]}
    return [round(found[token], 6) for token in range(VOCABULARY)]


def serve(path):
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = CONTEXT_LENGTH
    params.n_parallel = 1
    params.cpuparams.n_threads = 1
    params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.flash_attn_type = xllamacpp.llama_flash_attn_type.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.cache_type_k = xllamacpp.ggml_type.GGML_TYPE_F32
    params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return xllamacpp.Server(params)


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    prompts = [random.integers(3, VOCABULARY, length).tolist() for length in LENGTHS]
    expected = {}
    for family in FAMILIES:
        path = FOLDER / f"{family}.gguf"
        write(family, path)
        server = serve(path)
        expected[family] = [dict(ids=ids, logProbabilities=log_probabilities(server, ids)) for ids in prompts]
    (FOLDER / "llama-cpp.json").write_text(json.dumps(expected) + "\n")


main()
