"""Times PyTorch eager and transformers on the work that bench/engine times in TypeScript.

One JSON object a line on stdout: {"event": "ready"} after the warm-up, {"event": "run"} after each timed repetition,
{"event": "result"} at the end. With --stdin a repetition runs for each line "run" on stdin, so that a caller can
alternate two programs on a shared machine; the end of stdin brings the result and ends the program.
"""

import argparse
import json
import os
import pathlib
import statistics
import sys
import time

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

WHAT = ("train", "score", "generate")

# glibc returns large freed blocks to the system, and CPU tensors are such blocks: every operator then pays for
# fresh pages. Keeping them gains up to half in speed, and ONNX Runtime's arena keeps them too, so both sides do.
KEEP_MEMORY = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "8000000000"}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", required=True, help="name of an entry in bench_cases.json, or any name with --config")
    parser.add_argument("--what", required=True, choices=WHAT)
    parser.add_argument("--config", help="JSON of a config.json with model_type; default: that of the case")
    parser.add_argument("--batch", type=int)
    parser.add_argument("--length", type=int, help="tokens of a sequence (train, score)")
    parser.add_argument("--loss-tokens", type=int, help="trained or scored tokens at the end of each sequence")
    parser.add_argument("--prompt", type=int, help="prompt tokens (generate)")
    parser.add_argument("--new", type=int, help="new tokens (generate)")
    parser.add_argument("--sample", action="store_true", help="sample at temperature 1 instead of greedy decoding")
    parser.add_argument("--optimiser", choices=("fused", "foreach"), default="fused", help="AdamW's implementation")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=5, help="timed repetitions; without effect with --stdin")
    parser.add_argument("--stdin", action="store_true")
    parser.add_argument("--stock-allocator", action="store_true", help="leave glibc's allocator as it is")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    cases = json.loads((pathlib.Path(__file__).parent / "bench_cases.json").read_text())
    case = cases.get(arguments.case, {})
    if arguments.config is None and not case:
        parser.error(f"no case {arguments.case!r} in bench_cases.json ({', '.join(cases)}): give --config")
    arguments.config = json.loads(arguments.config) if arguments.config else case["config"]
    for name in ("batch", "prompt", "new") if arguments.what == "generate" else ("batch", "length", "loss-tokens"):
        key = name.replace("-", "_")
        if getattr(arguments, key) is None:
            setattr(arguments, key, case.get(arguments.what, {}).get(name))
        if getattr(arguments, key) is None:
            parser.error(f"--{name} is needed: case {arguments.case!r} has no default for it")
        if getattr(arguments, key) < 1:
            parser.error(f"--{name} must be at least 1")
    if arguments.what != "generate" and arguments.loss_tokens >= arguments.length:
        parser.error("--loss-tokens must be less than --length: the first token has nothing to be predicted from")
    return arguments


def keep_memory():
    """The allocator reads its settings when a process starts, so start again with them set."""
    if any(os.environ.get(name) != value for name, value in KEEP_MEMORY.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **KEEP_MEMORY})


def build_model(fields, seed):
    fields = dict(fields)
    config = AutoConfig.for_model(fields.pop("model_type"), **fields)
    config.bos_token_id = config.eos_token_id = config.pad_token_id = None
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, attn_implementation="sdpa", dtype=torch.float32)


def completion_logits(model, ids, count):
    """Logits that predict the last `count` tokens; the head runs on those positions only. [batch, count, vocabulary]"""
    length = ids.shape[1]
    positions = torch.arange(length - count - 1, length - 1)
    return model(input_ids=ids, use_cache=False, logits_to_keep=positions).logits


def make_train(model, arguments, ids):
    model.train()
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.01, **{arguments.optimiser: True}
    )
    targets = ids[:, -arguments.loss_tokens :].reshape(-1)

    def step():
        logits = completion_logits(model, ids, arguments.loss_tokens)
        torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    return step, ids.numel()


def make_score(model, arguments, ids):
    model.eval()
    targets = ids[:, -arguments.loss_tokens :, None]

    @torch.inference_mode()
    def score():
        logits = completion_logits(model, ids, arguments.loss_tokens)
        return torch.log_softmax(logits, dim=-1).gather(2, targets)

    return score, ids.numel()


def make_generate(model, arguments, ids):
    model.eval()
    sampling = {"do_sample": False}
    if arguments.sample:
        # top_k defaults to 50 in transformers; both sides sample from the whole distribution.
        sampling = {"do_sample": True, "temperature": 1.0, "top_k": 0, "top_p": 1.0}

    @torch.inference_mode()
    def generate():
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            use_cache=True,
            max_new_tokens=arguments.new,
            min_new_tokens=arguments.new,
            pad_token_id=0,
            **sampling,
        )
        if output.shape[1] != ids.shape[1] + arguments.new:
            raise RuntimeError(f"generate gave {output.shape[1] - ids.shape[1]} new tokens, not {arguments.new}")

    return generate, arguments.batch * arguments.new


def warm_up(run, least_seconds=1.0):
    """At least one run, and as many as fill a second: the first few of a small model are slow."""
    start = time.perf_counter()
    run()
    while time.perf_counter() - start < least_seconds:
        run()


def blas():
    settings = torch.__config__.show()
    return settings.split("BLAS_INFO=")[1].split(",")[0] if "BLAS_INFO=" in settings else "unknown"


def emit(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def main():
    arguments = parse_arguments()
    if not arguments.stock_allocator:
        keep_memory()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(arguments.threads)
    model = build_model(arguments.config, arguments.seed)
    length = arguments.prompt if arguments.what == "generate" else arguments.length
    ids = torch.randint(0, model.config.vocab_size, (arguments.batch, length))
    make = {"train": make_train, "score": make_score, "generate": make_generate}[arguments.what]
    run, tokens = make(model, arguments, ids)
    warm_up(run)
    name = {"case": arguments.case, "what": arguments.what}
    emit(
        "ready",
        **name,
        torch=torch.__version__,
        transformers=transformers.__version__,
        blas=blas(),
        allocator="stock" if arguments.stock_allocator else "keeps memory",
        threads=torch.get_num_threads(),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        tokens=tokens,
    )
    seconds = []
    for line in sys.stdin if arguments.stdin else ["run"] * arguments.repeat:
        if line.strip() != "run":
            raise SystemExit(f'unknown command {line.strip()!r} on stdin: send "run", or end the input')
        start = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - start)
        emit("run", **name, seconds=seconds[-1], tokens_per_second=tokens / seconds[-1], tokens=tokens)
    if seconds:
        median = statistics.median(seconds)
        emit("result", **name, tokens_per_second=tokens / median, seconds=seconds, median_seconds=median, tokens=tokens)


if __name__ == "__main__":
    main()
