/**
 * One burst of frames: which instruction stands when, and at which moment each frame is taken. A routine burst is
 * three stills; the plan of an active one is made in `moves.js`.
 */

export const FRAME_GAP_MS = 350;

/**
 * @typedef {object} Step
 * @property {string} name still, front, back, left, right, closer or light
 * @property {number} action index into the server's actions; -1: straight ahead
 * @property {number[]} at when frames are taken, in ms since the step began
 * @property {number} ms how long it stands
 * @property {string} shine digit of a light step: 0 dark, 1 bright, 2 coloured; else ""
 */

/** @returns {Step[]} */
export function stills() {
  return [{ name: 'still', action: -1, at: [0, FRAME_GAP_MS, 2 * FRAME_GAP_MS], ms: 0, shine: '' }];
}

export class Burst {
  /** @param {Step[]} steps @param {number} now */
  constructor(steps, now) {
    this.steps = steps;
    this.index = 0;
    this.began = this.stepAt = now;
    this.taken = 0; // of this step
    this.asked = -1; // when the camera was asked for the frame that is on its way
    /** @type {any[]} */
    this.frames = [];
    /** @type {Array<[number, number]>} */
    this.shots = [];
  }

  get step() {
    return this.steps[Math.min(this.index, this.steps.length - 1)];
  }

  get done() {
    return this.index >= this.steps.length;
  }

  /** The step's number among those that the learner does, from 1, and how many there are. */
  get part() {
    const parts = this.steps.filter((one) => one.name !== 'back' && (one.name !== 'light' || one.shine));
    const names = parts.map((one) => `${one.name}${one.action}`).filter((name, index, all) => all.indexOf(name) === index);
    const here = this.steps.slice(0, this.index + 1).filter((one) => one.name !== 'back').pop();
    return [here ? names.indexOf(`${here.name}${here.action}`) + 1 : 1, names.length];
  }

  /**
   * @param {number} now
   * @returns {''|'grab'|'step'|'done'}
   */
  tick(now) {
    if (this.done || this.asked >= 0) return '';
    const due = this.step.at[this.taken];
    if (due !== undefined) {
      if (now - this.stepAt < due) return '';
      this.asked = now;
      return 'grab';
    }
    if (now - this.stepAt < this.step.ms) return '';
    this.index += 1;
    this.taken = 0;
    this.stepAt = now;
    return this.done ? 'done' : 'step';
  }

  /** @param {any} frame */
  took(frame) {
    if (this.asked < 0) return;
    this.frames.push(frame);
    this.shots.push([this.asked - this.began, this.step.action]);
    this.taken += 1;
    this.asked = -1;
  }
}
