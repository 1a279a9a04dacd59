"""Writes small TF Lite files of the published classifier, whole or wrong in one way, as the schema says."""

import struct

import numpy as np

KINDS = (53, 36, 40, 9, 9, 25)  # cast, gather, mean, two dense layers, softmax


class _Writer:
    """Appends tables and vectors behind one another; offsets point forwards, so parents are written before children."""

    def __init__(self):
        self.data = bytearray(8)

    def patch(self, at, target):
        self.data[at : at + 4] = struct.pack("<I", target - at)

    def align(self):
        self.data += b"\0" * (-len(self.data) % 4)

    def table(self, fields):
        """A table of `(slot, letter, value)`; an offset is None and patched later. Gives where each slot lies."""
        self.align()
        slots = max((slot for slot, _, _ in fields), default=-1) + 1
        size = 4 + 4 * len(fields)
        vtable = struct.pack("<HH", 4 + 2 * slots, size)
        places = {slot: 4 + 4 * n for n, (slot, _, _) in enumerate(fields)}
        vtable += b"".join(struct.pack("<H", places.get(slot, 0)) for slot in range(slots))
        start = len(self.data)
        self.data += vtable
        self.align()
        at = len(self.data)
        self.data += struct.pack("<i", at - start)
        for _, letter, value in fields:
            self.data += struct.pack("<" + letter, value or 0).ljust(4, b"\0")
        return at, {slot: at + place for slot, place in places.items()}

    def vector(self, data, count):
        self.align()
        at = len(self.data)
        self.data += struct.pack("<I", count) + data
        return at

    def tables(self, where, fields_of_each):
        """A vector of tables at an offset; gives the slots of each."""
        at = self.vector(b"\0" * 4 * len(fields_of_each), len(fields_of_each))
        self.patch(where, at)
        found = []
        for n, fields in enumerate(fields_of_each):
            start, slots = self.table(fields)
            self.patch(at + 4 + 4 * n, start)
            found.append(slots)
        return found

    def numbers(self, where, values, dtype="<i4"):
        array = np.asarray(values, dtype)
        self.patch(where, self.vector(array.tobytes(), array.size))


def model_file(
    weights, *, mark=b"TFL3", graphs=1, kinds=KINDS, activations=(1, 0), crossed=False, kind_of_tensors=0, short=False,
    length=256,
):  # fmt: skip
    """The bytes of a file.

    Tensors: 0 ids, 1 as integers, 2 table, 3 vectors, 4 axis, 5 mean, 6 and 7 first layer, 8 hidden, 9 and 10 second
    layer, 11 logits, 12 probabilities.
    """
    constants = {
        2: weights["embedding"], 6: weights["dense0_kernel"].T, 7: weights["dense0_bias"],
        9: weights["dense1_kernel"].T, 10: weights["dense1_bias"],
    }  # fmt: skip
    shapes = {n: array.shape for n, array in constants.items()} | {0: (1, length), 1: (1, length)}
    operators = [
        ([0], 1, None), ([2, 1], 3, None), ([3, 4], 5, None), ([5, 6, 7], 8, activations[0]),
        ([5 if crossed else 8, 9, 10], 11, activations[1]), ([11], 12, None),
    ]  # fmt: skip
    out = _Writer()
    root, slots = out.table([(0, "I", 3), (1, "I", None), (2, "I", None), (4, "I", None)])
    out.tables(slots[1], [[(0, "b", kind if kind < 127 else 127), (3, "i", kind)] for kind in kinds])
    for graph in out.tables(slots[2], [[(0, "I", None), (3, "I", None)] for _ in range(graphs)]):
        tensors = out.tables(graph[0], [[(0, "I", None), (1, "b", kind_of_tensors), (2, "I", n)] for n in range(13)])
        for n, tensor in enumerate(tensors):
            out.numbers(tensor[0], shapes.get(n, ()))
        fields = [(0, "I", None), (1, "I", None), (2, "I", None), (4, "I", None)]
        described = [
            [(s, c, n) if s == 0 else (s, c, v) for s, c, v in fields if s != 4 or operators[n][2] is not None]
            for n in range(len(operators))
        ]
        for (inputs, output, activation), slot in zip(operators, out.tables(graph[3], described), strict=True):
            out.numbers(slot[1], inputs)
            out.numbers(slot[2], [output])
            if activation is not None:
                out.patch(slot[4], out.table([(0, "b", activation)])[0])
    for n, buffer in enumerate(out.tables(slots[4], [[(0, "I", None)] if n in constants else [] for n in range(13)])):
        if n in constants:
            data = np.ascontiguousarray(constants[n], "<f4").tobytes()
            out.numbers(buffer[0], np.frombuffer(data[:-4] if short and n == 6 else data, "u1"), "u1")
    out.data[:8] = struct.pack("<I", root) + mark
    return bytes(out.data)
