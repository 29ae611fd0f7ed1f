"""Random programs that write in more ways: by index arrays and masks, with `out=`, through arguments, parts of complex
numbers and closures, as items of containers; and leave by `while ... else` and exceptions.
"""

from __future__ import annotations

from fuzz.generate import HELPERS, N, Scope, Writer, arguments

__all__ = ["arguments", "program"]

WRITING = """\
def scale(v, s):
    v *= 0.5 + 0.3 * s
    v[0] = v[-1] * s


def push(v, w):
    v[1:] += 0.3 * w[:-1]
    w[0] = np.sin(v[0])
    return v


def first_below(v, s):
    for i in range(len(v)):
        if v[i] < s:
            v[i] = s * 0.5
            return v[i]
    else:
        v[0] = 0.1 * s
    return s


def guarded(v, s):
    try:
        if v[0] > 0.3:
            raise ValueError
        v[1] = s * v[0]
    except ValueError:
        v[0] = 0.2 * s
    finally:
        v[2] *= 0.5
    return v[1] * s

"""


class Changing(Writer):
    """Draws one program."""

    def statement(self, s: Scope, depth: int) -> None:
        kinds = [
            self.gathered,
            self.gathered,
            self.masked,
            self.out,
            self.out,
            self.handed,
            self.handed,
            self.held,
        ]
        kinds += [self.aliased, self.part, self.ufunc_at, self.in_list, self.in_dict, self.filled]
        if depth < 4:
            kinds += [self.while_else, self.attempt, self.closure]
        if self.chance(0.45):
            super().statement(s, depth)
        else:
            self.one_of(kinds)(s, depth)

    def one_of(self, kinds):
        return kinds[int(self.rng.integers(len(kinds)))]

    def place(self, s: Scope) -> str:
        i = self.index(s)
        return self.one(
            [f"[{i}, 2]", "[0, 3, 1]", "[1, 1, 2]", "np.array([3, 0])", f"np.array([{i}, {i}])"]
        )

    def gathered(self, s: Scope, depth: int) -> None:
        v, at = self.one(s.buffers), self.place(s)
        sign = self.one(["=", "+=", "*="])
        self.put(
            depth, f"{v}[{at}] {sign} {self.one([self.scalar(s), f'{self.vector(s, 1)}[{at}]'])}"
        )

    def masked(self, s: Scope, depth: int) -> None:
        v, name = self.one(s.buffers), self.name("m")
        self.put(depth, f"{name} = {self.one([v, self.vector(s, 1)])} > {self.number()}")
        sign = self.one(["=", "+=", "*="])
        self.put(
            depth,
            f"{v}[{name}] {sign} {self.one([self.scalar(s), f'{self.vector(s, 1)}[{name}]'])}",
        )

    def out(self, s: Scope, depth: int) -> None:
        v, w = self.one(s.buffers), self.vector(s, 1)
        self.put(depth, self.one([
            f"np.multiply({v}, {self.scalar(s, 1)}, out={v})", f"np.add({v}[1:], {v}[:-1], out={v}[1:])",
            f"np.sin({w}, out={v})", f"np.subtract({w}, {v}, out={v})", f"np.tanh({v}[::2], out={v}[1::2])",
            f"np.add({v}, 0.2, out={v}, where={w} > {self.number()})", f"np.minimum({v}, {w}, out={v})",
        ]))  # fmt: skip

    def handed(self, s: Scope, depth: int) -> None:
        v, t = self.one(s.buffers), self.scalar(s, 1)
        views = [v, f"{v}[::-1]", f"{v}[:]"] + (
            [f"{s.matrices[-1]}[:, 1]", f"{s.matrices[-1]}[2]"] if s.matrices else []
        )
        if s.matrices and s.matrices[-1] == "A":
            views = views[:3]
        where = self.one(views)
        name = self.name("t")
        self.put(depth, self.one([
            f"scale({where}, {t})", f"push({where}, {self.one(s.buffers)})", f"{name} = first_below({where}, {t})",
            f"{name} = guarded({where}, {t})", f"scale({v}[1:], {t})", f"{name} = np.sum(push({v}, {v}))",
        ]))  # fmt: skip
        if self.lines[-1].strip().startswith(name + " "):
            s.scalars.append(name)

    def held(self, s: Scope, depth: int) -> None:
        v, pair = self.one(s.buffers), self.name("p")
        self.put(depth, f"{pair} = ({v}, {self.scalar(s, 1)})")
        self.put(depth, f"{pair}[0][{self.index(s)}] = {pair}[1] * 0.5")

    def aliased(self, s: Scope, depth: int) -> None:
        v, name = self.one(s.buffers), self.name("u")
        self.put(
            depth, f"{name} = {self.one([v, f'{v}[:]', f'{v}[::-1]', f'{v}.reshape(2, 2).T[0]'])}"
        )
        self.put(depth, f"{name} {self.one(['*=', '+=', '-='])} {self.scalar(s, 1)}")
        self.put(depth, f"{v}[{self.index(s)}] {self.one(['=', '+='])} {name}[0] * 0.3")

    def part(self, s: Scope, depth: int) -> None:
        name, part = self.name("c"), self.one(["real", "imag"])
        self.put(depth, f"{name} = {self.vector(s, 1)} + 1j * {self.vector(s, 1)}")
        self.put(
            depth,
            f"{name}.{part}[{self.one(['1:', '::2', '0', '[0, 2]'])}] {self.one(['=', '*=', '+='])} {self.scalar(s, 1)}",
        )
        self.put(depth, f"{self.local(s)} += 0.1 * np.sum({name}.real * {name}.imag)")

    def ufunc_at(self, s: Scope, depth: int) -> None:
        v = self.one(s.buffers)
        ufunc = self.one(["add", "subtract"])
        self.put(
            depth,
            f"np.{ufunc}.at({v}, [0, 2, 0], {self.one([self.scalar(s, 1), f'{self.vector(s, 1)}[1:]'])})",
        )

    def in_list(self, s: Scope, depth: int) -> None:
        v, w, name = self.one(s.buffers), self.name("u"), self.name("l")
        self.put(depth, f"{name} = [{v}, {self.vector(s, 1)} * 1.0]")
        self.put(
            depth, f"{name}[{self.one(['0', '1'])}] {self.one(['+=', '*='])} {self.scalar(s, 1)}"
        )
        self.put(depth, f"{name}[1][{self.index(s)}] = {name}[0][1] * 0.5")
        self.put(depth, f"{w} = {name}[1]")
        s.buffers.append(w)

    def in_dict(self, s: Scope, depth: int) -> None:
        v, name = self.one(s.buffers), self.name("d")
        self.put(depth, f"{name} = {{'v': {v}, 's': {self.scalar(s, 1)}}}")
        self.put(depth, f"{name}['s'] *= 0.5")
        self.put(depth, f"{name}['v'][{self.index(s)}] += {name}['s']")
        self.put(depth, f"{self.local(s)} = {name}['s'] + {name}['v'][0]")

    def filled(self, s: Scope, depth: int) -> None:
        v, name, i = self.one(s.buffers), self.name("u"), self.name("i")
        self.put(depth, f"{name} = np.empty({N})")
        self.put(depth, f"for {i} in range({N}):")
        self.put(depth + 1, f"{name}[{i}] = np.sin({v}[{i}]) * {self.scalar(s, 1)}")
        if self.chance(0.5):
            self.put(
                depth + 1,
                f"{v}[{i}] = 0.4 * {name}[{i} - 1]" if self.chance(0.5) else f"{v}[{i} - 1] *= 0.7",
            )
        if self.lines[-1].endswith(f"{name}[{i} - 1]"):
            self.lines[-1] = self.lines[-1].replace(f"{name}[{i} - 1]", f"{name}[{i}]")
        s.buffers.append(name)

    def while_else(self, s: Scope, depth: int) -> None:
        c, t = self.name("c"), self.local(s)
        self.put(depth, f"{c} = 0")
        self.put(depth, f"while {c} < {int(self.rng.integers(0, 4))}:")
        self.put(depth + 1, f"{c} += 1")
        self.block(s.inner(True), depth + 1)
        self.put(depth + 1, f"if {self.condition(s)}:")
        self.put(depth + 2, "break")
        self.put(depth, "else:")
        self.put(depth + 1, f"{t} = {self.scalar(s, 1)}")

    def attempt(self, s: Scope, depth: int) -> None:
        self.put(depth, "try:")
        self.block(s.inner(), depth + 1)
        self.put(depth + 1, f"if {self.condition(s)}:")
        self.put(depth + 2, "raise KeyError")
        self.put(depth + 1, f"{self.one(s.buffers)}[0] *= 0.5")
        self.put(depth, "except KeyError:")
        self.put(depth + 1, f"{self.one(s.buffers)}[{self.index(s)}] = {self.scalar(s, 1)}")
        if self.chance(0.5):
            self.put(depth, "else:")
            self.put(depth + 1, f"{self.local(s)} = {self.scalar(s, 1)}")
        if self.chance(0.5):
            self.put(depth, "finally:")
            self.put(depth + 1, f"{self.one(s.buffers)}[1] += 0.1")

    def closure(self, s: Scope, depth: int) -> None:
        name, t, v = self.name("g"), self.local(s), self.one(s.buffers)
        if (
            t not in ("s",) or depth != 1
        ):  # `nonlocal` of what the function binds; elements otherwise
            self.put(depth, f"def {name}(q):")
            self.put(depth + 1, f"{v}[1] += 0.2 * q")
            self.put(depth + 1, f"return {v}[0] * q")
        else:
            self.put(depth, f"def {name}(q):")
            self.put(depth + 1, "nonlocal s")
            self.put(depth + 1, "s = 0.5 * s + 0.2 * q")
            self.put(depth + 1, f"{v}[2] = s * q")
            self.put(depth + 1, "return s")
        self.put(depth, f"{t} = {name}({self.scalar(s, 1)}) + {name}({self.number()})")


def program(seed: int) -> str:
    """The text of a program `f(x, A, a, b, n)`."""
    return Changing(seed).program().replace(HELPERS, HELPERS + "\n" + WRITING + "\n", 1)
