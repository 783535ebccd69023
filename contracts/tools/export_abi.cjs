#!/usr/bin/env node
// Writes abi/<Contract>.json (a pure ABI array) for each contract below out of forge's artefacts.
//   node tools/export_abi.cjs            writes; prints each file that changed
//   node tools/export_abi.cjs --check    writes nothing; exit code 1 when a file is missing, stale or left over
// Exit code 2: wrong call, or `forge build` has not run.
'use strict';
const fs = require('node:fs');
const path = require('node:path');

const CONTRACTS = ['DevDollar', 'IERC20', 'IUniswapV3Pool', 'MarketMaker', 'MediaToken', 'UniswapV3Hold', 'Vault'];
const home = path.resolve(__dirname, '..');
const folder = path.join(home, 'abi');

function rendered(contract) {
  const artefact = path.join(home, 'out', `${contract}.sol`, `${contract}.json`);
  if (!fs.existsSync(artefact)) return undefined;
  return `${JSON.stringify(JSON.parse(fs.readFileSync(artefact, 'utf8')).abi, null, 2)}\n`;
}

function present(file) {
  return fs.existsSync(file) ? fs.readFileSync(file, 'utf8') : undefined;
}

function main(argv) {
  const check = argv.length === 1 && argv[0] === '--check';
  if (argv.length > 0 && !check) {
    process.stderr.write('export_abi: usage: export_abi.cjs [--check]\n');
    return 2;
  }
  const wanted = new Map(CONTRACTS.map((contract) => [`${contract}.json`, rendered(contract)]));
  const unbuilt = [...wanted].filter(([, text]) => text === undefined).map(([name]) => name);
  if (unbuilt.length > 0) {
    process.stderr.write(`export_abi: not built (run forge build first): ${unbuilt.join(', ')}\n`);
    return 2;
  }
  fs.mkdirSync(folder, { recursive: true });
  const stale = [...wanted].filter(([name, text]) => present(path.join(folder, name)) !== text).map(([name]) => name);
  const leftOver = fs.readdirSync(folder).filter((name) => !wanted.has(name));
  if (check) {
    if (stale.length + leftOver.length === 0) return 0;
    process.stderr.write(`export_abi: stale: ${stale.join(', ') || '-'}; left over: ${leftOver.join(', ') || '-'}\n`);
    return 1;
  }
  for (const name of stale) {
    fs.writeFileSync(path.join(folder, name), wanted.get(name));
    process.stdout.write(`abi/${name}\n`);
  }
  return 0;
}

process.exitCode = main(process.argv.slice(2));
