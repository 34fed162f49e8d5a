// SPDX-License-Identifier: Apache-2.0
//
// Classifies photos as a Node service would, one after the other, on one thread (node_classifier.js):
//
//   node node_baseline.js MODEL.onnx DIRECTORY < lines
//
// For each line of standard input it runs one round over all photos in order of their names and prints
// a line of JSON, as loop_bench does. NODE_PATH is the directory of the modules.
'use strict';

const fs = require('fs');
const path = require('path');
const readline = require('readline');
const { classifier } = require('./node_classifier');

async function round(classify, files) {
  const answer = { photos: files.length, wall_s: 0, latencies_ms: [], best: [] };
  const start = process.hrtime.bigint();
  for (const file of files) {
    const before = process.hrtime.bigint();
    answer.best.push(await classify(file));
    answer.latencies_ms.push(Number(process.hrtime.bigint() - before) / 1e6);
  }
  answer.wall_s = Number(process.hrtime.bigint() - start) / 1e9;
  return answer;
}

async function main() {
  const [model, directory] = process.argv.slice(2);
  const files = fs.readdirSync(directory).filter((name) => !name.startsWith('.')).sort()
    .map((name) => path.join(directory, name));
  const classify = await classifier(model);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    void line;
    process.stdout.write(JSON.stringify(await round(classify, files)) + '\n');
  }
}

main().catch((error) => {
  console.error(`node_baseline: ${error.stack}`);
  process.exit(1);
});
