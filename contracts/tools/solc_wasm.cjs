#!/usr/bin/env node
// The WebAssembly compiler of the `solc` npm package, behaving as a native `solc` for forge, slither and halmos.
// SOLC_PACKAGE in the environment names another installed package of the same kind (see solc_0817.cjs).
//   --version            a two-line banner
//   --standard-json      standard JSON on stdin (or in a file named after the option), result on stdout
// No other mode is spoken: any other call ends with exit code 1 and one line that says so.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const home = path.resolve(__dirname, '..');
const packageFolder = path.dirname(require.resolve(`${process.env.SOLC_PACKAGE || 'solc'}/package.json`, { paths: [home] }));
const release = JSON.parse(fs.readFileSync(path.join(packageFolder, 'package.json'), 'utf8')).version;

// The commit in the banner is known only to the loaded wasm (0.4 s); forge asks for it in every run. The tag lives
// inside the project, where no other user of the machine can plant one.
function fullVersion() {
  const tag = path.join(home, 'cache', `solc-${release}.tag`);
  if (fs.existsSync(tag)) {
    const known = fs.readFileSync(tag, 'utf8').trim();
    if (known.startsWith(`${release}+commit.`)) return known;
  }
  const version = require(packageFolder).version();
  fs.mkdirSync(path.dirname(tag), { recursive: true });
  const fresh = `${tag}.${process.pid}`;
  fs.writeFileSync(fresh, `${version}\n`);
  fs.renameSync(fresh, tag);
  return version;
}

function valuesOf(option, argv) {
  return argv.flatMap((word, i) => (word === option && argv[i + 1] !== undefined ? [argv[i + 1]] : []));
}

function importer(roots) {
  return (wanted) => {
    for (const root of roots) {
      const candidate = path.resolve(root, wanted);
      if (fs.existsSync(candidate)) return { contents: fs.readFileSync(candidate, 'utf8') };
    }
    return { error: `File not found: ${wanted}` };
  };
}

// Tests deploy the contracts of src as those are built (foundry.toml, dynamic_test_linking), and nobody deploys a test:
// so tests are compiled without the optimizer, in a quarter of the time. src is compiled as it would be alone. Without
// that linking a test holds the code of what it deploys, and is compiled as asked.
function jobs(job) {
  if (process.env.FOUNDRY_DYNAMIC_TEST_LINKING === 'false') return [job];
  const wanted = Object.entries(job.settings?.outputSelection ?? {});
  const tests = wanted.filter(([file]) => file.startsWith('test/'));
  if (!tests.length) return [job];
  const others = wanted.filter(([file]) => !file.startsWith('test/'));
  const part = (files, changed) => ({
    ...job,
    settings: { ...job.settings, ...changed, outputSelection: Object.fromEntries(files) },
  });
  const plain = part(tests, { optimizer: { ...job.settings.optimizer, enabled: false } });
  return others.length ? [part(others, {}), plain] : [plain];
}

function joined(answers) {
  const errors = new Map(answers.flatMap((answer) => answer.errors ?? []).map((error) => [JSON.stringify(error), error]));
  const sources = {};
  for (const answer of answers) {
    for (const [file, found] of Object.entries(answer.sources ?? {})) sources[file] = { ...sources[file], ...found };
  }
  return { errors: [...errors.values()], sources, contracts: Object.assign({}, ...answers.map((a) => a.contracts)) };
}

function main(argv) {
  if (argv.includes('--version')) {
    process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${fullVersion()}\n`);
    return 0;
  }
  if (!argv.includes('--standard-json')) {
    process.stderr.write(`solc_wasm: only --version and --standard-json are spoken, got: ${argv.join(' ')}\n`);
    return 1;
  }
  const after = argv[argv.indexOf('--standard-json') + 1];
  const input = JSON.parse(fs.readFileSync(after && !after.startsWith('-') ? after : 0, 'utf8'));
  const roots = [...valuesOf('--base-path', argv), ...valuesOf('--include-path', argv), process.cwd()];
  const solc = require(packageFolder);
  const compiled = (job) => JSON.parse(solc.compile(JSON.stringify(job), { import: importer(roots) }));
  process.stdout.write(JSON.stringify(joined(jobs(input).map(compiled))));
  return 0;
}

process.exitCode = main(process.argv.slice(2));
