#!/usr/bin/env node
// Writes abi/<Name>.json (a pure ABI array) out of forge's artefacts, for every interface and every contract of src/ that can
// be deployed, and for the OpenZeppelin contracts named below.
//   node tools/export_abi.cjs            writes; prints each file that changed
//   node tools/export_abi.cjs --check    writes nothing; exit code 1 when a file is missing, stale or left over
// Exit code 2: wrong call, two contracts of one name, or `forge build` has not run.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const ELSEWHERE = ['IERC20', 'TimelockController'];
const home = path.resolve(__dirname, '..');
const folder = path.join(home, 'abi');

function sources(at) {
  return fs.readdirSync(at, { withFileTypes: true }).flatMap((entry) => {
    const full = path.join(at, entry.name);
    return entry.isDirectory() ? sources(full) : entry.name.endsWith('.sol') ? [full] : [];
  });
}

// [file, name] of everything that has an address or describes something that has one; abstract contracts and libraries do not.
function wanted() {
  const found = ELSEWHERE.map((name) => [`${name}.sol`, name]);
  for (const file of sources(path.join(home, 'src'))) {
    const declared = fs.readFileSync(file, 'utf8').matchAll(/^(?:contract|interface) (\w+)/gm);
    for (const [, name] of declared) found.push([path.basename(file), name]);
  }
  return found;
}

function rendered([file, name]) {
  const artefact = path.join(home, 'out', file, `${name}.json`);
  if (!fs.existsSync(artefact)) return undefined;
  return `${JSON.stringify(JSON.parse(fs.readFileSync(artefact, 'utf8')).abi, null, 2)}\n`;
}

function present(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

function refused(why) {
  process.stderr.write(`export_abi: ${why}\n`);
  return 2;
}

function main(argv) {
  const check = argv.length === 1 && argv[0] === '--check';
  if (argv.length > 0 && !check) return refused('usage: export_abi.cjs [--check]');
  const names = wanted().map(([, name]) => name);
  const twice = names.filter((name, i) => names.indexOf(name) !== i);
  if (twice.length > 0) return refused(`two contracts of one name: ${twice.join(', ')}`);
  const files = new Map(wanted().map((each) => [`${each[1]}.json`, rendered(each)]));
  const unbuilt = [...files].filter(([, text]) => text === undefined).map(([name]) => name);
  if (unbuilt.length > 0) return refused(`not built (run forge build first): ${unbuilt.join(', ')}`);
  fs.mkdirSync(folder, { recursive: true });
  const stale = [...files].filter(([name, text]) => present(path.join(folder, name)) !== text).map(([name]) => name);
  const leftOver = fs.readdirSync(folder).filter((name) => !files.has(name));
  if (check) {
    if (stale.length + leftOver.length === 0) return 0;
    process.stderr.write(`export_abi: stale: ${stale.join(', ') || '-'}; left over: ${leftOver.join(', ') || '-'}\n`);
    return 1;
  }
  for (const name of stale) {
    fs.writeFileSync(path.join(folder, name), files.get(name));
    process.stdout.write(`abi/${name}\n`);
  }
  return 0;
}

process.exitCode = main(process.argv.slice(2));
