// SPDX-License-Identifier: Apache-2.0
//
// What a Node service does to classify photos with `sharp` and `onnxruntime-node`, one after the
// other, on one thread:
//
//   node node_baseline.js MODEL.onnx DIRECTORY < lines
//
// Shortest edge 256, bilinear, crop 224, ImageNet's mean and std, float32 NCHW; best class. Each
// line of standard input asks for one round over all photos in order of their names and is answered
// with a line of JSON, as by loop_bench. NODE_PATH leads to the two modules.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const ort = require('onnxruntime-node');
const sharp = require('sharp');

const EDGE = 256;
const CROP = 224;
const AREA = CROP * CROP;
const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];

sharp.concurrency(1);
sharp.cache(false); // no photo comes twice in earnest

async function toTensor(file) {
  const { data, info } = await sharp(file)
    .resize(EDGE, EDGE, { fit: 'outside', kernel: 'linear' })
    .toColourspace('srgb')
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const top = Math.floor((info.height - CROP) / 2);
  const left = Math.floor((info.width - CROP) / 2);
  const values = new Float32Array(3 * AREA);
  const channels = info.channels;
  for (let c = 0; c < 3; c++) {
    const scale = 1 / 255 / STD[c];
    const offset = MEAN[c] / STD[c];
    const from = channels < 3 ? 0 : c;
    let to = c * AREA;
    for (let y = 0; y < CROP; y++) {
      let at = ((top + y) * info.width + left) * channels + from;
      for (let x = 0; x < CROP; x++, at += channels) {
        values[to++] = data[at] * scale - offset;
      }
    }
  }
  return new ort.Tensor('float32', values, [1, 3, CROP, CROP]);
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

async function round(session, files) {
  const answer = { photos: files.length, wall_s: 0, latencies_ms: [], best: [] };
  const input = session.inputNames[0];
  const output = session.outputNames[0];
  const start = process.hrtime.bigint();
  for (const file of files) {
    const before = process.hrtime.bigint();
    const results = await session.run({ [input]: await toTensor(file) });
    answer.best.push(best(results[output].data));
    answer.latencies_ms.push(Number(process.hrtime.bigint() - before) / 1e6);
  }
  answer.wall_s = Number(process.hrtime.bigint() - start) / 1e9;
  return answer;
}

async function main() {
  const [model, directory] = process.argv.slice(2);
  const files = fs.readdirSync(directory).filter((name) => !name.startsWith('.')).sort()
    .map((name) => path.join(directory, name));
  const session = await ort.InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    graphOptimizationLevel: 'all',
  });
  for await (const line of readline.createInterface({ input: process.stdin })) {
    void line;
    process.stdout.write(JSON.stringify(await round(session, files)) + '\n');
  }
}

main().catch((error) => {
  console.error(`node_baseline: ${error.stack}`);
  process.exit(1);
});
