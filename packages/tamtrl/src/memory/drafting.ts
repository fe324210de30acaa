/** The old memory as the draft of the new one. */
import type { ChatFormat } from '../text/chat.js';
import type { DraftCounts } from './trajectory.js';

/** A draft of which less than this share was accepted has saved less than the reading of its tokens cost. */
const USEFUL = 0.1;
const LONGEST_PAUSE = 16;

/**
 * The drafts of one rollout, or of one question of a reader. A model that never begins with its old memory, for example
 * because it thinks first, is given fewer and fewer of them. What is decided depends on this rollout alone, so that it
 * does not depend on the other rollouts.
 */
export class Drafting {
  readonly #stopIds: readonly number[];
  readonly #unchanged: readonly number[] | undefined;
  /** Drafts without use since the last useful one. */
  #useless = 0;
  /** Updates that will have no draft. */
  #pause = 0;

  constructor({ stopIds }: Pick<ChatFormat, 'stopIds'>, { unchanged }: { unchanged?: readonly number[] }) {
    this.#stopIds = stopIds;
    this.#unchanged = unchanged;
  }

  /**
   * What the update of `memory` writes if its chunk has nothing of use: the same memory, or that it stays as it is, and
   * the end of the turn.
   * Undefined while drafts have been of no use.
   */
  next(memory: readonly number[]): number[] | undefined {
    return this.#pause === 0 ? [...(this.#unchanged ?? memory), ...this.#stopIds.slice(0, 1)] : undefined;
  }

  /** Records an update, and how much of its draft was accepted if one was verified. */
  saw(draft: DraftCounts | undefined): void {
    if (!draft) {
      this.#pause = Math.max(0, this.#pause - 1);
      return;
    }
    this.#useless = draft.accepted >= USEFUL * draft.drafted ? 0 : this.#useless + 1;
    // One miss says little: the first memory is not the model's own.
    if (this.#useless >= 2) this.#pause = Math.min(2 ** (this.#useless - 2), LONGEST_PAUSE);
  }
}
