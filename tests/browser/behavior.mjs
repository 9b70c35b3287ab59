// What the pages do for a reader, line by line of docs/spec/behavior.md.
//
// THROUGHLINE_EVERY=1    follows every figure instead of sixty a question
// THROUGHLINE_DOWNLOADS  folder for the files that are downloaded; spreadsheet.py reads them afterwards

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { api, base, check, claim, equal, finish, numbers, start, visitor } from './lib.mjs';
import { figure, openable, plain, records, same, table } from './figures.mjs';

const QUESTIONS = ['pipeline', 'attribution', 'programs'];
const PERIOD = '2026Q3';
const SAMPLE = process.env.THROUGHLINE_EVERY ? Infinity : 60;
const downloads = process.env.THROUGHLINE_DOWNLOADS;

await start();
const guest = await visitor('cfo');
const { page } = guest;

async function text(where) {
  const response = await guest.context.request.get(new URL(where, base).href);
  claim(response.ok(), `${where}: ${response.status()} ${(await response.text()).slice(0, 200)}`);
  return { body: await response.text(), headers: response.headers() };
}

// So many of a list, from all over it, the same at each run.
function some(list, n) {
  return list.length <= n ? list : Array.from({ length: n }, (_, at) => list[Math.floor((at * list.length) / n)]);
}

function asked(where, name) {
  return new URL(where, base).searchParams.get(name);
}

// ---------------------------------------------------------------- every number opens to its rows

for (const question of QUESTIONS) {
  await check(`${question}: every number links to its rows, and the rows give the number`, async () => {
    await guest.open(`/${question}?period=${PERIOD}`);
    const shown = await numbers(page);
    const answer = await api(guest, `/api/v1/questions/${question}?period=${PERIOD}`);
    const known = openable(answer);
    const linked = new Set(await page.evaluate(() => [...document.querySelectorAll('main a[href*="/rows/"]')].map((link) => decodeURIComponent(new URL(link.getAttribute('href'), location).pathname.split('/rows/')[1]))));
    // Of a long table a page shows the first rows; figures all stand on it.
    const unlinked = answer.figures.filter((one) => one.evidence && !linked.has(one.id)).map(({ id }) => id);
    equal(unlinked, [], 'figures with rows but without a link');
    claim(shown.length >= answer.figures.length, `${shown.length} numbers on the page`);
    const stray = [...linked].filter((id) => !known.some(([other]) => other === id));
    equal(stray.slice(0, 5), [], 'links to rows of nothing');
    const wrong = [];
    for (const [id, value, evidence] of some(known, SAMPLE)) {
      const where = `/${question}/rows/${encodeURIComponent(id)}.csv?period=${PERIOD}`;
      const rows = table((await text(where)).body);
      const per = evidence.per ? table((await text(`${where}&part=per`)).body) : null;
      const found = figure(evidence, rows, per);
      if (!same(found, plain(value))) wrong.push(`${id}: rows give ${found}, the page says ${plain(value)}`);
    }
    equal(wrong.slice(0, 5), [], `of ${Math.min(known.length, SAMPLE)} figures`);
    console.log(`${question}: ${Math.min(known.length, SAMPLE)} of ${known.length} figures recomputed from their downloads`);
  });
}

await check('the numbers of a page are those of the answer', async () => {
  for (const question of QUESTIONS) {
    await guest.open(`/${question}?period=${PERIOD}`);
    const answer = await api(guest, `/api/v1/questions/${question}?period=${PERIOD}`);
    const shown = await numbers(page);
    for (const one of answer.figures.filter(({ value }) => value.unit === 'money')) {
      claim(shown.some(({ exact }) => exact === one.value.amount || exact.startsWith(one.value.amount)), `${question} ${one.id}: ${one.value.amount} is not on the page`);
    }
    claim((await page.textContent('main')).includes(answer.headline.split(/[,.]/)[0]), `${question}: the headline stands on the page`);
  }
});

await check('the page of rows says how they make the figure, and its rows add up over its pages', async () => {
  await guest.open(`/pipeline/rows/won?period=${PERIOD}`);
  const said = await page.textContent('main');
  claim(/\d+ rows?, sum of amount = /.test(said), `no closing sentence in: ${said.slice(0, 300)}`);
});

// ----------------------------------------------------------------------- the address is the state

const SCOPE = `period=2026Q2&compare=previous,year&segment=mid-market&as_of=2026-09-30`;

await check('a pasted link shows the same numbers in a fresh browser', async () => {
  const where = `/pipeline?${SCOPE}`;
  await guest.open(where);
  const here = await numbers(page);
  claim(here.length > 10, `${here.length} numbers`);
  const other = await visitor('cfo', { width: 390, theme: 'dark' });
  await other.open(page.url());
  equal(await numbers(other.page), here, 'numbers');
  await other.close();
});

await check('links between pages keep period, segment and as-of', async () => {
  await guest.open(`/pipeline?${SCOPE}`);
  const links = await page.evaluate(() => [...document.querySelectorAll('nav a[href], main a[href*="/rows/"], main a[href*=".csv"], main a[href*=".xlsx"]')].map((link) => link.getAttribute('href')));
  const forgetful = links.filter((link) => !/^\/(settings|people|audit|health|definitions|static|logout|analyst)/.test(link))
    .filter((link) => asked(link, 'period') !== '2026Q2' || asked(link, 'segment') !== 'mid-market' || asked(link, 'as_of') !== '2026-09-30');
  equal(forgetful.slice(0, 5), [], 'links that lose what the page is limited to');
});

await check('back and forward lead to the pages that were seen', async () => {
  await guest.open(`/pipeline?period=2026Q2`);
  const first = await numbers(page);
  await page.click('main a[href*="/rows/"]');
  await page.waitForURL(/\/rows\//);
  await page.goBack();
  await page.waitForURL(/\/pipeline\?/);
  equal(await numbers(page), first, 'numbers after going back');
  await page.goForward();
  await page.waitForURL(/\/rows\//);
});

await check('the controls write what was chosen into the address', async () => {
  await guest.open('/pipeline');
  await page.selectOption('select[name=segment]', 'enterprise');
  await Promise.all([page.waitForURL(/segment=enterprise/), page.evaluate(() => document.querySelector('select[name=segment]').form.requestSubmit())]);
  claim((await page.textContent('main')).length > 200, 'a page');
});

// ------------------------------------------------------------------------------------ comparisons

await check('comparison with nothing, the period before, the year before, the target, and two at once', async () => {
  const words = { previous: '2026Q2', year: 'year ago' };
  const seen = async (compare) => {
    await guest.open(`/pipeline?period=${PERIOD}&compare=${compare}`);
    return page.evaluate(() => [...document.querySelectorAll('main .leads, main .ledger')].map((element) => {
      // A line of the trend says all its periods.
      const copy = element.cloneNode(true);
      for (const svg of copy.querySelectorAll('svg')) svg.remove();
      return copy.textContent;
    }).join(' '));
  };
  const none = await seen('none');
  claim(none.length > 0, 'no figures are found on the page');
  for (const [name, period] of Object.entries(words)) {
    claim(!none.toLowerCase().includes(period.toLowerCase()), `with none, ${period} is shown`);
    claim((await seen(name)).toLowerCase().includes(period.toLowerCase()), `with ${name}, ${period} is not shown`);
  }
  claim(!/target|goal/i.test(none), 'with none, a target is shown');
  claim(/target|goal/i.test(await seen('target')), 'with target, no target is shown');
  const both = await seen('previous,year');
  claim(both.includes(words.previous) && both.toLowerCase().includes(words.year), 'two at once');
});

// ---------------------------------------------------------------------------------------- exports

await check('CSV and XLSX at each table hold all rows in the same order, raw, with filters and as-of', async () => {
  const pairs = [];
  mkdirSync(downloads, { recursive: true });
  const places = QUESTIONS.map((question) => `/${question}?period=${PERIOD}&segment=mid-market`).concat([`/pipeline/rows/won?period=${PERIOD}&segment=mid-market`]);
  for (const where of places.filter((place) => !place.startsWith('/programs')).concat([`/programs?period=${PERIOD}`])) {
    await guest.open(where);
    const [tables, links] = await page.evaluate(() => [
      document.querySelectorAll('main section.table table, main table.evidence').length,
      [...document.querySelectorAll('main a[href*=".csv"]')].map((link) => link.getAttribute('href')),
    ]);
    claim(tables > 0 && links.length > 0, `${where}: ${tables} tables, ${links.length} downloads`);
    for (const link of links) {
      const csv = await text(link);
      const xlsx = await guest.context.request.get(new URL(link.replace('.csv', '.xlsx'), base).href);
      claim(xlsx.ok(), `${link} has no spreadsheet: ${xlsx.status()}`);
      for (const [kind, headers] of [['csv', csv.headers], ['xlsx', xlsx.headers()]]) {
        const name = headers['content-disposition'] ?? '';
        claim(name.includes('attachment') && name.includes(`.${kind}`) && name.includes('2026Q3'), `${link}: ${kind} is named ${name}`);
      }
      const file = path.join(downloads, `${pairs.length}`);
      writeFileSync(`${file}.csv`, csv.body);
      writeFileSync(`${file}.xlsx`, await xlsx.body());
      pairs.push({ link, file, rows: records(csv.body).length - 1 });
      if (pairs.length > 40) break;
    }
  }
  writeFileSync(path.join(downloads, 'pairs.json'), JSON.stringify(pairs));
  const python = spawnSync(process.env.THROUGHLINE_PYTHON, [path.join(import.meta.dirname, 'spreadsheet.py'), 'pairs', downloads], { encoding: 'utf8' });
  claim(python.status === 0, `${python.stdout}${python.stderr}`);
  console.log(python.stdout.trim());
});

// ------------------------------------------------------------------------------------------ print

await check('a printed page is light, says period, as-of and definitions, and cuts no row', async () => {
  const dark = await visitor('cfo', { theme: 'dark' });
  await dark.open(`/pipeline?period=${PERIOD}`);
  const rows = await dark.page.evaluate(() => [...document.querySelectorAll('main section.table tbody th, main .ledger tbody th .word')].map((cell) => cell.textContent.trim()));
  mkdirSync(downloads, { recursive: true });
  const file = path.join(downloads, 'print.pdf');
  await dark.page.pdf({ path: file, format: 'A4', preferCSSPageSize: true, printBackground: true });
  await dark.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
  const ground = await dark.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  claim(/rgb\(25\d, 25\d, 2[45]\d\)|rgba\(0, 0, 0, 0\)|rgb\(255, 255, 255\)/.test(ground), `printed on ${ground}`);
  await dark.close();
  const said = spawnSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' });
  claim(said.status === 0, `pdftotext: ${said.stderr}`);
  for (const word of [PERIOD, /2026-09-30|Sep 30, 2026/, 'USD']) claim(new RegExp(word).test(said.stdout), `the print does not say ${word}`);
  claim(/definitions/i.test(said.stdout), 'the print does not say which definitions');
  const flat = said.stdout.replaceAll(/\s+/g, ' ');
  equal(rows.filter((row) => !flat.includes(row.replaceAll(/\s+/g, ' '))).slice(0, 5), [], 'rows that the print lacks');
});

// --------------------------------------------------------------------------------- small manners

await check('the footer says time zone, currency, fiscal calendar and definitions', async () => {
  await guest.open('/pipeline');
  const foot = await page.textContent('footer');
  for (const part of [/[A-Z][a-z]+\/[A-Z][a-z_]+|UTC/, /USD/, /fiscal/i, /[0-9a-f]{12}/]) claim(part.test(foot), `the footer lacks ${part}: ${foot.replaceAll(/\s+/g, ' ')}`);
});

await check('a sample company is marked as such on every page', async () => {
  for (const where of ['/', '/pipeline', '/health', '/board', '/settings']) {
    await guest.open(where);
    claim(/sample/i.test(await page.evaluate(() => document.body.innerText)), `${where} does not say that the company is a sample`);
  }
});

await check('small numbers are told as so many of so many, not as a percentage', async () => {
  const answer = await api(guest, `/api/v1/questions/pipeline?period=${PERIOD}`);
  await guest.open(`/pipeline?period=${PERIOD}`);
  const shares = answer.tables.flatMap((one) => one.rows.flatMap((row) => row.entries)).filter((entry) => entry?.value.unit === 'share' && entry.evidence && entry.value.total > 0 && entry.value.total < 10);
  claim(shares.length > 0, 'no small share in the sample');
  const said = (await page.textContent('main')).replaceAll(/\s+/g, ' ');
  for (const { value } of shares.slice(0, 5)) claim(said.includes(`${value.of} of ${value.total}`), `${value.of} of ${value.total} is not said`);
});

await check('what is refused says what, where and what to do, with a code and a number of the request', async () => {
  for (const [where, status, says] of [
    ['/pipelin', 404, /pipeline/], [`/pipeline?perod=${PERIOD}`, 400, /period/], ['/pipeline?period=2026Q9', 400, /2026Q9/],
    ['/pipeline/rows/wonn', 404, /won/], ['/pipeline?segment=nowhere', 400, /nowhere/],
  ]) {
    guest.expect(status);
    const response = await guest.open(where);
    equal(response.status(), status, where);
    const said = await page.textContent('main');
    claim(says.test(said), `${where}: ${said.replaceAll(/\s+/g, ' ').slice(0, 300)}`);
    claim(await page.$('main a[href]'), `${where}: no way out`);
    claim(!/panicked|src\/|\.rs:|SELECT /.test(said), `${where} tells of its insides`);
  }
  guest.expect();
});

await check('times are told in the zone of the reader', async () => {
  const away = await visitor('administrator', { zone: 'Asia/Tokyo' });
  await away.open('/analyst');
  const found = await away.page.evaluate(() => [...document.querySelectorAll('time[datetime*="T"]')].map((time) => [time.dateTime, time.textContent.trim()]));
  claim(found.length > 0, 'no times');
  const hour = Number(new Intl.DateTimeFormat('en-US', { hour: 'numeric', hourCycle: 'h23', timeZone: 'Asia/Tokyo' }).format(new Date(found[0][0])));
  const twelve = ((hour + 11) % 12) + 1;
  claim(new RegExp(`\\b0?(${hour}|${twelve}):`).test(found[0][1]), `${found[0]} is not told for Tokyo`);
  await away.close();
});

await check('gain and loss are told by sign and word as well as by colour', async () => {
  await guest.open(`/?period=${PERIOD}`);
  const changes = await page.evaluate(() => [...document.querySelectorAll('main .change, main [data-change]')].map((element) => element.textContent.trim()));
  claim(changes.length > 0, 'no changes are shown');
  equal(changes.filter((text) => text && !/[+\u2212-]|up|down|same|unchanged|no change|more|less|higher|lower/i.test(text)).slice(0, 5), [], 'changes without sign or word');
});

await check('the choice of light or dark is kept for the person', async () => {
  const set = async (theme) => {
    await guest.open('/settings');
    await page.evaluate((theme) => {
      const field = document.querySelector(`[name=theme][value="${theme}"]`) ?? document.querySelector('select[name=theme]');
      if (field.type === 'radio') field.checked = true; else field.value = theme;
    }, theme);
    await Promise.all([page.waitForNavigation(), page.evaluate(() => document.querySelector('[name=theme]').form.requestSubmit())]);
  };
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).slice(0, 3).map(Number).reduce((a, b) => a + b));
  await set('dark');
  await guest.open('/pipeline');
  claim((await ground()) < 200, `the ground of dark is ${await ground()}`);
  await set('system');
  await guest.open('/pipeline');
  claim((await ground()) > 600, `the ground of light is ${await ground()}`);
});

await check('text may be spaced wider without being cut off', async () => {
  await guest.open(`/pipeline?period=${PERIOD}`);
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }');
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
  });
  const cut = await page.evaluate(() => [...document.querySelectorAll('main *')]
    .filter((element) => !element.closest('svg, select, .visually-hidden, .sr-only') && getComputedStyle(element).overflow === 'hidden' && element.clientWidth > 1 && element.clientHeight > 1
      && (element.scrollWidth > element.clientWidth + 1 || element.scrollHeight > element.clientHeight + 1))
    .map((element) => `${element.tagName}.${element.getAttribute('class')} ${element.textContent.trim().slice(0, 40)}`));
  equal(cut.slice(0, 5), [], 'cut off');
});

await check('nothing went wrong meanwhile', async () => equal(await guest.misdeeds(), [], 'faults'));
await finish();
