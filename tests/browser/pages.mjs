// Every page, light and dark, on a desk, on a telephone and at 320 pixels: an accessible page without a fault, that
// asks no other host, weighs little and scrolls in one direction.

import { accessibility, base, check, claim, equal, finish, form, markup, navigation, start, visitor } from './lib.mjs';

const LOOKS = [
  { theme: 'light', width: 1440 },
  { theme: 'dark', width: 1440 },
  { theme: 'light', width: 390, height: 844 },
  { theme: 'dark', width: 390, height: 844 },
  { theme: 'light', width: 320, height: 640 },
];
const MOST_BYTES = 500_000;
const figures = [];

// The pages of an administrator who may also open rows and export: all that there are.
async function all() {
  const guest = await visitor('administrator');
  await guest.open('/');
  const found = await navigation(guest.page);
  const rows = [];
  for (const question of ['/', '/pipeline', '/attribution', '/programs']) {
    await guest.open(question);
    const link = await guest.page.evaluate(() => document.querySelector('main a[href*="/rows/"]')?.getAttribute('href'));
    if (link) rows.push(link);
  }
  await guest.close();
  const named = ['/', '/pipeline', '/attribution', '/programs', '/health', '/definitions', '/analyst', '/board', '/settings', '/people', '/audit'];
  const missing = named.filter((page) => !found.includes(page) && page !== '/settings');
  equal(missing, [], 'pages that the navigation does not offer');
  return [...new Set([...named, ...found])].filter((page) => page !== '/logout').concat(rows.slice(0, 2));
}

async function look(where, role, { theme, width, height }, status = 200) {
  await check(`${where} ${theme} ${width}`, async () => {
    const guest = await visitor(role, { theme, width, height });
    guest.expect(status);
    const response = await guest.open(where);
    equal(response.status(), status, 'status');
    const wrong = [];
    if (theme === 'light' && width === 1440) wrong.push(...await markup(guest.page, await response.text()));
    wrong.push(...await form(guest.page));
    // At 320 pixels the question is whether all of it flows.
    const { grave, mild } = width === 320 ? { grave: [], mild: [] } : await accessibility(guest.page);
    wrong.push(...grave, ...await guest.misdeeds());
    if (theme === 'light' && width !== 320) {
      // Loading ends after the last byte has been counted.
      const paint = await guest.page.evaluate(() => window.__lcp);
      figures.push({ where, width, bytes: guest.bytes.n, paint });
      if (guest.bytes.n > MOST_BYTES) wrong.push(`${guest.bytes.n} bytes are transferred`);
      if (mild.length && process.env.THROUGHLINE_MILD) console.log(`mild, ${where} ${width}: ${mild.join('; ')}`);
    }
    await guest.close();
    claim(wrong.length === 0, wrong.join('\n    '));
  });
}

await start();
let pages = [];
await check('the navigation leads to every page', async () => { pages = await all(); });
const wanted = process.argv[2]?.split(',');
const jobs = pages.filter((page) => !wanted || wanted.includes(page)).flatMap((page) => LOOKS.map((view) => () => look(page, 'administrator', view)));
for (const view of LOOKS) {
  jobs.push(() => look('/login', null, view));
  jobs.push(() => look('/no-such-page', 'viewer', view, 404));
  jobs.push(() => look('/pipeline?period=yesterdayish', 'viewer', view, 400));
}
jobs.push(() => look('/pipeline', 'viewer', LOOKS[0]));
await Promise.all([1, 2].map(async () => { for (let job = jobs.shift(); job; job = jobs.shift()) await job(); }));

const worst = (key) => figures.reduce((most, one) => (one[key] > (most?.[key] ?? -1) ? one : most), undefined);
const sorted = figures.map(({ paint }) => paint).sort((a, b) => a - b);
if (figures.length) {
  console.log(`largest contentful paint: median ${Math.round(sorted[sorted.length >> 1])} ms, worst ${Math.round(worst('paint').paint)} ms (${worst('paint').where} ${worst('paint').width})`);
  console.log(`heaviest page: ${worst('bytes').bytes} bytes transferred (${worst('bytes').where} ${worst('bytes').width}), base ${base}`);
}
await finish();
