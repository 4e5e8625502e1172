/**
 * Is the page in front? Visible, not blurred, no picture in picture. Our own prompts (check sheet, camera
 * permission) take the focus without meaning a leave: while one is open only `hidden` and `pip` count.
 */
export class Presence {
  constructor() {
    this.visible = true;
    this.focused = true;
    this.pip = false;
    this.prompts = 0;
    this.wasVisible = true;
    this.wasFocused = true;
    this.wasPip = false;
  }

  /** Why playback must stand: hidden, picture_in_picture, blurred or "". */
  get why() {
    if (!this.visible) return 'hidden';
    if (this.pip) return 'picture_in_picture';
    if (!this.focused && !this.prompts) return 'blurred';
    return '';
  }

  /**
   * @param {{visible?: boolean, focused?: boolean, pip?: boolean}} change
   * @returns {string} the kind of beat that tells it: hide, blur, pip, show, or "" when nothing changed
   */
  change(change) {
    const before = this.why;
    if (change.visible !== undefined) this.visible = change.visible;
    if (change.focused !== undefined) this.focused = change.focused;
    if (change.pip !== undefined) this.pip = change.pip;
    return this._kind(before);
  }

  /**
   * A prompt of ours opens (`true`) or closes. After the last one `hasFocus` says whether the page has it back.
   * @param {boolean} open
   * @param {boolean} hasFocus
   */
  prompt(open, hasFocus) {
    const before = this.why;
    this.prompts = Math.max(0, this.prompts + (open ? 1 : -1));
    if (!open && hasFocus) this.focused = true;
    return this._kind(before);
  }

  /** @param {string} before */
  _kind(before) {
    const why = this.why;
    if (why === before) return '';
    return { hidden: 'hide', picture_in_picture: 'pip', blurred: 'blur', '': 'show' }[why] || '';
  }

  /** What a beat says of the stretch that ends now; the next stretch begins with how it is now. */
  take() {
    const told = { visible: this.wasVisible, focused: this.wasFocused, pip: this.wasPip };
    this.forget();
    return told;
  }

  /** Called after each change that did not send a beat, so that a short leave is not forgotten. */
  remember() {
    this.wasVisible = this.wasVisible && this.visible;
    this.wasFocused = this.wasFocused && (this.focused || this.prompts > 0);
    this.wasPip = this.wasPip || this.pip;
  }

  forget() {
    this.wasVisible = this.visible;
    this.wasFocused = this.focused || this.prompts > 0;
    this.wasPip = this.pip;
  }
}
