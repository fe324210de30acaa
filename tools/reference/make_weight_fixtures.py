"""Makes packages/engine/fixtures/weights: small checkpoints of every kind that the engine reads, with the values that
PyTorch, transformers and the gguf package find in them.

    python tools/reference/make_weight_fixtures.py

Needs the packages of requirements.txt, and accelerate (transformers asks for it when it loads GGUF files).
"""

import json
import pathlib
import shutil

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Type
from safetensors.torch import save_file
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, Qwen3Config, Qwen3ForCausalLM
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

FOLDER = pathlib.Path(__file__).parents[2] / "packages" / "engine" / "fixtures" / "weights"

VOCABULARY = 36
LLAMA3_ROPE = dict(
    rope_type="llama3", rope_theta=500000.0, factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=8192,
)  # fmt: skip


def scatter_norms(model):
    """Norms of 1 would hide a mixed-up order."""
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("norm.weight"):
                value.copy_(1 + 0.1 * torch.randn(value.shape))
    return model


def llama(hidden, layers):
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=16384, eos_token_id=[2, 3], rope_parameters=LLAMA3_ROPE,
    )  # fmt: skip
    return scatter_norms(LlamaForCausalLM(config))


def qwen3(hidden, layers):
    torch.manual_seed(1)
    config = Qwen3Config(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=hidden, num_hidden_layers=layers, num_attention_heads=4,
        num_key_value_heads=1, head_dim=12, max_position_embeddings=64, tie_word_embeddings=True, bos_token_id=1,
        eos_token_id=2, rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
    )  # fmt: skip
    return scatter_norms(Qwen3ForCausalLM(config))


def state(model):
    """Parameters as float32, without the unembedding of a tied model."""
    tied = model.config.tie_word_embeddings
    return {
        name: value.detach().float().contiguous().clone()
        for name, value in model.state_dict().items()
        if not (tied and name == "lm_head.weight")
    }


def make_folders():
    model = llama(hidden=16, layers=2)
    model.save_pretrained(FOLDER / "llama-sharded", max_shard_size="8KB")
    save_file(state(model), FOLDER / "llama-sharded.expected.safetensors")
    model = qwen3(hidden=16, layers=2).bfloat16()
    model.save_pretrained(FOLDER / "qwen3-bf16")
    save_file(state(model), FOLDER / "qwen3-bf16.expected.safetensors")


def make_roundings():
    """Values where rounding to 16 bits is delicate, and what PyTorch makes of them."""
    bits = [0, 1, 0x7FFFFF, 0x800000, 0x33000000, 0x33000001, 0x337FFFFF, 0x33800000, 0x33C00000, 0x38000000, 0x387FC000]
    bits += [0x387FE000, 0x387FFFFF, 0x38800000, 0x38801000, 0x38801001, 0x38803000, 0x3F800000, 0x3F807FFF, 0x3F808000]
    bits += [0x3F808001, 0x3F818000, 0x3F801000, 0x3F803000, 0x3F802FFF, 0x477FE000, 0x477FEFFF, 0x477FF000, 0x47800000]
    bits += [0x7F7F0000, 0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0x7F800000]
    bits += [b | 0x80000000 for b in bits]
    generator = np.random.default_rng(0)
    # Exponents around float16's range, any mantissa.
    bits += list((generator.integers(95, 145, 300) << 23) | generator.integers(0, 1 << 23, 300))
    values = torch.from_numpy(np.array(bits, dtype=np.uint32).view(np.float32).copy())
    save_file({"F32": values, "F16": values.half(), "BF16": values.bfloat16()}, FOLDER / "roundings.safetensors")


def random_blocks(kind, count, generator):
    """Blocks of random bytes, with scales that are finite and of a sensible size."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (count, size), dtype=np.uint8)
    if kind == Type.MXFP4:
        blocks[:, 0] = generator.integers(110, 140, count)
        return blocks
    scales = {
        Type.Q2_K: (80, 82), Type.Q3_K: (108,), Type.Q6_K: (208,), Type.Q8_0: (0,), Type.Q4_0: (0,), Type.Q5_0: (0,),
        Type.IQ4_NL: (0,), Type.IQ4_XS: (0,), Type.IQ2_XXS: (0,),
    }.get(kind, (0, 2))  # fmt: skip
    for at in scales:
        halves = generator.normal(0, 0.01, count).astype(np.float16)
        blocks[:, at : at + 2] = halves.view(np.uint8).reshape(count, 2)
    return blocks


def make_quantised():
    """One tensor of each type, and one of a type that the engine does not read."""
    generator = np.random.default_rng(1)
    writer = gguf.GGUFWriter(FOLDER / "quantised.gguf", "llama")
    expected = {}
    for kind in (Type.F32, Type.F16, Type.BF16):
        values = generator.normal(0, 1, (3, 40)).astype(np.float32)
        raw = gguf.quants.quantize(values, kind)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        expected[kind.name] = gguf.quants.dequantize(raw, kind)
    kinds = [Type.Q8_0, Type.Q4_0, Type.Q4_1, Type.Q5_0, Type.Q5_1, Type.Q4_K, Type.Q6_K, Type.Q5_K, Type.Q2_K]
    kinds += [Type.Q3_K, Type.IQ4_NL, Type.IQ4_XS, Type.MXFP4, Type.IQ2_XXS]
    for kind in kinds:
        per_block, _ = gguf.GGML_QUANT_SIZES[kind]
        rows, blocks_per_row = (2, 1) if per_block == 256 else (3, 2)
        raw = random_blocks(kind, rows * blocks_per_row, generator).reshape(rows, -1)
        writer.add_tensor(kind.name, raw, raw_dtype=kind)
        if kind != Type.IQ2_XXS:
            expected[kind.name] = gguf.quants.dequantize(raw, kind)
    # Every kind of value, to read them all.
    writer.add_uint8("kinds.uint8", 200)
    writer.add_int8("kinds.int8", -100)
    writer.add_uint16("kinds.uint16", 60000)
    writer.add_int16("kinds.int16", -30000)
    writer.add_int32("kinds.int32", -2000000000)
    writer.add_uint64("kinds.uint64", 2**40)
    writer.add_int64("kinds.int64", -(2**40))
    writer.add_float64("kinds.float64", 0.1)
    writer.add_bool("kinds.bool", True)
    writer.add_string("kinds.string", "naïve 木")
    writer.add_array("kinds.strings", ["a", "", "木"])
    writer.add_array("kinds.numbers", [1, -2, 3])
    finish(writer)
    save_file({name: torch.from_numpy(value.copy()) for name, value in expected.items()}, FOLDER / "quantised.expected.safetensors")


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def interleave(weights, heads):
    """llama.cpp's order of the rows of query and key matrices: the two halves of each head in turns."""
    return weights.reshape(heads, 2, weights.shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(weights.shape)


def make_gguf_model(model, name, kinds):
    config = model.config
    architecture = config.model_type
    writer = gguf.GGUFWriter(FOLDER / f"{name}.gguf", architecture)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(config.vocab_size)
    tokens = ["<|im_start|>", "<|im_end|>", "<unk>"] + [chr(ord("a") + i) for i in range(26)]
    tokens += ["Ġ", "th", "the", "Ġthe"]
    padding = [f"[PAD{i}]" for i in range(config.vocab_size - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if architecture == "qwen3" else "smollm")
    writer.add_token_list(tokens + padding)
    writer.add_token_types([3, 3, 3] + [1] * (len(tokens) - 3) + [5] * len(padding))
    writer.add_token_merges(["t h", "th e", "Ġ the"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")

    name_map = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], config.num_hidden_layers)
    for hf_name, value in state(model).items():
        values = value.numpy()
        if architecture == "llama" and hf_name.endswith("q_proj.weight"):
            values = interleave(values, config.num_attention_heads)
        if architecture == "llama" and hf_name.endswith("k_proj.weight"):
            values = interleave(values, config.num_key_value_heads)
        kind = kinds(hf_name, values)
        target = name_map.get_name(hf_name.removesuffix(".weight")) + ".weight"
        writer.add_tensor(target, gguf.quants.quantize(values, kind), raw_dtype=kind)
    if config.rope_parameters["rope_type"] == "llama3":
        scaled, _ = ROPE_INIT_FUNCTIONS["llama3"](config, "cpu")
        plain = 1.0 / 500000.0 ** (torch.arange(0, config.head_dim, 2).float() / config.head_dim)
        writer.add_tensor("rope_freqs.weight", (plain / scaled).numpy().astype(np.float32))
    finish(writer)

    # The configuration is passed because transformers 5.23 does not read the head size of Qwen3 from GGUF files.
    loaded = AutoModelForCausalLM.from_pretrained(FOLDER, gguf_file=f"{name}.gguf", config=config, dtype=torch.float32)
    save_file(state(loaded), FOLDER / f"{name}.expected.safetensors")


def make_gguf_models():
    def mixed(name, values):
        if values.ndim == 1:
            return Type.F32
        if values.shape[1] % 32 != 0:
            return Type.F16
        return Type.Q8_0 if "embed" in name or "v_proj" in name else Type.Q4_1 if "mlp" in name else Type.F16

    make_gguf_model(llama(hidden=32, layers=1), "llama", mixed)
    make_gguf_model(qwen3(hidden=32, layers=2), "qwen3", mixed)


TEXTS = [
    "The quick brown fox.", "  two  spaces and   12345 digits 6 7", "I'll say we've DON'T", "tabs\tand\n\nlines\r\n  end ",
    "naïve café — “quotes”", "e\u0301 decomposed", "木の本 ½ ٣٤ Ⅷ", "<|start|>user\nhi<|end|>\n", "<think>a</think>", "🙂👍🏽", "",
    "x=1;y=22 /*c*/ (a+b)*2", "    indented\n\tcode", "mail@example.com http://a.b/c?d=1", "ÀÉÎ ẞß", "the the the",
]  # fmt: skip

CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def make_tokenizers():
    """Ids by the tokenizers library, the splitting set as in tokenizer.json of SmolLM2, Qwen3 and Llama 3."""
    special, plain = ["<|start|>", "<|end|>"], ["<think>"]
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trained.train_from_iterator(TEXTS * 3 + ["the  12 123 café  a  b"] * 5, trainer)
    model = json.loads(trained.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    # A token that no merge leads to, for the difference that ignore_merges makes.
    tokens += ["brown", "<think>", "[PAD0]"]
    types = [1] * len(tokens)
    types[0] = types[1] = 3
    types[-2], types[-1] = 4, 5
    vocab = {token: i for i, token in enumerate(tokens[:-1])}

    def build(pre, normalizer=None, ignore_merges=False):
        merges = [tuple(merge) for merge in model["merges"]]
        tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges))
        tokenizer.pre_tokenizer, tokenizer.decoder = pre, decoders.ByteLevel()
        if normalizer is not None:
            tokenizer.normalizer = normalizer
        tokenizer.add_special_tokens(special)
        tokenizer.add_tokens(plain)
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS]

    def split(pattern):
        pieces = pre_tokenizers.Split(Regex(pattern), "isolated")
        return pre_tokenizers.Sequence([pieces, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    ids = {
        "gpt-2": build(byte_level),
        "smollm": build(pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level])),
        "qwen2": build(split(CONTRACTIONS + r"\p{N}" + REST), normalizers.NFC()),
        "llama-bpe": build(split(CONTRACTIONS + r"\p{N}{1,3}" + REST), ignore_merges=True),
    }
    merges = [" ".join(merge) for merge in model["merges"]]
    content = {"tokens": tokens, "tokenTypes": types, "merges": merges, "texts": TEXTS, "ids": ids}
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items())
    (FOLDER / "tokenizers.json").write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    make_folders()
    make_roundings()
    make_quantised()
    make_gguf_models()
    make_tokenizers()
    for path in sorted(FOLDER.rglob("*")):
        if path.is_file():
            print(f"{path.stat().st_size:8} {path.relative_to(FOLDER)}")
