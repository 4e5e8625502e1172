/** Pictures from files: only who has no camera in the page loads this. */

const SIDE_MAX = 1280;
const QUALITY = 0.85;

/**
 * A picture of the phone's camera application, made small enough and upright. The file itself is the last resort.
 * @param {File} file
 * @returns {Promise<Blob>}
 */
export async function shrink(file) {
  try {
    const url = URL.createObjectURL(file);
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(1, SIDE_MAX / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement('canvas');
    canvas.width = Math.round(image.naturalWidth * scale);
    canvas.height = Math.round(image.naturalHeight * scale);
    /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'))
      .drawImage(image, 0, 0, canvas.width, canvas.height);
    URL.revokeObjectURL(url);
    const blob = await new Promise((done) => canvas.toBlob(done, 'image/jpeg', QUALITY));
    return /** @type {Blob} */ (blob || file);
  } catch (error) {
    return file;
  }
}
