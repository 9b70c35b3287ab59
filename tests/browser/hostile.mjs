// A company whose names are hostile texts: nothing runs on any page, and the texts are seen as texts.
//
// THROUGHLINE_HOSTILE    the texts, as hostile.json
// THROUGHLINE_DOWNLOADS  folder for exports; spreadsheet.py reads them afterwards

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { api, base, check, claim, equal, finish, form, start, visitor } from './lib.mjs';
import { openable, table } from './figures.mjs';

const { hostile, formula } = JSON.parse(readFileSync(path.join(import.meta.dirname, 'hostile.json'), 'utf8'));
const downloads = process.env.THROUGHLINE_DOWNLOADS;
mkdirSync(downloads, { recursive: true });
const ALL = 'period=2023-10-01..2026-09-30';
const QUESTIONS = ['pipeline', 'attribution', 'programs'];
// What would steer a text or hide in it must have been made visible.
const STEERING = /[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;

await start();
const guest = await visitor('administrator');
const { page } = guest;
let seen = '';

// What may have happened on a page; its text is kept for the end.
async function inspect(where) {
  const wrong = await page.evaluate(() => {
    const faults = [];
    if (window.__xss !== undefined) faults.push('a script of data ran');
    for (const element of document.querySelectorAll('img, iframe, object, embed, base, math, form[action^="http"], link[href^="http"], meta[http-equiv]')) {
      if (element.tagName === 'META' || (element.tagName === 'IMG' && element.src.startsWith(location.origin))) continue;
      faults.push(`an element of data: ${element.outerHTML.slice(0, 80)}`);
    }
    return faults;
  });
  wrong.push(...await guest.misdeeds());
  // What a pointer finds and what is read out counts as well.
  const text = await page.evaluate(() => `${document.body.innerText} ${document.body.textContent} ${[...document.querySelectorAll('[title], [aria-label], option')].map((element) => `${element.title} ${element.getAttribute('aria-label')}`).join(' ')}`);
  if (STEERING.test(text)) wrong.push(`a character that steers or hides stands in the text: ${JSON.stringify(text.slice(Math.max(0, text.search(STEERING) - 20), text.search(STEERING) + 20))}`);
  seen += text.replaceAll(/\s+/g, ' ');
  claim(wrong.length === 0, `${where}: ${wrong.join('; ')}`);
}

for (const where of ['/', '/pipeline', '/pipeline?by=owner,program', '/attribution', '/programs', '/health', '/definitions', '/analyst', '/analyst?question=pipeline', '/board', '/settings', '/people', '/audit']) {
  await check(`${where} runs nothing`, async () => {
    await guest.open(where.includes('?') ? `${where}&${ALL}` : `${where}?${ALL}`.replace(/^(\/(settings|people|audit|health|definitions))\?.*/, '$1'));
    await inspect(where);
    equal((await form(page)).filter((fault) => fault.startsWith('link to')), [], 'links');
    // The pointer over every mark and the focus on every link bring up what scripts show.
    for (const mark of (await page.$$('main svg a')).slice(0, 12)) {
      await mark.focus();
      await mark.hover({ force: true, timeout: 1000 }).catch(() => {});
    }
    await inspect(`${where} after a walk over its charts`);
  });
}

await check('rows run nothing, page by page', async () => {
  for (const [question, figure] of [['pipeline', 'opportunities_created'], ['pipeline', 'won'], ['programs', 'spend']]) {
    for (let number = 1; number < 12; number += 1) {
      await guest.open(`/${question}/rows/${figure}?${ALL}&page=${number}`);
      await inspect(`${question} ${figure} page ${number}`);
      if (!(await page.$('main a[rel=next]'))) break;
    }
  }
});

await check('the texts are seen as texts', async () => {
  const plain = hostile.filter((text) => /^[\x20-\x7e]*$/.test(text)).map((text) => text.replaceAll(/\s+/g, ' '));
  const unseen = plain.filter((text) => !seen.includes(text));
  console.log(`${plain.length - unseen.length} of ${plain.length} plain hostile texts were seen as text on some page`);
  claim(unseen.length <= plain.length / 4, `seen nowhere: ${unseen.join(' | ')}`);
});

await check('what an address says runs nothing', async () => {
  for (const text of hostile.slice(0, 25)) {
    for (const where of [`/pipeline?segment=${encodeURIComponent(text)}`, `/pipeline?${encodeURIComponent(text)}=1`, `/${encodeURIComponent(text)}`, `/pipeline/rows/${encodeURIComponent(text)}`, `/login?next=${encodeURIComponent(text)}`]) {
      const response = await guest.context.request.get(`${base}${where}`, { maxRedirects: 0 });
      claim(response.status() < 500, `${where}: ${response.status()}`);
    }
    guest.expect(400, 404, 414);
    await guest.open(`/pipeline?segment=${encodeURIComponent(text)}`);
    await inspect('an address');
    await guest.open(`/pipeline/rows/${encodeURIComponent(text)}`);
    await inspect('an address');
  }
  guest.expect();
});

await check('a hostile text that is typed into a form runs nothing', async () => {
  const other = await visitor(null);
  for (const text of hostile.slice(0, 6)) {
    await other.open('/login');
    other.expect(400, 401, 422, 429);
    await other.page.evaluate((text) => {
      const field = document.querySelector('input[name=email]');
      field.type = 'text';
      field.value = text;
      document.querySelector('input[name=password]').value = 'not the password of anybody';
      document.querySelector('form[action^="/login"]').noValidate = true;
    }, text);
    await Promise.all([other.page.waitForNavigation(), other.page.evaluate(() => document.querySelector('form[action^="/login"]').submit())]);
    equal(await other.page.evaluate(() => window.__xss ?? null), null, 'a script of data');
  }
  await other.close();
});

await check('no cell of an export is a formula, and numbers stay numbers', async () => {
  let n = 0;
  const answers = {};
  const save = async (link) => {
    for (const kind of ['csv', 'xlsx']) {
      const response = await guest.context.request.get(new URL(link.replace('.csv', `.${kind}`), base).href);
      claim(response.ok(), `${link}: ${kind} ${response.status()}`);
      const name = response.headers()['content-disposition'] ?? '';
      claim(!/[\r\n]|\.\.|\//.test(name), `${link} is named ${name}`);
      writeFileSync(path.join(downloads, `${n}.${kind}`), await response.body());
    }
    n += 1;
  };
  for (const question of QUESTIONS) {
    await guest.open(`/${question}?${ALL}`);
    for (const link of await page.evaluate(() => [...document.querySelectorAll('main a[href*=".csv"]')].map((link) => link.getAttribute('href')))) await save(link);
    answers[question] = await api(guest, `/api/v1/questions/${question}?${ALL}`);
    const figures = openable(answers[question]);
    for (const [id] of figures.filter((_, at) => at % Math.ceil(figures.length / 12) === 0)) await save(`/${question}/rows/${encodeURIComponent(id)}.csv?${ALL}`);
  }
  const board = await guest.context.request.get(`${base}/board.xlsx?${ALL}`);
  claim(board.ok(), `board.xlsx: ${board.status()}`);
  writeFileSync(path.join(downloads, 'board.xlsx'), await board.body());
  const python = spawnSync(process.env.THROUGHLINE_PYTHON, [path.join(import.meta.dirname, 'spreadsheet.py'), 'hostile', downloads], { encoding: 'utf8' });
  claim(python.status === 0, `${python.stdout}${python.stderr}`);
  console.log(`${n} exports as CSV and XLSX: ${python.stdout.trim()}`);
  // Money of an export is the money of the interface, digit by digit.
  const [id] = openable(answers.pipeline).find(([, value, evidence]) => value.unit === 'money' && !evidence.per && evidence.measure.sum);
  const rows = table(await (await guest.context.request.get(`${base}/pipeline/rows/${id}.csv?${ALL}`)).text());
  const figure = answers.pipeline.figures.find((one) => one.id === id)?.value.amount;
  const cents = rows.map((row) => row.amount).filter(Boolean).map((text) => { claim(/^-?\d+\.\d\d$/.test(text), `an amount is written ${text}`); return BigInt(text.replace('.', '')); });
  const sum = cents.reduce((a, b) => a + b, 0n);
  if (figure) equal(`${sum}`, figure.replace('.', ''), `the amounts of ${id}`);
});

await check('all formulas reached an export, and stand there as text', async () => {
  let text = '';
  for (let at = 0; ; at += 1) {
    try { text += readFileSync(path.join(downloads, `${at}.csv`), 'utf8'); } catch { break; }
  }
  const plain = formula.filter((one) => /^[\x20-\x7e]*$/.test(one) && !one.startsWith(' '));
  const missing = plain.filter((one) => !text.includes(one.replaceAll('"', '""')) && !text.includes(one));
  console.log(`${plain.length - missing.length} of ${plain.length} plain formulas were found in exports, each behind an apostrophe`);
  claim(missing.length <= plain.length / 3, `in no export: ${missing.join(' | ')}`);
});

await check('the board as one file runs nothing and asks nobody', async () => {
  const response = await guest.context.request.get(`${base}/board.html?${ALL}`);
  claim(response.ok(), `board.html: ${response.status()}`);
  const file = path.join(downloads, 'board.html');
  writeFileSync(file, await response.body());
  const asked = [];
  const fresh = await (await start()).newContext();
  const alone = await fresh.newPage();
  alone.on('request', (request) => { if (!/^(file|data|blob):/.test(request.url())) asked.push(request.url()); });
  alone.on('console', (message) => { if (message.type() === 'error') asked.push(message.text()); });
  await alone.goto(pathToFileURL(file).href);
  equal(await alone.evaluate(() => window.__xss ?? null), null, 'a script of data');
  equal(asked, [], 'asked or complained');
  claim((await alone.textContent('body')).length > 1000, 'little text');
  await fresh.close();
});

await check('the board as PDF shows the texts', async () => {
  const response = await guest.context.request.get(`${base}/board.pdf?${ALL}`);
  claim(response.ok(), `board.pdf: ${response.status()}`);
  const file = path.join(downloads, 'board.pdf');
  writeFileSync(file, await response.body());
  const body = readFileSync(file, 'latin1');
  for (const word of ['/JavaScript', '/JS', '/Launch', '/OpenAction', '/EmbeddedFile', '/AA']) claim(!body.includes(`${word} `) && !body.includes(`${word}/`) && !body.includes(`${word}(`), `the PDF has ${word}`);
  const said = spawnSync('pdftotext', ['-layout', file, '-'], { encoding: 'utf8' });
  claim(said.status === 0 && said.stdout.length > 500, `pdftotext: ${said.stderr}`);
});

await finish();
