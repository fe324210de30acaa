/** The simulated house: persons who walk between rooms, and carry, drop and hand over objects. */
import type { SeededRandom } from '../../base/random.js';
import type { BabiEvent } from './events.js';

export type Action = 'move' | 'get' | 'drop' | 'give';

/**
 * Everybody and everything starts in a random room, which no sentence tells. Each event comes from drawing an action
 * and a person until the person can do it. These odds were found by counting in the published stories.
 */
export class House {
  readonly #random: SeededRandom;
  readonly #rooms: readonly string[];
  readonly #room = new Map<string, string>();
  /** An object's room, or the person who holds it. */
  readonly #object = new Map<string, { room: string } | { holder: string }>();

  constructor(
    random: SeededRandom,
    persons: readonly string[],
    rooms: readonly string[],
    objects: readonly string[] = [],
  ) {
    this.#random = random;
    this.#rooms = rooms;
    for (const person of persons) this.#room.set(person, random.pick(rooms));
    for (const object of objects) this.#object.set(object, { room: random.pick(rooms) });
  }

  next(actions: readonly Action[]): BabiEvent {
    for (;;) {
      const event = this.#attempt(this.#random.pick(actions));
      if (event) return event;
    }
  }

  #attempt(action: Action): BabiEvent | undefined {
    const random = this.#random;
    if (action === 'give') return this.#give();
    const person = random.pick([...this.#room.keys()]);
    if (action === 'move') {
      const place = random.pick(this.#rooms);
      if (place === this.#room.get(person)) return undefined;
      this.#room.set(person, place);
      return { kind: 'move', person, place };
    }
    const within = action === 'get' ? this.#lyingIn(this.#room.get(person)!) : this.#heldBy(person);
    if (within.length === 0) return undefined;
    const object = random.pick(within);
    this.#object.set(object, action === 'get' ? { holder: person } : { room: this.#room.get(person)! });
    return { kind: action, person, object };
  }

  /**
   * Unlike the other actions, a give is found whenever one is possible: of the first object, to the first companion.
   */
  #give(): BabiEvent | undefined {
    for (const [object, at] of this.#object) {
      if (!('holder' in at)) continue;
      const [receiver] = this.#companions(at.holder);
      if (receiver === undefined) continue;
      this.#object.set(object, { holder: receiver });
      return { kind: 'give', person: at.holder, object, receiver };
    }
    return undefined;
  }

  #lyingIn(room: string): string[] {
    return [...this.#object].flatMap(([object, at]) => ('room' in at && at.room === room ? [object] : []));
  }

  #heldBy(person: string): string[] {
    return [...this.#object].flatMap(([object, at]) => ('holder' in at && at.holder === person ? [object] : []));
  }

  #companions(person: string): string[] {
    const room = this.#room.get(person);
    return [...this.#room].flatMap(([other, at]) => (other !== person && at === room ? [other] : []));
  }
}
