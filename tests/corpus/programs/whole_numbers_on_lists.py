"""Lists start with whole numbers, change places in loops and branches, and hold floats in the end."""


def mixed(a, b, keep):
    n, m = len(a), len(b[0])
    product = [[0] * m for _ in range(n)]
    for i in range(n):
        for j in range(m):
            for k in range(len(b)):
                product[i][j] += a[i][k] * b[k][j]
    counts = [0, 0]
    for row in product:
        counts[0] += row[0] * row[-1]
        counts[1] += 1
    old = [1] * m
    for i in range(n):
        new = [0] * m
        for j in range(m):
            new[j] = old[j - 1] * product[i][j] + i
        old = new
    kept = [0] * m if keep else [0.5] * m
    order = [0] * m
    for j in range(m):
        order[j] = m - 1 - j
        kept[order[j]] += old[j] * counts[0]
    return sum(kept) * kept[0] / counts[1]


EXAMPLES = [
    ([[0.3, -0.8], [0.5, 1.2], [0.9, -0.1]], [[0.4, 1.1, -0.6], [0.2, 0.7, 0.8]], True),
    ([[0.6, -0.4]], [[0.5, -0.3], [0.8, 0.2]], False),
]
WRT = (0, 1)
FUNCTION = mixed
