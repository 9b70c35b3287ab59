// A fresh project: set-up by the link of the console, once; pages that say what to load.
//
// THROUGHLINE_SETUP  the one-time link

import { accessibility, base, check, claim, equal, finish, form, start, visitor } from './lib.mjs';

const EMAIL = 'first@fennmark.example';
const PASSWORD = 'we read the pipeline at breakfast';

await start();
const guest = await visitor(null);
const { page } = guest;

async function sound(where) {
  const { grave } = await accessibility(page);
  equal([...grave, ...await form(page), ...await guest.misdeeds()], [], where);
}

await check('a guessed token is no way in', async () => {
  guest.expect(404);
  const bare = await guest.open('/setup');
  claim(bare.status() >= 400 || !(await page.$('input[name=password]')), `/setup offers a set-up: ${bare.status()}`);
  const other = await visitor(null);
  await other.open('/setup?token=guessed');
  if (await other.page.$('input[name=password]')) {
    await other.page.fill('input[name=email]', EMAIL);
    await other.page.fill('input[name=name]', 'Nobody');
    await other.page.fill('input[name=password]', PASSWORD);
    await Promise.all([other.page.waitForNavigation(), other.page.press('input[name=password]', 'Enter')]);
    await other.open('/');
    equal(new URL(other.page.url()).pathname, '/login', 'page');
  }
  await other.close();
  guest.faults.length = 0;
  guest.expect();
});

await check('the link makes the first administrator', async () => {
  await guest.open(process.env.THROUGHLINE_SETUP);
  await sound('the page of the set-up');
  await page.fill('input[name=email]', EMAIL);
  await page.fill('input[name=name]', 'First Person');
  await page.fill('input[name=password]', PASSWORD);
  await Promise.all([page.waitForNavigation(), page.press('input[name=password]', 'Enter')]);
  if (new URL(page.url()).pathname === '/login') {
    await page.fill('input[name=email]', EMAIL);
    await page.fill('input[name=password]', PASSWORD);
    await Promise.all([page.waitForNavigation(), page.press('input[name=password]', 'Enter')]);
  }
  claim(!['/login', '/setup'].includes(new URL(page.url()).pathname), page.url());
});

await check('the link works no second time', async () => {
  const other = await visitor(null);
  other.expect(404);
  const response = await other.open(process.env.THROUGHLINE_SETUP);
  claim([404, 410].includes(response.status()), `status ${response.status()}`);
  claim(!(await other.page.$('input[name=password]')), 'offers a set-up');
  await other.close();
});

for (const where of ['/', '/pipeline', '/attribution', '/programs', '/health', '/board', '/definitions', '/analyst', '/people', '/settings', '/audit']) {
  await check(`${where} of an empty project is a sound page`, async () => {
    const response = await guest.open(where);
    equal(response.status(), 200, 'status');
    await sound(where);
    if (['/', '/pipeline', '/attribution', '/programs', '/board'].includes(where)) {
      const text = await page.textContent('main');
      claim(text.includes('throughline load'), `does not say what to load: ${text.replaceAll(/\s+/g, ' ').slice(0, 200)}`);
      claim(text.includes('demo'), 'does not offer the sample company');
    }
  });
}

await check('a person is invited and comes in by the link, once', async () => {
  await guest.open('/people');
  await page.fill('form[action="/people"] input[name=email]', 'cfo@fennmark.example');
  await page.fill('form[action="/people"] input[name=name]', 'Carla Finch').catch(() => {});
  await page.selectOption('form[action="/people"] select[name=role]', 'cfo');
  await Promise.all([page.waitForNavigation(), page.click('form[action="/people"] button')]);
  const link = await page.evaluate(() => /https?:\/\/\S*\/setup\S*/.exec(document.querySelector('main').innerText + ' ' + [...document.querySelectorAll('main input')].map((field) => field.value).join(' '))?.[0]);
  claim(link, `no invitation: ${(await page.textContent('main')).replaceAll(/\s+/g, ' ').slice(0, 300)}`);
  const other = await visitor(null);
  await other.open(link);
  await other.page.fill('input[name=name]', 'Carla Finch').catch(() => {});
  await other.page.fill('input[name=password]', 'the budget is not for spending');
  await Promise.all([other.page.waitForNavigation(), other.page.press('input[name=password]', 'Enter')]);
  if (new URL(other.page.url()).pathname === '/login') {
    await other.page.fill('input[name=email]', 'cfo@fennmark.example');
    await other.page.fill('input[name=password]', 'the budget is not for spending');
    await Promise.all([other.page.waitForNavigation(), other.page.press('input[name=password]', 'Enter')]);
  }
  await other.open('/pipeline');
  equal(new URL(other.page.url()).pathname, '/pipeline', 'page');
  equal(await other.misdeeds(), [], 'faults');
  other.expect(404);
  const again = await other.open('/people');
  claim([403, 404].includes(again.status()), `the CFO sees the people: ${again.status()}`);
  await other.close();
});

await check('nothing went wrong meanwhile', async () => equal(await guest.misdeeds(), [], `faults at ${base}`));
await finish();
