#!/usr/bin/env node
// Plain JavaScript, so that an old Node says what is wrong instead of failing on the first type.
if (Number(process.versions.node.split('.')[0]) < 24) {
  console.error(`Outflow needs Node 24 or newer; this is ${process.versions.node}. In its folder, npm ci brings one.`);
  process.exit(1);
}
await import('../src/main.ts');
