/**
 * Logistic regression with an L2 penalty: some dozen features, some thousand rows, a second or two, and the same
 * weights from the same rows every time.
 */

interface Sample {
  /** Standardised features, then 1 for the intercept. */
  row: readonly number[];
  label: 0 | 1;
  /** Weight of the sample in the likelihood. */
  importance: number;
}

/** On the squares of the weights of standardised features, without the intercept. */
const PENALTY = 1;
/** Keeps the curvature of the intercept above zero if every row is classified with certainty. */
const INTERCEPT_PENALTY = 1e-9;
/** Newton's method is quadratic near the maximum and needs about ten. */
const MOST_STEPS = 50;
const SETTLED = 1e-8;

export class LogisticRegression {
  readonly #mean: readonly number[];
  readonly #scale: readonly number[];
  /** Of the standardised features, then the intercept. */
  readonly #weights: readonly number[];

  /**
   * Fits by Newton's method. Both labels weigh the same, however many rows each has, so that a row that says nothing
   * gets 0.5.
   * @param rows features, [N][F]
   * @param labels [N]; both values occur
   */
  constructor(rows: readonly (readonly number[])[], labels: readonly boolean[]) {
    this.#mean = rows[0].map((_, f) => average(rows.map((row) => row[f])));
    // A feature that never varies has no scale, and no weight will matter.
    this.#scale = this.#mean.map((mean, f) => Math.sqrt(average(rows.map((row) => (row[f] - mean) ** 2))) || 1);
    const positive = labels.filter((label) => label).length;
    this.#weights = fitted(
      rows.map((row, at) => ({
        row: this.#standard(row),
        label: labels[at] ? 1 : 0,
        importance: rows.length / (2 * (labels[at] ? positive : rows.length - positive)),
      })),
    );
  }

  /** Probability that the label of a row is true. */
  probability(row: readonly number[]): number {
    return sigmoid(dot(this.#weights, this.#standard(row)));
  }

  #standard(row: readonly number[]): number[] {
    return [...row.map((value, f) => (value - this.#mean[f]) / this.#scale[f]), 1];
  }
}

/** The weights with the largest penalised likelihood. A step that would lower it is halved. */
function fitted(samples: readonly Sample[]): number[] {
  let weights = samples[0].row.map(() => 0);
  let value = objective(samples, weights);
  for (let step = 0; step < MOST_STEPS; step++) {
    const change = newtonStep(samples, weights);
    let length = 1;
    const moved = () => weights.map((weight, i) => weight + length * change[i]);
    let next = moved();
    while (objective(samples, next) < value && length > SETTLED) {
      length /= 2;
      next = moved();
    }
    const reached = objective(samples, next);
    if (!(reached > value)) break;
    const gained = reached - value;
    weights = next;
    value = reached;
    if (gained < SETTLED) break;
  }
  return weights;
}

function objective(samples: readonly Sample[], weights: readonly number[]): number {
  const likelihood = samples.reduce((sum, { row, label, importance }) => {
    const z = dot(weights, row);
    return sum - importance * softplus(label === 1 ? -z : z);
  }, 0);
  return likelihood - weights.reduce((sum, weight, i) => sum + (penaltyOf(i, weights) / 2) * weight ** 2, 0);
}

/** Inverse of the negative Hessian times the gradient. */
function newtonStep(samples: readonly Sample[], weights: readonly number[]): number[] {
  const gradient = weights.map((weight, i) => -penaltyOf(i, weights) * weight);
  const curvature = weights.map((_, i) => weights.map((_, j) => (i === j ? penaltyOf(i, weights) : 0)));
  for (const { row, label, importance } of samples) {
    const p = sigmoid(dot(weights, row));
    const error = importance * (label - p);
    const spread = importance * p * (1 - p);
    for (let i = 0; i < row.length; i++) {
      gradient[i] += error * row[i];
      for (let j = 0; j <= i; j++) curvature[i][j] += spread * row[i] * row[j];
    }
  }
  return solved(curvature, gradient);
}

function penaltyOf(at: number, { length }: readonly number[]): number {
  return at === length - 1 ? INTERCEPT_PENALTY : PENALTY;
}

/** x of A x = b for a symmetric positive definite A, of which the lower half is read (Cholesky's decomposition). */
function solved(matrix: readonly (readonly number[])[], b: readonly number[]): number[] {
  const lower = matrix.map((row) => [...row]);
  for (let i = 0; i < b.length; i++) {
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i][j];
      for (let k = 0; k < j; k++) rest -= lower[i][k] * lower[j][k];
      lower[i][j] = i === j ? Math.sqrt(rest) : rest / lower[j][j];
    }
  }
  const x = [...b];
  for (let i = 0; i < x.length; i++) {
    for (let k = 0; k < i; k++) x[i] -= lower[i][k] * x[k];
    x[i] /= lower[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let k = i + 1; k < x.length; k++) x[i] -= lower[k][i] * x[k];
    x[i] /= lower[i][i];
  }
  return x;
}

function sigmoid(z: number): number {
  return 1 / (1 + Math.exp(-z));
}

/** log(1 + exp(z)) that does not overflow. */
function softplus(z: number): number {
  return Math.max(z, 0) + Math.log1p(Math.exp(-Math.abs(z)));
}

function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

function average(values: readonly number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
