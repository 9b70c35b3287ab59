// All is reached by the keyboard alone, the focus is always seen, and shortcuts can be switched off.

import { check, claim, equal, finish, start, visitor } from './lib.mjs';

// Where the focus stands and how it looks.
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const box = element.getBoundingClientRect();
    const look = (target) => {
      const style = getComputedStyle(target);
      return [style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow, style.stroke, style.strokeWidth, style.backgroundColor, style.textDecorationLine].join(' ');
    };
    const marked = [element, ...element.querySelectorAll('rect, path, circle, polygon, use')].map(look).join('; ');
    const style = getComputedStyle(element);
    let outlined = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 1.5;
    if (!outlined && element.closest('svg')) {
      // A mark of a chart shows the focus by its own stroke.
      const looks = () => [...element.querySelectorAll('rect, path, circle, polygon, line, use')].map(look).join('; ');
      const with_focus = looks();
      element.blur();
      outlined = looks() !== with_focus;
      element.focus();
    }
    const hit = document.elementFromPoint(
      Math.min(Math.max(box.left + box.width / 2, 0), innerWidth - 1), Math.min(Math.max(box.top + box.height / 2, 0), innerHeight - 1));
    const covered = hit && hit !== element && !element.contains(hit) && !hit.contains(element) && box.width > 0
      && ['fixed', 'sticky'].includes(getComputedStyle(hit.closest('header, [class*=banner], thead, th, nav') ?? hit).position);
    element.dataset.visited ??= String(document.querySelectorAll('[data-visited]').length);
    return {
      tag: element.tagName.toLowerCase(), id: element.dataset.visited, text: (element.getAttribute('aria-label') ?? element.textContent).trim().slice(0, 60),
      href: element.getAttribute('href'), outlined, marked, covered: Boolean(covered) && hit.tagName,
      inside: box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    };
  });
}

// Presses Tab until the focus comes round, at most `most` times.
async function walk(page, most = 900) {
  const steps = [];
  const seen = new Set();
  for (let n = 0; n < most; n += 1) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    // A field for a day is several stops.
    if (here && here.id === steps.at(-1)?.id) continue;
    if (!here || seen.has(here.id)) break;
    seen.add(here.id);
    steps.push(here);
  }
  return steps;
}

await start();
const guest = await visitor('analyst');
const { page } = guest;

await check('the first stop is a link past the navigation, and it works', async () => {
  await guest.open('/pipeline');
  await page.keyboard.press('Tab');
  const first = await focused(page);
  claim(first?.href?.startsWith('#'), `the first stop is ${JSON.stringify(first)}`);
  await page.keyboard.press('Enter');
  const target = await page.evaluate((id) => document.querySelector(id)?.tagName, first.href);
  claim(target, `${first.href} is nowhere`);
  await page.keyboard.press('Tab');
  const inMain = await page.evaluate(() => Boolean(document.activeElement.closest('main')));
  claim(inMain, 'the stop after the link is not in the content');
});

for (const where of ['/', '/pipeline', '/definitions', '/settings']) {
  await check(`${where}: Tab reaches every link and control once, in sight and marked`, async () => {
    await guest.open(where);
    const steps = await walk(page);
    const missed = await page.evaluate(() =>
      [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
        .filter((element) => !element.dataset.visited && element.checkVisibility({ visibilityProperty: true, opacityProperty: false })
          && !element.disabled && element.tabIndex >= 0 && element.type !== 'hidden' && !element.closest('dialog:not([open]), [popover]:not(:popover-open)'))
        // Radio buttons of one group are one stop.
        .filter((element) => element.type !== 'radio')
        .map((element) => `${element.tagName} ${element.textContent.trim().slice(0, 40)} ${element.getAttribute('href') ?? element.getAttribute('class')}`));
    equal(missed.slice(0, 5), [], 'not reached');
    const unmarked = steps.filter((step) => !step.outlined).map(({ tag, text, marked }) => `${tag} ${text} [${marked.slice(0, 120)}]`);
    equal(unmarked.slice(0, 5), [], 'focus not seen');
    equal(steps.filter((step) => !step.inside).map(({ tag, text }) => `${tag} ${text}`).slice(0, 5), [], 'focus out of sight');
    equal(steps.filter((step) => step.covered).map(({ tag, text, covered }) => `${tag} ${text} under ${covered}`).slice(0, 5), [], 'focus covered');
  });
}

await check('every figure of the page of pipeline is reached and leads to its rows', async () => {
  await guest.open('/pipeline');
  const steps = await walk(page);
  const reached = new Set(steps.map(({ href }) => href));
  const figures = await page.evaluate(() => [...document.querySelectorAll('main a[href*="/rows/"]')].filter((link) => link.checkVisibility()).map((link) => link.getAttribute('href')));
  claim(figures.length > 8, `${figures.length} links to rows`);
  equal(figures.filter((href) => !reached.has(href)), [], 'figures that Tab does not reach');
});

// The definitions that are seen now.
const shown = () => page.evaluate(() => [...document.querySelectorAll('main [role=tooltip]')]
  .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getBoundingClientRect().width > 30)
  .map((element) => element.textContent.trim()));

await check('a definition opens on focus, says something, and closes on Escape', async () => {
  await guest.open('/pipeline');
  const words = await page.$$('main .term a.word');
  claim(words.length > 4, `${words.length} words have a definition`);
  for (const word of [words[0], words.at(-1)]) {
    await word.focus();
    await page.waitForTimeout(400);
    const texts = await shown();
    claim(texts.length === 1 && texts[0].length > 20, `shown for ${await word.textContent()}: ${JSON.stringify(texts)}`);
    await page.keyboard.press('Escape');
    await page.waitForTimeout(300);
    equal(await shown(), [], 'after Escape');
  }
});

await check('a definition opens by the pointer, stays while the pointer is on it, and closes on Escape', async () => {
  await guest.open('/pipeline');
  const word = await page.$('main .term .word');
  await word.scrollIntoViewIfNeeded();
  await word.hover();
  await page.waitForTimeout(900);
  equal((await shown()).length, 1, 'definitions shown under the pointer');
  const box = await page.evaluate(() => {
    const tip = [...document.querySelectorAll('main [role=tooltip]')].find((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }));
    const { x, y, width, height } = tip.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2, inside: x >= 0 && x + width <= innerWidth };
  });
  claim(box.inside, 'the definition is cut off at the side');
  await page.mouse.move(box.x, box.y, { steps: 12 });
  await page.waitForTimeout(600);
  equal((await shown()).length, 1, 'with the pointer on the definition');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(300);
  equal((await shown()).length, 0, 'after Escape');
});

await check('arrow keys step through a chart and what they come to is said', async () => {
  await guest.open('/pipeline');
  const mark = await page.$('main svg a[href]');
  claim(mark, 'no mark of a chart is a link');
  await mark.focus();
  const said = () => page.evaluate(() => [...document.querySelectorAll('[aria-live], [role=status]')].map((region) => region.textContent.trim()).join(' '));
  const before = await page.evaluate(() => document.activeElement.getAttribute('href') + document.activeElement.getAttribute('aria-label'));
  await page.keyboard.press('ArrowRight');
  await page.waitForTimeout(200);
  const text = await said();
  const after = await page.evaluate(() => document.activeElement.getAttribute('href') + document.activeElement.getAttribute('aria-label'));
  claim(after !== before || text.length > 5, 'the arrow key does nothing');
  claim(/\d/.test(text), `said: ${text}`);
});

await check('`/` opens the search, which leads to a page; Escape closes it', async () => {
  await guest.open('/');
  await page.keyboard.press('/');
  await page.waitForTimeout(200);
  const kind = await page.evaluate(() => document.activeElement.matches('input[type=search], input[role=combobox], input'));
  claim(kind, 'the focus is in no field');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(100);
  equal(await page.evaluate(() => document.querySelector('dialog[open]') === null), true, 'closed by Escape');
  await page.keyboard.press('/');
  await page.keyboard.type('programs');
  await page.waitForTimeout(200);
  await Promise.all([page.waitForURL(/\/programs/, { timeout: 5000 }), page.keyboard.press('Enter')]);
});

await check('`g` and a letter go to a page, and keep what the page is limited to', async () => {
  await guest.open('/?period=2026Q2');
  await page.keyboard.press('g');
  await Promise.all([page.waitForURL(/\/pipeline/, { timeout: 5000 }), page.keyboard.press('p')]);
  claim(page.url().includes('period=2026Q2'), page.url());
});

await check('`?` shows the shortcuts in a dialog that keeps the focus, and Escape gives it back', async () => {
  await guest.open('/');
  await page.keyboard.press('?');
  await page.waitForTimeout(200);
  const text = await page.evaluate(() => document.querySelector('dialog[open]')?.textContent ?? '');
  claim(/find/i.test(text) && /g p/.test(text), `dialog: ${text.slice(0, 80)}`);
  equal(await page.evaluate(() => Boolean(document.activeElement.closest('dialog'))), true, 'the focus is in the dialog');
  await page.keyboard.press('Escape');
  await page.waitForTimeout(100);
  equal(await page.evaluate(() => document.querySelector('dialog[open]') === null), true, 'closed by Escape');
});

await check('letters that are typed into a field are no shortcuts', async () => {
  await guest.open('/settings');
  const field = await page.$('main input[type=text], main input[name=name]');
  claim(field, 'no field');
  await field.focus();
  await page.keyboard.type('gp/?');
  equal(new URL(page.url()).pathname, '/settings', 'page');
  equal(await page.evaluate(() => document.activeElement.value), 'gp/?', 'typed');
});

await check('shortcuts of one letter can be switched off in the settings, and on again', async () => {
  const set = async (on) => {
    await guest.open('/settings');
    await page.setChecked('input[name=shortcuts]', on);
    await Promise.all([page.waitForNavigation(), page.evaluate(() => document.querySelector('input[name=shortcuts]').form.requestSubmit())]);
  };
  await set(false);
  await guest.open('/');
  await page.keyboard.press('g');
  await page.keyboard.press('p');
  await page.keyboard.press('?');
  await page.waitForTimeout(500);
  equal(new URL(page.url()).pathname, '/', 'page');
  equal(await page.evaluate(() => document.querySelector('dialog[open]') === null), true, 'no dialog');
  await set(true);
  await guest.open('/');
  await page.keyboard.press('g');
  await Promise.all([page.waitForURL(/\/pipeline/, { timeout: 5000 }), page.keyboard.press('p')]);
});

await check('targets are 24 pixels or stand apart', async () => {
  await guest.open('/pipeline');
  const small = await page.evaluate(() => [...document.querySelectorAll('button, select, input:not([type=hidden]), summary')]
    .filter((element) => element.checkVisibility()).map((element) => [element, element.getBoundingClientRect()])
    .filter(([element, box]) => box.width > 0 && (box.height < 23.5 || box.width < 23.5) && !['checkbox', 'radio'].includes(element.type))
    .map(([element, box]) => `${element.tagName}.${element.getAttribute('class')} ${element.textContent} ${Math.round(box.width)}x${Math.round(box.height)}`));
  equal([...new Set(small)].slice(0, 5), [], 'small targets');
});

await check('nothing went wrong meanwhile', async () => {
  equal(await guest.misdeeds(), [], 'faults');
});
await finish();
