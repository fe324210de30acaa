/** Progress and the time left, on stderr. */

/** Seconds that a side takes to start, without the warm-up. */
const START_SECONDS = 6;
/** Share of the machine's SGEMM rate that a first guess assumes; small models and decoding are far from it. */
const GUESSED_SHARE = { train: 0.5, score: 0.5, generate: 0.15 };

function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.round(seconds / 60)} min`;
}

/** Time left: guessed from the work and the machine's rate, then from what the rounds took. */
export class Progress {
  #jobs;
  #current = 0;

  /** @param jobs each with `what`, `rounds`, `warmUp`, `flops`, `sides` (1 or 2). */
  constructor(jobs, sgemmRate) {
    this.#jobs = jobs.map(({ what, rounds, warmUp, flops, sides }) => {
      const seconds = flops / (sgemmRate * GUESSED_SHARE[what]) + 0.3;
      return {
        starting: sides * (START_SECONDS + (warmUp ? Math.max(1, seconds) : 0)),
        round: sides * seconds,
        rounds,
      };
    });
  }

  begin(job, text) {
    this.#current = job;
    this.#say(text);
  }

  /** The job's start-up is over. */
  started() {
    this.#jobs[this.#current].starting = 0;
  }

  /** A round is over that took `seconds`. */
  round(seconds, text) {
    const job = this.#jobs[this.#current];
    job.round = seconds;
    job.rounds--;
    this.#say(text);
  }

  #say(text) {
    const left = this.#jobs
      .slice(this.#current)
      .reduce((sum, { starting, round, rounds }) => sum + starting + round * rounds, 0);
    process.stderr.write(`${text}${left > 0 ? ` (about ${duration(left)} left)` : ''}\n`);
  }
}
