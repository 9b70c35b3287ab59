// With scripts off a page reads the same: login, controls, definitions and rows work.

import { base, check, claim, equal, finish, numbers, people, start, visitor } from './lib.mjs';

await start();
const guest = await visitor(null, { scripts: false });
const { page } = guest;
// Playwright reads a page through its own world, which runs also where the page's scripts are off.

await check('a page asks for a login and comes back to itself after it', async () => {
  await guest.open('/programs?period=2026Q3');
  equal(new URL(page.url()).pathname, '/login', 'page');
  await page.fill('input[name=email]', people.cfo.email);
  await page.fill('input[name=password]', people.cfo.password);
  await Promise.all([page.waitForNavigation(), page.click('form[action^="/login"] button')]);
  const url = new URL(page.url());
  equal([url.pathname, url.searchParams.get('period')], ['/programs', '2026Q3'], 'page');
});

for (const where of ['/', '/pipeline', '/attribution', '/programs', '/health', '/definitions', '/board', '/settings']) {
  await check(`${where} shows the same numbers as with scripts`, async () => {
    await guest.open(where);
    const without = await numbers(page);
    const other = await visitor('cfo');
    await other.open(where);
    const withScripts = await numbers(other.page);
    await other.close();
    equal(without, withScripts, 'numbers');
    const text = await page.evaluate(() => document.querySelector('main').innerText.trim());
    claim(text.length > 200, `little text: ${text.slice(0, 80)}`);
    claim(!/(enable|turn on) javascript/i.test(text), 'asks for scripts');
  });
}

await check('the controls limit the page by a form', async () => {
  await guest.open('/pipeline');
  await page.selectOption('select[name=period]', '2026Q2').catch(() => page.fill('input[name=period]', '2026Q2'));
  await Promise.all([page.waitForNavigation(), page.evaluate(() => document.querySelector('main form[method=get] button, form[method=get] button[type=submit]').click())]);
  equal(new URL(page.url()).searchParams.get('period'), '2026Q2', 'period');
  claim((await page.textContent('h1, main')).includes('2026Q2'), 'the page speaks of the period');
});

await check('a figure opens to its rows', async () => {
  await guest.open('/pipeline');
  await Promise.all([page.waitForNavigation(), page.click('main a[href*="/rows/"]')]);
  const rows = await page.evaluate(() => document.querySelectorAll('main tbody tr').length);
  claim(rows > 0, 'no rows');
});

await check('a definition is shown on focus and leads to its word', async () => {
  await guest.open('/pipeline');
  const word = await page.$('main .term a.word');
  await word.focus();
  await page.waitForTimeout(400);
  const text = await page.evaluate(() => [...document.querySelectorAll('main [role=tooltip]')]
    .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })).map((element) => element.textContent.trim()).join(' '));
  claim(text.length > 20, `shown: ${text}`);
  const link = await word.getAttribute('href');
  await guest.open(link);
  const id = decodeURIComponent(new URL(link, base).hash.slice(1));
  claim(id && await page.$(`[id="${id}"]`), `${link} leads to no word`);
});

await check('logging out ends it', async () => {
  await guest.open('/');
  const form = await page.$('form[action="/logout"]');
  claim(form, 'no way to log out');
  await Promise.all([page.waitForNavigation(), page.evaluate(() => document.querySelector('form[action="/logout"] button').click())]);
  await guest.open('/pipeline');
  equal(new URL(page.url()).pathname, '/login', 'page');
});

await check('nothing went wrong meanwhile', async () => equal(await guest.misdeeds(), [], 'faults'));
await finish();
