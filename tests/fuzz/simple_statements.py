"""Simple statements of a random program: each is run when it is drawn, and taken where it runs."""

from __future__ import annotations

import ast
from types import FunctionType

import numpy as np
from fuzz.environment import Environment, is_float
from fuzz.expressions import Expressions

Lines = list[str]


def bare(text: str) -> str:
    """An expression without the parentheses around it."""
    return ast.unparse(ast.parse(text, mode="eval"))


class SimpleStatements(Expressions):
    """Draws simple statements; each kind returns its lines, which have run, or none."""

    def __init__(self, seed: tuple[int, ...], env: Environment) -> None:
        super().__init__(*seed)
        self.env = env
        self.frozen: list[str] = []  # lists that a loop goes over
        self.simple = [
            self.assign, self.assign, self.assign, self.call, self.call, self.call, self.rebind, self.augment, self.write, self.write,
            self.write_part, self.write_part, self.buffer, self.buffer, self.view, self.out, self.pair, self.several,
            self.list_, self.grow, self.grow, self.use_list, self.dict_, self.change_dict, self.object_, self.complex_, self.reuse, self.exps,
        ]  # fmt: skip

    def attempt(self, *lines: str) -> Lines:
        return list(lines) if self.env.attempt(list(lines)) else []

    # ---- values of names ----

    def shape(self) -> tuple[int, ...]:
        """A shape that something has."""
        shapes = [np.shape(v) for _, v in self.places()] + [(), ()]
        return shapes[int(self.rng.integers(len(shapes)))]

    def names_of(self, *kinds: type) -> Lines:
        return [n for n, v in self.env.variables() if isinstance(v, kinds) and n not in self.frozen]

    def numbers(self) -> Lines:
        return [n for n, v in self.env.variables() if is_float(v) and np.shape(v) == ()]

    def buffers(self) -> Lines:
        """Arrays that may be written: those of arguments are not."""
        made = [
            (n, v)
            for n, v in self.env.variables()
            if isinstance(v, np.ndarray) and v.ndim and v.size
        ]
        return [n for n, v in made if v.flags.writeable and v.dtype.kind == "f" and n[-1].isdigit()]

    # ---- simple statements ----

    def assign(self) -> Lines:
        return self.attempt(f"{self.name('v')} = {bare(self.fit(self.shape(), 3))}")

    def call(self) -> Lines:
        return self.attempt(f"{self.name('v')} = {self.any_call()}")

    def rebind(self) -> Lines:
        known = [(n, v) for n, v in self.env.variables() if is_float(v)]
        if not known:
            return []
        name, value = known[int(self.rng.integers(len(known)))]
        return self.attempt(f"{name} = {self.fit(np.shape(value), 2)}")

    def augment(self) -> Lines:
        known = self.numbers()
        return (
            self.attempt(f"{self.one(known)} {self.one(['+=', '-=', '*='])} {self.fit((), 2)}")
            if known
            else []
        )

    def sign(self) -> str:
        return self.one(["=", "=", "+=", "-=", "*="])

    def write(self) -> Lines:
        known = self.buffers()
        if not known:
            return []
        name = self.one(known)
        place = ", ".join(self.index() for _ in range(self.env.names[name].ndim))
        return self.attempt(f"{name}[{place}] {self.sign()} {self.fit((), 1)}")

    def write_part(self) -> Lines:
        known = self.buffers()
        if not known:
            return []
        name = self.one(known)
        where = (
            f"{name} > {self.number()}"
            if self.chance(0.1)
            else self.subscript(self.env.names[name].ndim)
        )
        part = self.env.value(f"{name}[{where}]")
        if part is None or not np.size(part):
            return []
        amount = self.fit((), 1) if ">" in where else self.fit(self.narrower(np.shape(part)), 1)
        if self.chance(0.1):
            return self.attempt(
                f"np.{self.one(['add', 'subtract'])}.at({name}, np.s_[{where}], {amount})"
            )
        return self.attempt(f"{name}[{where}] {self.sign()} {amount}")

    def buffer(self) -> Lines:
        arrays = self.arrays()
        base = self.one(arrays) if arrays else "np.zeros(3)"
        made = ["np.zeros({0}.shape)", "{0}.copy()", "{0} * 1.0", "np.zeros_like({0})", "np.zeros(len({0}))", "-{0}", "np.full(3, {1})", "np.array({0})", "{0} - {1}", "np.ones(len({0})) * {1}", "np.zeros((2, 3))", "np.array([{1}, {1}])"]  # fmt: skip
        return self.attempt(f"{self.name('u')} = {self.one(made).format(base, self.leaf(()))}")

    def view(self) -> Lines:
        known = self.buffers()
        if not known:
            return []
        name, new = self.one(known), self.name("w")
        of = [
            f"{name}[{self.subscript(self.env.names[name].ndim)}]",
            f"{name}[1:]",
            f"{name}.T",
            f"{name}.ravel()",
            f"{name}.reshape(-1, 1)",
            name,
            f"{name}[::-1]",
        ]
        return self.attempt(f"{new} = {self.one(of)}")

    def out(self) -> Lines:
        known = self.buffers()
        if not known:
            return []
        name = self.one(known)
        one = self.fit(np.shape(self.env.names[name]), 1)
        texts = ["np.multiply({0}, {1}, out={0})", "np.add({1}, {0}, out={0})", "np.sin({1}, out={0})", "np.subtract({1}, {0}, out={0})", "np.add({0}, 0.2, out={0}, where={1} > 0.3)", "{0} += {1}", "{0} *= {1}", "{0}[...] = {1}", "np.maximum({0}, {1}, out={0})"]  # fmt: skip
        return self.attempt(self.one(texts).format(name, one))

    def pair(self) -> Lines:
        """Tuples: made, unpacked, swapped."""
        kind, new = self.rng.random(), self.name("p")
        if kind < 0.35:
            return self.attempt(f"{new} = ({self.fit(self.shape(), 1)}, {self.fit((), 1)})")
        if kind < 0.6:
            return self.attempt(
                f"{new}, {self.name('p')} = {self.fit(self.shape(), 1)}, {self.fit((), 1)}"
            )
        if kind < 0.75:
            return self.attempt(
                f"{new}, *{self.name('l')} = {self.fit((), 0)}, {self.fit((), 0)}, {self.fit((), 1)}"
            )
        names = [n for n, v in self.env.variables() if is_float(v) and n[-1].isdigit()]
        one, other = (self.one(names), self.one(names)) if names else ("", "")
        same = (
            names
            and one != other
            and np.shape(self.env.names[one]) == np.shape(self.env.names[other])
        )
        return self.attempt(f"{one}, {other} = {other}, {one}") if same else []

    def several(self) -> Lines:
        """Several sums of terms at once: the rewriting rules' matter."""
        terms = [self.fit((), 1) for _ in range(int(self.rng.integers(2, 9)))]
        return self.attempt(f"{self.name('v')} = {' + '.join(terms)}")

    def exps(self) -> Lines:
        """A logarithm of exponentials, spelled out; a quotient of them."""
        terms = [f"np.exp({self.fit((), 1)})" for _ in range(int(self.rng.integers(2, 7)))]
        total = " + ".join(terms)
        return self.attempt(
            f"{self.name('v')} = {self.one([f'np.log({total})', f'{terms[0]} / ({total})', f'np.log(1.0 + {total})'])}"
        )

    # ---- lists, dicts, objects, complex numbers ----

    def list_(self) -> Lines:
        old = self.names_of(list)
        shape = self.shape()
        texts = [
            f"[{self.fit(shape, 1)}]",
            f"[{self.fit((), 1)}, {self.fit((), 1)}]",
            f"list({self.leaf(shape)})",
            "[]",
            f"[v * {self.fit((), 1)} for v in {self.leaf(shape)}]",
        ]
        texts += (
            [
                t.format(self.one(old))
                for t in (
                    "{0}[1:]",
                    "list({0})",
                    "{0}[::-1]",
                    "list(reversed({0}))",
                    "{0} + [0.5]",
                    "[v * 0.5 for v in {0}]",
                    "sorted({0}, key=np.sum)",
                )
            ]
            if old
            else []
        )
        return self.attempt(f"{self.name('l')} = {self.one(texts)}")

    def grow(self) -> Lines:
        known = [n for n in self.names_of(list) if n[-1].isdigit()]  # no arguments
        if not known:
            return self.list_()
        name = self.one(known)
        items = self.env.names[name]
        item = self.fit(np.shape(items[0]) if items and is_float(items[0]) else (), 1)
        texts = [f"{name}.append({item})", f"{name}.append({item})", f"{name}.extend([{item}])", f"{name} += [{item}]", f"{name}.insert(0, {item})", f"{name}.reverse()", f"{name}[{self.index()}] = {item}", f"{name}[-1] *= {self.fit((), 1)}", f"{self.name('v')} = {name}.pop()", f"{self.name('v')} = {name}.pop(0)"]  # fmt: skip
        return self.attempt(self.one(texts))

    def use_list(self) -> Lines:
        known = [n for n in self.names_of(list) if self.env.names[n]]
        if not known:
            return self.list_()
        name = self.one(known)
        texts = [f"sum({name})", f"np.array({name})", f"np.stack({name})", f"np.concatenate([np.ravel(v) for v in {name}])", f"sum([a * b for a, b in zip({name}, {name}[1:])])", f"np.sum([k * v for k, v in enumerate({name})])", f"max({name})", f"np.array({name}) @ np.arange(1.0, len({name}) + 1.0)", f"{name}[{self.index()}]"]  # fmt: skip
        return self.attempt(f"{self.name('v')} = {self.one(texts)}")

    def dict_(self) -> Lines:
        return self.attempt(
            f"{self.name('d')} = {{'u': {self.fit(self.shape(), 1)}, 'c': {self.fit((), 1)}}}"
        )

    def change_dict(self) -> Lines:
        known = [n for n in self.names_of(dict) if n[-1].isdigit()]
        if not known:
            return self.dict_()
        d, new = self.one(known), self.name("v")
        texts = [f"{d}['c'] = {self.fit((), 2)}", f"{d}['c'] *= {self.fit((), 1)}", f"{d}.update(c={self.fit((), 1)})", f"{new} = {d}.get('c', 0.5)", f"{new} = {d}.get('z', {self.leaf(())})", f"{d}['k{self.count}'] = {self.fit((), 1)}", f"{new} = sum([np.sum(v) for v in {d}.values()])", f"{d}['u'] = {d}['u'] * {self.fit((), 1)}", f"{new} = {{**{d}, 'c': {self.leaf(())}}}"]  # fmt: skip
        return self.attempt(self.one(texts))

    def object_(self) -> Lines:
        known = [n for n, v in self.env.variables() if type(v).__name__ == "Acc"]
        if not known or self.chance(0.3):
            return self.attempt(f"{self.name('o')} = Acc({self.fit(self.shape(), 1)})")
        o, item = self.one(known), self.fit((), 1)
        texts = [
            f"{o}.add({item})",
            f"{o}.v = {o}.v * {item}",
            f"{o}.rate *= {item}",
            f"{self.name('v')} = {o}.mean",
            f"{self.name('o')} = {o} + {self.one(known)}",
            f"{self.name('v')} = {o}.add({item})",
        ]
        return self.attempt(self.one(texts))

    def complex_(self) -> Lines:
        shape = self.shape()
        known = [
            n
            for n, v in self.env.variables()
            if isinstance(v, np.ndarray | np.generic | complex) and np.iscomplexobj(v)
        ]
        if not known or self.chance(0.5):
            return self.attempt(
                f"{self.name('z')} = {self.fit(shape, 1)} + 1j * {self.fit(shape, 1)}"
            )
        z, new = self.one(known), self.name("z")
        return self.attempt(f"{new} = " + self.one(["np.exp({0})", "{0} * {0}", "np.abs({0}) ** 2", "np.conj({0}) * {0}", "1.0 / (2.5 + {0} * np.conj({0}))", "np.sqrt(3.0 + {0})", "np.abs({0} + 2.0)", "np.sum({0})", "{0}.real * {0}.imag"]).format(z))  # fmt: skip

    def reuse(self) -> Lines:
        """A call of a function that was written before."""
        known = [
            n for n, v in self.env.names.items() if isinstance(v, FunctionType) and n[-1].isdigit()
        ]
        if not known:
            return []
        name = self.one(known)
        count = self.env.names[name].__code__.co_argcount
        given = ", ".join(self.fit(self.shape(), 1) for _ in range(count))
        return self.attempt(f"{self.name('v')} = {name}({given})")
