// SPDX-License-Identifier: Apache-2.0
//
// The host of the experiment as a Node service: fetches each photo over kept-alive connections and
// classifies it with `sharp` and `onnxruntime-node`. It has the same commands and answers as experiment_host:
//
//   node node_host.js MODEL.onnx FILES_URL KEYS DATATYPE < commands
//
// NODE_PATH is the directory of the modules.
'use strict';

const fs = require('fs');
const http = require('http');
const path = require('path');
const readline = require('readline');
const { classifier } = require('../bench/node_classifier');

const GIVE_UP_MS = 60000;
const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

function fetchPhoto(url) {
  return new Promise((resolve, reject) => {
    http.get(url, { agent }, (response) => {
      const pieces = [];
      response.on('data', (piece) => pieces.push(piece));
      response.on('error', reject);
      response.on('end', () => (response.statusCode === 200 ? resolve(Buffer.concat(pieces))
        : reject(new Error(`${url}: status ${response.statusCode}`))));
    }).on('error', reject);
  });
}

const now = () => Number(process.hrtime.bigint()) / 1e6;
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// splitmix64, as in host.c: the same arrivals for every system.
function makeDraw(seed) {
  let state = BigInt(seed);
  const mask = (1n << 64n) - 1n;
  return () => {
    state = (state + 0x9e3779b97f4a7c15n) & mask;
    let z = state;
    z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask;
    z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask;
    return Number((z ^ (z >> 31n)) >> 11n) / 9007199254740992;
  };
}

function planArrivals(rate, seconds, seed) {
  const draw = makeDraw(seed);
  const arrivals = [];
  for (let at = 0; arrivals.length < 200000;) {
    at -= Math.log(1 - draw()) / rate;
    if (at >= seconds) {
      break;
    }
    arrivals.push(at * 1000);
  }
  return arrivals;
}

// Several photos are fetched at once; the one core classifies them one after the other.
async function round(classify, url, keys, count, arrivals, clients) {
  const latencies = new Array(count).fill(null);
  let failed = 0;
  let next = 0;
  let turn = Promise.resolve();
  const cpuBefore = process.cpuUsage();
  const start = now();
  const client = async () => {
    for (let i = next++; i < count; i = next++) {
      let arrived = now();
      if (arrivals) {
        arrived = start + arrivals[i];
        if (arrived > now()) {
          await sleep(arrived - now());
        }
      }
      if (now() - start > GIVE_UP_MS) {
        continue;
      }
      try {
        const photo = await fetchPhoto(`${url}/${keys[i % keys.length]}`);
        const mine = turn.then(() => classify(photo));
        turn = mine.catch(() => {});
        await mine;
        latencies[i] = now() - arrived;
      } catch (error) {
        failed += 1;
        console.error(`node_host: ${error.message}`);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const cpu = process.cpuUsage(cpuBefore);
  return { requests: count, failed, wall_s: (now() - start) / 1000,
    cpu_s: (cpu.user + cpu.system) / 1e6, latencies_ms: latencies };
}

async function main() {
  const [model, url, list, datatype] = process.argv.slice(2);
  const keys = fs.readFileSync(path.resolve(list), 'utf8').split('\n').filter((key) => key);
  const classify = await classifier(model, datatype === 'FP16');
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [word, ...numbers] = line.split(' ');
    const [a, b, seed, clients] = numbers.map(Number);
    let answer;
    if (word === 'closed') {
      answer = await round(classify, url, keys, a, null, 1);
    } else {
      const arrivals = planArrivals(a, b, seed);
      answer = await round(classify, url, keys, arrivals.length, arrivals, clients);
    }
    process.stdout.write(JSON.stringify(answer) + '\n');
  }
  agent.destroy();
}

main().catch((error) => {
  console.error(`node_host: ${error.stack}`);
  process.exit(1);
});
