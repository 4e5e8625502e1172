/** Chinese words for the movements of an active check. `moves.en.js` has the same keys; a test compares them. */

/** @type {Object<string, string>} */
export const zh = {
  act_part: '第 {at} 步，共 {of} 步',
  act_front: '请正对屏幕',
  act_back: '好，请回到原位，正对屏幕',
  act_left: '请慢慢向左转头',
  act_right: '请慢慢向右转头',
  act_closer: '请靠近一些，让脸占满圈',
  act_light: '请看着屏幕，屏幕会变色',
  act_ask: '这次请按提示做几个动作，如转头，约 15 秒。视频已暂停，核验不影响学时。',
  act_next: '接下来请按提示做动作。',
  act_cannot: '我做不了这个动作',
};
