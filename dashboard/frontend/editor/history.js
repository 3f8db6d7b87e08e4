// Undo and redo. What is typed without a pause is one step, word by word; anything else is a step of its own.

const PAUSE_MS = 1500;
const MOST_STEPS = 1000;

export class History {
  constructor(state, { now = () => performance.now() } = {}) {
    Object.assign(this, { state, now, past: [], future: [] });
    this.seal();
  }

  /**
   * Go on to another state. *place* is where the change was made, to go back to it.
   *
   * Changes with the same *run*, for example "typing in paragraph 7", are one step until there is a pause or a *stop*.
   */
  enter(state, { place = null, run = null, stop = false } = {}) {
    if (state === this.state) return;
    const continues = run !== null && run === this.run && this.now() - this.enteredAt < PAUSE_MS;
    if (!continues) this.past.push({ state: this.state, place });
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.state = state;
    this.run = stop ? null : run;
    this.enteredAt = this.now();
  }

  /** Have the next change be a step of its own. */
  seal() {
    this.run = null;
    this.enteredAt = -Infinity;
  }

  get canUndo() {
    return this.past.length > 0;
  }

  get canRedo() {
    return this.future.length > 0;
  }

  /** Go a step back; returns where that step was made. */
  undo() {
    return this.move(this.past, this.future);
  }

  redo() {
    return this.move(this.future, this.past);
  }

  move(from, to) {
    const step = from.pop();
    if (!step) return null;
    to.push({ state: this.state, place: step.place });
    this.state = step.state;
    this.seal();
    return step.place;
  }
}
