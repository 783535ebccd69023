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
  const source = after && !after.startsWith('-') ? after : 0;
  const roots = [...valuesOf('--base-path', argv), ...valuesOf('--include-path', argv), process.cwd()];
  const result = require(packageFolder).compile(fs.readFileSync(source, 'utf8'), { import: importer(roots) });
  process.stdout.write(result);
  return 0;
}

process.exitCode = main(process.argv.slice(2));
