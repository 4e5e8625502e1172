import assert from 'node:assert/strict';
import test from 'node:test';
import { hints } from '../src/dom/camera.js';

/** @param {string} label @param {string} [kind] */
function stream(label, kind = 'MediaStreamTrack') {
  return { getVideoTracks: () => [{ label, [Symbol.toStringTag]: kind }] };
}

test('a camera that a program makes is hinted at, a camera is not', () => {
  for (const label of ['OBS Virtual Camera', 'OBS-Camera (obs)', '虚拟摄像头', 'DroidCam Source 3', 'Dummy video device (0x0000)']) {
    assert.equal(hints(stream(label)), 'virtual_camera', label);
  }
  for (const label of ['Integrated Camera (04f2:b6dd)', 'FaceTime HD Camera', 'camera2 1, facing front', 'USB2.0 HD UVC WebCam', '']) {
    assert.equal(hints(stream(label)), '', label);
  }
});

test('a drawing board is no camera, and nothing at all is nothing', () => {
  assert.equal(hints(stream('', 'CanvasCaptureMediaStreamTrack')), 'virtual_camera');
  assert.equal(hints(stream('', 'MediaStreamTrackGenerator')), 'virtual_camera');
  assert.equal(hints(null), '');
  assert.equal(hints({ getVideoTracks: () => [] }), '');
});
