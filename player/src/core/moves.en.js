/** English words for the movements of an active check; keys as in `moves.zh.js`. */

/** @type {Object<string, string>} */
export const en = {
  act_part: 'Step {at} of {of}',
  act_front: 'Please face the screen',
  act_back: 'Good, go back and face the screen',
  act_left: 'Slowly turn your head left',
  act_right: 'Slowly turn your head right',
  act_closer: 'Come closer, so that your face fills the circle',
  act_light: 'Look at the screen; it changes its colour',
  act_ask: 'This time please follow a few movements, such as turning your head; about 15 seconds. '
    + 'The video is paused; the check costs no study time.',
  act_next: 'Next, please follow the movements. ',
  act_cannot: 'I cannot do this movement',
};
