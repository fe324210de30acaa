"""What int8 weights would save while sampling: the matrix products of one run, in float32 and in two int8 forms.

Everything else of a run (attention, norms, the binding) stays as it is, so this is the most that int8 can save. The
forms are those that ONNX Runtime has kernels for: `integer` quantises the activations of each product and multiplies
integers (DynamicQuantizeLinear and MatMulInteger, one scale for each column of the weights); `blocks` keeps blocks of
32 weights with a scale each (MatMulNBits of 8 bits, integer arithmetic). Weights are constants, so that all three are
packed. Times are processor times on one thread, in turns; `prepare` is what an update of the weights costs before the
next sampling: quantising, and making the session.

    pip install onnxruntime==1.30.0 onnx==1.23.2 numpy==2.4.6
    python tools/reference/bench_int8.py --rounds 15
"""

import argparse
import statistics
import time

import numpy as np
import onnx
import onnxruntime as ort
from onnx import TensorProto, helper, numpy_helper

# Layers, and the inputs and outputs of the products in each: the query, key and value, the attention's output, the
# gate and up projections, the down projection; then the unembedding.
MODELS = {
    "babi": (4, 128, [(128, 384), (128, 128), (128, 768), (384, 128)], 4096),
    "smollm2-135m": (30, 576, [(576, 960), (576, 576), (576, 3072), (1536, 576)], 49152),
}
BLOCK = 32


def quantised_columns(weights):
    """int8 with one scale for each column: [in, out] -> (int8 [in, out], float32 [out])."""
    scale = np.abs(weights).max(axis=0) / 127
    return np.round(weights / scale).astype(np.int8), scale.astype(np.float32)


def quantised_blocks(weights):
    """As MatMulNBits wants it: uint8 [out, blocks, BLOCK] around 128, float32 scales [out, blocks]."""
    blocks = np.ascontiguousarray(weights.T).reshape(weights.shape[1], -1, BLOCK)
    scale = np.abs(blocks).max(axis=2, keepdims=True) / 127
    return (np.round(blocks / scale) + 128).astype(np.uint8), scale[..., 0].astype(np.float32)


class Builder:
    def __init__(self, form):
        self.form, self.nodes, self.constants, self.made = form, [], [], 0

    def name(self):
        self.made += 1
        return f"t{self.made}"

    def constant(self, array):
        name = self.name()
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op, inputs, outputs=1, domain="", **attributes):
        names = [self.name() for _ in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, names, domain=domain, **attributes))
        return names

    def product(self, x, weights):
        if self.form == "float32":
            return self.node("MatMul", [x, self.constant(weights)])[0]
        if self.form == "integer":
            quantised, scale = quantised_columns(weights)
            values, x_scale, zero = self.node("DynamicQuantizeLinear", [x], 3)
            whole = self.node("MatMulInteger", [values, self.constant(quantised), zero])[0]
            real = self.node("Cast", [whole], to=TensorProto.FLOAT)[0]
            return self.node("Mul", [real, self.node("Mul", [x_scale, self.constant(scale)])[0]])[0]
        quantised, scale = quantised_blocks(weights)
        inner, outer = weights.shape
        inputs = [x, self.constant(quantised), self.constant(scale)]
        settings = {"K": inner, "N": outer, "bits": 8, "block_size": BLOCK, "accuracy_level": 4}
        return self.node("MatMulNBits", inputs, domain="com.microsoft", **settings)[0]


def session_of(form, layers, products, weights, threads):
    builder = Builder(form)
    inputs, outputs = [], []
    for at, matrix in enumerate(weights):
        # Each product reads an input of its own: what lies between them in a model costs the same in all forms.
        inner = matrix.shape[0]
        if f"x{inner}" not in [each.name for each in inputs]:
            inputs.append(helper.make_tensor_value_info(f"x{inner}", TensorProto.FLOAT, [None, inner]))
        # A sum keeps the outputs small, and the product from being left out.
        made = builder.product(f"x{inner}", matrix)
        outputs.append(builder.node("ReduceMax", [made], keepdims=0)[0])
    infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph(builder.nodes, "products", inputs, infos, builder.constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--rows", default="1,8,32,2048")
    parser.add_argument("--models", default=",".join(MODELS))
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    print(f"onnxruntime {ort.__version__}; medians of {arguments.rounds}, processor time on one thread")
    print("| model | rows | float32, ms | integer, ms | blocks, ms | gain | error of integer | of blocks |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name in arguments.models.split(","):
        layers, hidden, shapes, vocabulary = MODELS[name]
        shapes = shapes * layers + [(hidden, vocabulary)]
        weights = [random.standard_normal(shape, dtype=np.float32) * shape[0] ** -0.5 for shape in shapes]
        sessions, prepared = {}, {}
        for form in ("float32", "integer", "blocks"):
            start = time.process_time()
            sessions[form] = session_of(form, layers, shapes, weights, 1)
            prepared[form] = time.process_time() - start
        for rows in map(int, arguments.rows.split(",")):
            if name != "babi" and rows > 256:
                continue
            feeds = {
                each.name: random.standard_normal((rows, int(each.name[1:])), dtype=np.float32)
                for each in sessions["float32"].get_inputs()
            }
            times = {form: [] for form in sessions}
            results = {}
            for _ in range(arguments.rounds + 2):
                for form, session in sessions.items():
                    start = time.process_time()
                    results[form] = session.run(None, feeds)
                    times[form].append(time.process_time() - start)
            medians = {form: 1000 * statistics.median(all_[2:]) for form, all_ in times.items()}
            exact = np.array(results["float32"])
            errors = [np.abs(np.array(results[form]) / exact - 1).mean() for form in ("integer", "blocks")]
            best = medians["float32"] / min(medians["integer"], medians["blocks"])
            cells = [f"{medians[form]:.2f}" for form in sessions]
            print(f"| {name} | {rows} | {' | '.join(cells)} | {best:.2f} | {errors[0]:.1e} | {errors[1]:.1e} |", flush=True)
        told = ", ".join(f"{form} {seconds:.2f} s" for form, seconds in prepared.items())
        print(f"prepare {name}: {told}", flush=True)


if __name__ == "__main__":
    main()
