// SPDX-License-Identifier: Apache-2.0
//
// How a Node service classifies a photo with `sharp` and `onnxruntime-node`: shortest edge 256,
// bilinear, crop 224, ImageNet's mean and std, NCHW; best class. The bits of a float16 output have
// the same order as its probabilities. NODE_PATH is the directory of the two modules.
'use strict';

const ort = require('onnxruntime-node');
const sharp = require('sharp');

const EDGE = 256;
const CROP = 224;
const AREA = CROP * CROP;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

sharp.concurrency(1);
sharp.cache(false); // a service gets each photo once

// Rounds to nearest; the values here are normal numbers.
function toHalf(value) {
  const bits = new Uint32Array(new Float32Array([value]).buffer)[0];
  const exponent = (bits >>> 23 & 0xff) - 112;
  const magnitude = exponent <= 0 ? 0 : (exponent << 10) + ((bits & 0x7fffff) + 0x1000 >>> 13);
  return (bits >>> 16 & 0x8000) | magnitude;
}

// The result for each of the 256 values of a channel: as float32, and as the bits of a float16.
const floats = MEAN.map((mean, c) => Float32Array.from({ length: 256 }, (_, i) => (i / 255 - mean) / STD[c]));
const tables = [floats, floats.map((channel) => Uint16Array.from(channel, toHalf))];

async function toTensor(photo, float16) {
  const { data, info } = await sharp(photo)
    .resize(EDGE, EDGE, { fit: 'outside', kernel: 'linear' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const top = Math.floor((info.height - CROP) / 2);
  const left = Math.floor((info.width - CROP) / 2);
  const values = float16 ? new Uint16Array(3 * AREA) : new Float32Array(3 * AREA);
  const channels = info.channels;
  for (let c = 0; c < 3; c++) {
    const table = tables[float16 ? 1 : 0][c];
    const from = channels < 3 ? 0 : c;
    let to = c * AREA;
    for (let y = 0; y < CROP; y++) {
      let at = ((top + y) * info.width + left) * channels + from;
      for (let x = 0; x < CROP; x++, at += channels) {
        values[to++] = table[data[at]];
      }
    }
  }
  return new ort.Tensor(float16 ? 'float16' : 'float32', values, [1, 3, CROP, CROP]);
}

function best(values) {
  let at = 0;
  for (let i = 1; i < values.length; i++) {
    if (values[i] > values[at]) {
      at = i;
    }
  }
  return at;
}

// Returns a function from a photo (a file name or bytes) to its best class.
async function classifier(model, float16 = false) {
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  const input = session.inputNames[0];
  const output = session.outputNames[0];
  return async (photo) => {
    const results = await session.run({ [input]: await toTensor(photo, float16) });
    return best(results[output].data);
  };
}

module.exports = { classifier };
