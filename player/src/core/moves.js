/**
 * The plan of an active burst: it begins straight ahead, goes through the server's actions in their order and back to
 * straight ahead after each. Frames are taken at random moments, so that a film made beforehand does not know them.
 */

/** @typedef {import('./burst.js').Step} Step */

const FRAMES_MAX = 8;
const PACE_MIN = 0.6; // hurried more than this nobody follows
const SEND_MS = 4000; // left of the window for the upload

// Until somebody has read and done it; while frames may be taken; fewest and most frames.
/** @type {Object<string, number[]>} */
const KINDS = {
  front: [300, 700, 1, 3], back: [1000, 500, 0, 1], left: [1200, 1500, 1, 2], right: [1200, 1500, 1, 2],
  closer: [1300, 1400, 1, 2], light: [450, 350, 1, 1],
};
const CALM_LIGHT = [900, 400, 1, 1]; // the screen changes slowly for who asked for less motion

/**
 * @param {string[]} actions of the server; unknown ones are passed over, the server then asks again
 * @param {() => number} random 0 to 1
 * @param {number} left ms of the window
 * @param {boolean} calm no quick changes of the screen
 * @returns {Step[]}
 */
export function moves(actions, random, left, calm) {
  const steps = [step('front', -1, '')];
  actions.forEach((action, index) => {
    const [name, digits] = action.split(':');
    if (name === 'light') (digits || '').split('').forEach((digit) => steps.push(step(name, index, digit)));
    else if (KINDS[name]) steps.push(step(name, index, ''), step('back', -1, ''));
  });
  const frames = share(steps);
  const total = steps.reduce((sum, one) => sum + kind(one, calm)[0] + kind(one, calm)[1], 0);
  const pace = Math.min(1, Math.max(PACE_MIN, (left - SEND_MS) / total));
  steps.forEach((one, index) => {
    const [lead, span] = kind(one, calm);
    const count = frames[index];
    for (let shot = 0; shot < count; shot += 1) {
      one.at.push(Math.round(pace * (lead + span * (shot + 0.1 + 0.8 * random()) / count)));
    }
    one.ms = Math.round(pace * (lead + (count ? span : 0)));
  });
  return steps;
}

/** @param {string} name @param {number} action @param {string} shine @returns {Step} */
function step(name, action, shine) {
  return { name, action, at: [], ms: 0, shine };
}

/** @param {Step} one @param {boolean} calm */
function kind(one, calm) {
  return one.shine && calm ? CALM_LIGHT : KINDS[one.name];
}

/**
 * How many frames each step gets: the fewest first, then in turns what matters most. @param {Step[]} steps
 */
function share(steps) {
  const counts = steps.map((one) => KINDS[one.name][2]);
  let rest = FRAMES_MAX - counts.reduce((sum, count) => sum + count, 0);
  const give = (/** @type {number} */ index, /** @type {number} */ most) => {
    while (rest > 0 && counts[index] < most) {
      counts[index] += 1;
      rest -= 1;
    }
  };
  give(0, 2);
  steps.forEach((one, index) => one.action >= 0 && give(index, KINDS[one.name][3]));
  for (let index = steps.length - 1; index > 0; index -= 1) give(index, KINDS[steps[index].name][3]);
  give(0, 3);
  for (let index = counts.length - 1; rest < 0; index -= 1) {
    rest += counts[index];
    counts[index] = 0;
  }
  return counts;
}
