// Takes the pictures of docs/screenshots: each page on a desk in the light, some in the dark and on a telephone.
//
// THROUGHLINE_PICTURES  folder for the pictures

import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { check, claim, finish, start, visitor } from './lib.mjs';

const folder = process.env.THROUGHLINE_PICTURES;
mkdirSync(folder, { recursive: true });

// Name, address, role (null: nobody), and what differs from a desk in the light.
const PICTURES = [
  ['scorecard', '/', 'ceo'],
  ['scorecard-dark', '/', 'ceo', { theme: 'dark' }],
  ['scorecard-phone', '/', 'ceo', { width: 390, height: 844 }],
  ['pipeline', '/pipeline', 'cmo', { tall: 2600 }],
  ['pipeline-dark', '/pipeline', 'cmo', { theme: 'dark', tall: 1800 }],
  ['pipeline-phone', '/pipeline', 'cmo', { width: 390, height: 844, tall: 2000 }],
  ['attribution', '/attribution', 'cmo', { tall: 2600 }],
  ['programs', '/programs', 'cfo', { tall: 2600 }],
  ['programs-phone-dark', '/programs', 'cfo', { theme: 'dark', width: 390, height: 844, tall: 2000 }],
  ['waterfall', '/waterfall', 'cmo', { tall: 2600 }],
  ['waterfall-phone', '/waterfall', 'cmo', { width: 390, height: 844, tall: 2000 }],
  ['forecast', '/forecast?period=2027Q1', 'cro', { tall: 2600 }],
  ['hygiene', '/hygiene', 'cro', { tall: 2600 }],
  ['constraint', '/constraint', 'ceo', { tall: 2000 }],
  ['rows', '/pipeline/rows/won', 'cro', { tall: 1200 }],
  ['health', '/health', 'analyst', { tall: 1600 }],
  ['definitions', '/definitions', 'cfo', { tall: 1400 }],
  ['analyst', '/analyst?question=pipeline', 'analyst', { tall: 1800 }],
  ['board', '/board', 'ceo', { tall: 2600 }],
  ['settings', '/settings', 'cfo', { tall: 1600 }],
  ['people', '/people', 'administrator', { tall: 1200 }],
  ['audit', '/audit', 'administrator', { tall: 1200 }],
  ['login', '/login', null],
  ['not-found', '/pipelin', 'ceo', { status: 404 }],
  ['refused', '/pipeline?period=2026Q9', 'ceo', { status: 400 }],
  ['definition', '/pipeline', 'cfo', { open: true }],
];

await start();
const wanted = process.argv[2]?.split(',');
for (const [name, where, role, { theme = 'light', width = 1440, height = 900, tall, status, open } = {}] of PICTURES) {
  if (wanted && !wanted.includes(name)) continue;
  await check(name, async () => {
    const guest = await visitor(role, { theme, width, height, context: { deviceScaleFactor: width < 500 ? 2 : 1 } });
    guest.expect(status);
    await guest.open(where);
    await guest.page.evaluate(() => document.fonts.ready);
    if (open) {
      const trigger = await guest.page.$('main .term .word');
      claim(trigger, 'no definition to open');
      await trigger.hover();
      await guest.page.waitForTimeout(900);
    }
    const high = await guest.page.evaluate(() => document.documentElement.scrollHeight);
    const file = path.join(folder, `${name}.png`);
    if (tall && high > height) {
      await guest.page.setViewportSize({ width, height: Math.min(high, tall) });
    }
    await guest.page.screenshot({ path: file });
    await guest.close();
  });
}
await finish();
