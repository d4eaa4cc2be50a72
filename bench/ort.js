// SPDX-License-Identifier: Apache-2.0
// node ort.js FOLDER MODEL.onnx EXTENT... : ONNX Runtime (onnxruntime-node, installed in FOLDER) on one thread, with all
// its optimisations, told what to do line by line as hedge-run-model is: see run_model.c. For FOLDER/node_modules only.
//
//   input FILE   run N   output FILE    as there; output writes the last run's outputs, raw
//   convolutions   -> nanoseconds of the convolution nodes alone, of all runs so far, as ONNX Runtime's own profile has
//                     them (begun with PROFILE=PREFIX, of the files that it writes). Can be asked once.
'use strict';
const fs = require('fs');
const path = require('path');
const readline = require('readline');

const [folder, model, ...extents] = process.argv.slice(2);
const ort = require(path.resolve(folder, 'node_modules/onnxruntime-node'));
const profile = process.env.PROFILE;

async function open() {
    return ort.InferenceSession.create(model, {
        executionProviders: ['cpu'],
        executionMode: 'sequential',
        graphOptimizationLevel: 'all',
        intraOpNumThreads: 1,
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        enableProfiling: Boolean(profile),
        profileFilePrefix: profile,
    });
}

// Floats in little-endian order, as every machine that ONNX Runtime is packaged for has them.
function floats(file) {
    const bytes = fs.readFileSync(file);
    return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
}

async function main() {
    const session = await open();
    let feeds, outputs;

    async function run(n) {
        const walls = [];
        const before = process.cpuUsage();
        for (let i = 0; i < n; i++) {
            const start = process.hrtime.bigint();
            outputs = await session.run(feeds);
            walls.push(process.hrtime.bigint() - start);
        }
        const used = process.cpuUsage(before);
        return [(used.user + used.system) * 1000, ...walls].join(' ');
    }

    function convolutions() {
        session.endProfiling();
        const name = fs.readdirSync(path.dirname(profile)).find((f) => f.startsWith(path.basename(profile)));
        const events = JSON.parse(fs.readFileSync(path.join(path.dirname(profile), name), 'utf8'));
        return events
            .filter((e) => e.cat === 'Node' && /Conv/.test(e.args.op_name) && /kernel_time$/.test(e.name))
            .map((e) => e.dur * 1000).join(' ');
    }

    console.log('ok');
    for await (const line of readline.createInterface({ input: process.stdin })) {
        const [verb, object] = line.split(' ');
        if (verb === 'input') {
            feeds = { [session.inputNames[0]]: new ort.Tensor('float32', floats(object), extents.map(Number)) };
            console.log('ok');
        } else if (verb === 'output') {
            const all = session.outputNames.map((n) => Buffer.from(outputs[n].data.buffer, outputs[n].data.byteOffset, outputs[n].data.byteLength));
            fs.writeFileSync(object, Buffer.concat(all));
            console.log('ok');
        } else if (verb === 'run') {
            console.log(await run(Number(object)));
        } else if (verb === 'convolutions') {
            console.log(convolutions());
        } else {
            throw new Error(`unknown: ${line}`);
        }
    }
}

main().catch((error) => { console.error(`ort.js: ${error.message}`); process.exit(1); });
