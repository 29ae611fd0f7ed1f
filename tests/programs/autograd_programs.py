"""What autograd's examples are about, in our words and with the names of its API, for either NumPy and either SciPy."""

import numpy
import scipy.integrate
import scipy.special
import scipy.stats

rng = numpy.random.default_rng(5)


def normal(*shape, scale=1.0):
    return scale * rng.normal(size=shape)


def programs(np, special, stats, odeint, grad):
    """Programs of either NumPy and either SciPy, with their arguments; the first one is differentiated."""
    found = {}

    def example(*args):
        def add(f):
            found[f.__name__] = f, args
            return f

        return add

    # ---- networks ------------------------------------------------------------------------------

    X, Y = normal(6, 3), numpy.eye(2)[[0, 1, 1, 0, 1, 0]]
    layers = [(normal(3, 4), normal(4)), (normal(4, 2), normal(2))]

    def predictions(params, inputs):
        for W, b in params:
            outputs = np.dot(inputs, W) + b
            inputs = np.tanh(outputs)
        return outputs - special.logsumexp(outputs, axis=1, keepdims=True)

    @example(layers, X, Y)
    def neural_net(params, inputs, targets):
        decay = sum(np.sum(W**2) + np.sum(b**2) for W, b in params)
        return -np.sum(predictions(params, inputs) * targets) + 0.05 * decay

    @example(normal(4), X[:, :2], (X[:, 0] > 0.0) * 1.0)
    def logistic_regression(weights, inputs, targets):
        scores = np.dot(inputs, weights[:2]) + weights[2] + weights[3] * inputs[:, 0] * inputs[:, 1]
        chances = 0.5 * (np.tanh(scores) + 1.0)
        return -np.sum(np.log(chances * targets + (1.0 - chances) * (1.0 - targets)))

    @example(
        {"change": normal(5, 4, scale=0.4), "predict": normal(5, 2), "start": normal(4)},
        X[:, None, :2],
    )
    def rnn(params, sequence):
        hidden = np.tile(params["start"], (sequence.shape[1], 1))
        total = 0.0
        for inputs in sequence:
            known = np.concatenate((inputs, hidden[:, :2], np.ones((len(inputs), 1))), axis=1)
            hidden = np.tanh(np.dot(known, params["change"]))
            outputs = np.dot(np.hstack((hidden, np.ones((len(inputs), 1)))), params["predict"])
            total += np.sum((outputs - special.logsumexp(outputs, axis=1, keepdims=True))[:, 0])
        return total

    gates = {k: normal(6, 3, scale=0.5) for k in ("change", "forget", "ingate", "outgate")}

    @example(gates, X[:, None, :2])
    def lstm(params, sequence):
        hidden, cell = np.zeros((1, 3)), np.zeros((1, 3))
        total = 0.0
        for inputs in sequence:
            known = np.hstack((inputs, hidden, np.ones((1, 1))))
            change = np.tanh(np.dot(known, params["change"]))
            forget = 0.5 * (np.tanh(np.dot(known, params["forget"])) + 1.0)
            ingate = 0.5 * (np.tanh(np.dot(known, params["ingate"])) + 1.0)
            outgate = 0.5 * (np.tanh(np.dot(known, params["outgate"])) + 1.0)
            cell = cell * forget + ingate * change
            hidden = outgate * np.tanh(cell)
            total = total + np.sum(hidden**2)
        return total

    @example(normal(2, 3, 3), normal(2, 6, 6), normal(8, 2))
    def convnet(filters, images, weights):
        rows = []
        for image in images:
            maps = []
            for kernel in filters:
                total = np.zeros((4, 4))
                for i in range(3):
                    for j in range(3):
                        total = total + kernel[i, j] * image[i : i + 4, j : j + 4]
                pooled = np.max(np.max(np.reshape(total, (2, 2, 2, 2)), axis=1), axis=2)
                maps.append(np.tanh(np.ravel(pooled)))
            rows.append(np.concatenate(maps))
        outputs = np.dot(np.array(rows), weights)
        return np.sum((outputs - special.logsumexp(outputs, axis=1, keepdims=True))[:, 1])

    @example(normal(2, 3), normal(3, 2), normal(4, 2), X[:4, :3] > 0.0, normal(4, 1))
    def variational_autoencoder(encoder, decoder, means, images, noise):
        spread = np.log1p(np.exp(np.dot(means, encoder)[:, :1]))
        latents = means + spread * noise
        logits = np.dot(latents, decoder.T)
        likelihood = -np.sum(np.logaddexp(0.0, -logits * (2.0 * images - 1.0)))
        return likelihood + np.sum(0.5 + np.log(spread) - 0.5 * means**2 - 0.5 * spread**2)

    @example(normal(3, 2), normal(2), normal(5, 3), normal(5, 2))
    def adversarial_net(generator, critic, noise, data):
        fakes = np.tanh(np.dot(noise, generator))
        real, fake = np.dot(data, critic), np.dot(fakes**2, critic)
        return -np.mean(np.logaddexp(0.0, -real)) - np.mean(np.logaddexp(0.0, fake))

    # ---- densities -----------------------------------------------------------------------------

    mixture = {
        "log weights": normal(3),
        "means": normal(3, 2),
        "roots": normal(3, 2, 2) + 2.0 * numpy.eye(2),
    }

    @example(mixture, X[:, :2])
    def gmm(params, data):
        weights = params["log weights"] - special.logsumexp(params["log weights"])
        parts = []
        for weight, mean, root in zip(weights, params["means"], params["roots"], strict=True):
            covariance = np.dot(root.T, root)
            parts.append(weight + stats.multivariate_normal.logpdf(data, mean, covariance))
        return np.sum(special.logsumexp(np.vstack(parts), axis=0))

    def kernel(params, x, y):
        scaled = (x[:, None, :] - y[None, :, :]) / np.exp(params[1:])
        return np.exp(params[0]) * np.exp(-0.5 * np.sum(scaled**2, axis=2))

    @example(normal(4), X[:, :2], Y[:, 0])
    def gaussian_process(params, inputs, targets):
        covariance = kernel(params[1:], inputs, inputs) + np.exp(params[0]) * np.eye(len(targets))
        return stats.multivariate_normal.logpdf(targets, np.zeros(len(targets)), covariance)

    @example(numpy.array([0.3, -0.4]), normal(4), X[:, :2], Y[:, 0])
    def expected_improvement(x, params, inputs, targets):
        """Of a point where the next observation may be made, for Bayesian optimisation."""
        covariance = kernel(params[1:], inputs, inputs) + np.exp(params[0]) * np.eye(len(targets))
        cross = kernel(params[1:], np.reshape(x, (1, 2)), inputs)
        mean = np.dot(cross, np.linalg.solve(covariance, targets))[0]
        below = np.dot(cross, np.linalg.solve(covariance, np.transpose(cross)))[0, 0]
        std = np.sqrt(np.exp(params[1]) - below)
        ahead = mean - numpy.max(targets)
        z = ahead / std
        return ahead * stats.norm.cdf(z) + std * stats.norm.pdf(z)

    @example((normal(6, 1), normal(2), normal(2)), X[:, :1], X[:, 2])
    def deep_gaussian_process(params, inputs, targets):
        hidden, inner, outer = params
        noise = 0.1 * np.eye(len(targets))
        below = stats.multivariate_normal.logpdf(
            hidden[:, 0], np.zeros(len(targets)), kernel(inner, inputs, inputs) + noise
        )
        return below + stats.multivariate_normal.logpdf(
            targets, np.zeros(len(targets)), kernel(outer, hidden, hidden) + noise
        )

    @example(normal(6, 2), normal(3), X)
    def latent_variables(latents, params, data):
        covariance = kernel(params, latents, latents) + 0.2 * np.eye(len(latents))
        inverse = np.linalg.solve(covariance, data)
        _, logdet = np.linalg.slogdet(covariance)
        return -0.5 * np.sum(data * inverse) - 1.5 * logdet - 0.5 * np.sum(latents**2)

    @example(normal(2), numpy.array([0.0, 3.0, 1.0, 7.0, 2.0]))
    def negative_binomial(params, counts):
        r, p = np.exp(params[0]), 1.0 / (1.0 + np.exp(-params[1]))
        terms = special.gammaln(counts + r) - special.gammaln(r) - special.gammaln(counts + 1.0)
        return np.sum(terms + counts * np.log(p) + r * np.log(1.0 - p))

    @example((normal(3), normal(3, 3), normal(3, 4)), numpy.array([0, 3, 1, 1, 2, 0]))
    def hmm_log_normalizer(params, observed):
        start, moves, emits = params
        start = start - special.logsumexp(start)
        moves = moves - special.logsumexp(moves, axis=1, keepdims=True)
        emits = emits - special.logsumexp(emits, axis=1, keepdims=True)
        alpha = start + emits[:, observed[0]]
        for y in observed[1:]:
            alpha = special.logsumexp(alpha[:, None] + moves, axis=0) + emits[:, y]
        return special.logsumexp(alpha)

    @example(normal(3, 3) + 2.0 * numpy.eye(3), X)
    def independent_components(unmixing, data):
        sources = np.dot(data, unmixing)
        return np.sum(-np.log(np.cosh(sources))) + len(data) * np.linalg.slogdet(unmixing)[1]

    @example(normal(3), normal(5, 1), normal(4, 1))
    def kernel_machine(weights, xs, ys):
        gram = np.exp(-0.5 * (xs - ys.T) ** 2)
        return np.sum(np.tanh(gram @ np.concatenate((weights, weights[:1]))) ** 2)

    # ---- variational inference -----------------------------------------------------------------

    def funnel(x):
        return stats.norm.logpdf(x[:, 1], 0.0, 1.35) + stats.norm.logpdf(
            x[:, 0], 0.0, np.exp(x[:, 1])
        )

    @example(normal(4), normal(8, 2))
    def black_box_svi(params, noise):
        mean, log_std = params[:2], params[2:]
        samples = noise * np.exp(log_std) + mean
        return np.mean(funnel(samples)) + np.sum(log_std) + 1.0 + np.log(2.0 * np.pi)

    @example(normal(4), normal(8, 2))
    def natural_gradient_svi(params, noise):
        """The square of the natural gradient's length: the Fisher information of a mean field is diagonal."""
        log_std = params[2:]
        gradient = grad(black_box_svi)(params, noise)
        fisher = np.concatenate((np.exp(-2.0 * log_std), 2.0 * np.ones(2)))
        return np.sum(gradient**2 / fisher)

    @example(
        {"weights": normal(2), "means": normal(2, 2), "log stds": normal(2, 2)}, normal(2, 4, 2)
    )
    def mixture_variational(params, noise):
        weights = params["weights"] - special.logsumexp(params["weights"])
        total = 0.0
        for k in range(2):
            samples = noise[k] * np.exp(params["log stds"][k]) + params["means"][k]
            parts = []
            for j in range(2):
                logs = stats.norm.logpdf(samples, params["means"][j], np.exp(params["log stds"][j]))
                parts.append(np.sum(logs, axis=1) + weights[j])
            bound = funnel(samples) - special.logsumexp(np.vstack(parts), axis=0)
            total = total + np.exp(weights[k]) * np.mean(bound)
        return total

    shapes = [(1, 3), (3, 1)]

    @example(normal(20), normal(4, 10), X[:, :1], X[:, 1:2])
    def bayesian_neural_net(params, noise, inputs, targets):
        samples = params[:10] + np.exp(0.1 * params[10:]) * noise
        total = 0.0
        for weights in samples:
            hidden, place = inputs, 0
            for m, n in shapes:
                W = np.reshape(weights[place : place + m * n], (m, n))
                place += m * n
                b = np.reshape(weights[place : place + n], (1, n))
                place += n
                outputs = np.dot(hidden, W) + b
                hidden = np.exp(-(outputs**2))
            total += -np.sum(weights**2) / 2.0 - np.sum((targets - outputs) ** 2) / 0.02
        return total / len(samples) + np.sum(params[10:])

    # ---- simulations and functions -------------------------------------------------------------

    def projected(vx, vy):
        div = 0.1 * (
            np.roll(vx, 1, 0) - np.roll(vx, -1, 0) + np.roll(vy, 1, 1) - np.roll(vy, -1, 1)
        )
        p = np.zeros(vx.shape)
        for _ in range(4):
            around = np.roll(p, 1, 0) + np.roll(p, -1, 0) + np.roll(p, 1, 1) + np.roll(p, -1, 1)
            p = (div + around) / 4.0
        return vx - np.roll(p, -1, 0) + np.roll(p, 1, 0), vy - np.roll(p, -1, 1) + np.roll(p, 1, 1)

    def advected(f, vx, vy):
        rows, columns = f.shape
        ys, xs = np.meshgrid(np.arange(columns), np.arange(rows))
        x, y = xs - vx, ys - vy
        left, top = np.floor(x).astype(int), np.floor(y).astype(int)
        right, low = x - left, y - top
        near = (1.0 - low) * f[left % rows, top % columns] + low * f[
            left % rows, (top + 1) % columns
        ]
        far = (1.0 - low) * f[(left + 1) % rows, top % columns]
        far = far + low * f[(left + 1) % rows, (top + 1) % columns]
        return (1.0 - right) * near + right * far

    @example(normal(2, 5, 4), normal(5, 4), normal(5, 4))
    def fluid_simulation(velocities, smoke, target):
        vx, vy = velocities[0], velocities[1]
        for _ in range(3):
            vx, vy = projected(advected(vx, vx, vy), advected(vy, vx, vy))
            smoke = advected(smoke, vx, vy)
        return np.mean((smoke - target) ** 2)

    def moved(state, t, weights):
        return np.tanh(np.dot(weights, state**3)) - 0.1 * state * t

    @example(normal(2, 2), numpy.array([1.0, -0.5]), numpy.linspace(0.0, 1.0, 4))
    def ode_net(weights, start, times):
        states = odeint(moved, start, times, (weights,), rtol=1e-9, atol=1e-9)
        return np.sum(np.abs(states) ** 1.5)

    def behind(wing, vx, vy):
        open_ = 1.0 - 1.0 / (1.0 + np.exp(-wing))
        vx, vy = projected(vx * open_, vy * open_)
        return vx * open_, vy * open_

    @example(normal(5, 4), normal(2, 5, 4))
    def wing(occlusion, velocities):
        """Lift over drag of what stands in the flow."""
        first_x, first_y = behind(occlusion, velocities[0] + 1.0, velocities[1])
        vx, vy = first_x, first_y
        for _ in range(2):
            vx, vy = behind(occlusion, advected(vx, vx, vy), advected(vy, vx, vy))
        return np.mean(first_y - vy) / (np.mean(first_x - vx) ** 2 + 0.1)

    @example(normal(5))
    def rosenbrock(x):
        return np.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    @example(normal(4))
    def sinc_and_tanh(x):
        return np.sum(np.sin(np.pi * x) / (np.pi * x) + (1.0 - np.exp(-x)) / (1.0 + np.exp(-x)))

    @example(2.5)
    def fixed_point(a):
        x = 1.0
        while np.abs(x - 0.5 * (x + a / x)) > 1e-12:
            x = 0.5 * (x + a / x)
        return x**3

    return found


def of_numpy():
    import srcdiff  # here, since a benchmark measures how long it takes

    return numpy, scipy.special, scipy.stats, scipy.integrate.odeint, srcdiff.grad


def of_autograd():
    import autograd.builtins
    import autograd.numpy
    import autograd.scipy.integrate
    import autograd.scipy.special
    import autograd.scipy.stats

    theirs = autograd.scipy

    def odeint(f, start, times, args, **options):
        # a tuple whose items autograd sees
        return theirs.integrate.odeint(f, start, times, autograd.builtins.tuple(args), **options)

    return autograd.numpy, theirs.special, theirs.stats, odeint, autograd.grad
