// What all browser tests share: the browser, people who are signed in, and a report that names each failure.
//
// The test binary starts a server and tells by the environment where it is and who has an account:
// THROUGHLINE_URL       address of the server, for example http://127.0.0.1:40123
// THROUGHLINE_PEOPLE    JSON: role -> { email, password }
// THROUGHLINE_NODE      folder whose node_modules holds the packages of package.json
// THROUGHLINE_CHROMIUM  the browser

import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import path from 'node:path';

const require = createRequire(path.join(process.env.THROUGHLINE_NODE, 'package.json'));
const { chromium } = require('playwright-core');
const axeSource = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

export const base = process.env.THROUGHLINE_URL;
export const people = JSON.parse(process.env.THROUGHLINE_PEOPLE ?? '{}');

// ---------------------------------------------------------------------------------------- report

const failures = [];
let checked = 0;

// Runs one named check; a failure is kept and the next check runs.
export async function check(name, body) {
  checked += 1;
  try {
    await body();
  } catch (error) {
    const text = error instanceof Claim ? error.message : `${error.stack ?? error}`;
    failures.push(`${name}: ${text}`);
  }
}

class Claim extends Error {}

// Fails the check that it stands in.
export function claim(holds, message) {
  if (!holds) throw new Claim(typeof message === 'function' ? message() : message);
}

export function equal(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  claim(a === b, `${what}: found ${a}, expected ${b}`);
}

// Prints what was found and ends the process; the browser is closed before.
export async function finish() {
  await browser?.close();
  for (const failure of failures) console.log(`FAILED ${failure}`);
  console.log(`${checked} checks, ${failures.length} failed`);
  process.exitCode = failures.length === 0 && checked > 0 ? 0 : 1;
}

// --------------------------------------------------------------------------------------- browser

let browser;

export async function start() {
  browser ??= await chromium.launch({
    executablePath: process.env.THROUGHLINE_CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--force-color-profile=srgb'],
  });
  return browser;
}

const signedIn = new Map();

// Signs a role in by the form, once; returns what a fresh browser needs to go on as that person.
export async function session(role) {
  if (!signedIn.has(role)) {
    const context = await (await start()).newContext();
    const page = await context.newPage();
    await page.goto(`${base}/login`);
    await page.fill('input[name=email]', people[role].email);
    await page.fill('input[name=password]', people[role].password);
    await Promise.all([page.waitForURL((url) => url.pathname !== '/login'), page.press('input[name=password]', 'Enter')]);
    signedIn.set(role, await context.storageState());
    await context.close();
  }
  return signedIn.get(role);
}

// A fresh browser profile of a role (`null`: nobody), which keeps a list of what must not happen.
export async function visitor(role, options = {}) {
  const storageState = role === null ? undefined : await session(role);
  const context = await (await start()).newContext({
    storageState,
    viewport: { width: options.width ?? 1440, height: options.height ?? 900 },
    colorScheme: options.theme ?? 'light',
    reducedMotion: 'reduce',
    locale: 'en-US',
    timezoneId: options.zone ?? 'Europe/Berlin',
    javaScriptEnabled: options.scripts ?? true,
    acceptDownloads: true,
    ...options.context,
  });
  const faults = [];
  const bytes = { n: 0 };
  // Nothing may be asked of another host.
  context.on('request', (request) => {
    const url = new URL(request.url());
    const own = ['data:', 'blob:', 'about:'].includes(url.protocol) || url.origin === new URL(base).origin;
    if (!own) faults.push(`asked another host: ${url}`);
  });
  await context.addInitScript(() => {
    window.__faults = [];
    window.__lcp = 0;
    addEventListener('securitypolicyviolation', (event) =>
      window.__faults.push(`content security policy: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
    try {
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) window.__lcp = Math.max(window.__lcp, entry.startTime);
      }).observe({ type: 'largest-contentful-paint', buffered: true });
    } catch { /* a browser without that measure */ }
  });
  const page = await context.newPage();
  let expected = [];
  page.on('console', (message) => {
    if (message.type() !== 'error' && message.type() !== 'warning') return;
    const refused = expected.some((status) => message.text().includes(`status of ${status}`));
    if (!refused) faults.push(`console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`script error: ${error.message}`));
  page.on('dialog', (dialog) => { faults.push(`dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
  page.on('requestfailed', (request) => {
    const text = request.failure()?.errorText ?? '';
    // A download and a page that is left end requests without a fault of ours.
    if (!text.includes('ERR_ABORTED')) faults.push(`request failed: ${request.url()} ${text}`);
  });
  page.on('response', (response) => {
    const [status, url] = [response.status(), response.url()];
    if (status >= 400 && !expected.includes(status)) faults.push(`status ${status}: ${url}`);
  });
  const client = await context.newCDPSession(page);
  await client.send('Network.enable');
  client.on('Network.loadingFinished', (event) => { bytes.n += event.encodedDataLength; });
  return {
    context, page, faults, bytes, client,
    // Which refusals are meant to come now.
    expect(...statuses) { expected = statuses; },
    async open(where) {
      const response = await page.goto(new URL(where, base).href, { waitUntil: 'load' });
      return response;
    },
    // What must not have happened so far; asked once, and then forgotten.
    async misdeeds() {
      const own = (options.scripts ?? true) ? await page.evaluate(() => window.__faults.splice(0)) : [];
      return [...faults.splice(0), ...own];
    },
    close: () => context.close(),
  };
}

// ------------------------------------------------------------------------------------- judgements

// Violations of serious or critical level that axe-core finds, one line each.
export async function accessibility(page) {
  await page.evaluate(axeSource);
  const found = await page.evaluate(async () => {
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const result = await window.axe.run(document, { runOnly: tags, resultTypes: ['violations'] });
    return result.violations.map(({ id, impact, nodes }) => ({
      id, impact, nodes: nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`), n: nodes.length,
    }));
  });
  const grave = found.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  const mild = found.filter(({ impact }) => impact !== 'serious' && impact !== 'critical');
  const line = ({ id, impact, nodes, n }) => `${impact} ${id} (${n}): ${nodes.join(' | ').replaceAll(/\s+/g, ' ')}`;
  return { grave: grave.map(line), mild: mild.map(line) };
}

// What must not stand in a page as the server sends it: a script or a style of its own.
export async function markup(page, html) {
  return page.evaluate((html) => {
    const faults = [];
    const sent = new DOMParser().parseFromString(html, 'text/html');
    for (const element of sent.querySelectorAll('*')) {
      for (const { name } of element.attributes) {
        if (name === 'style' || name.startsWith('on')) faults.push(`${name} on ${element.tagName}.${element.getAttribute('class')}`);
      }
    }
    for (const script of sent.querySelectorAll('script')) if (!script.src && script.type !== 'application/json') faults.push('a script in the page');
    if (sent.querySelector('style')) faults.push('a style in the page');
    return [...new Set(faults)];
  }, html);
}

// Faults of form that a judge of accessibility does not look for.
export async function form(page) {
  return page.evaluate(() => {
    const faults = [];
    const root = document.documentElement;
    if (root.scrollWidth > root.clientWidth + 1) {
      const wide = [...document.body.querySelectorAll('*')]
        .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1 && !element.closest('[tabindex="0"], .scroll'))
        .slice(0, 3).map((element) => `${element.tagName}.${element.getAttribute('class') ?? ''}`);
      faults.push(`the page scrolls sideways: ${root.scrollWidth} of ${root.clientWidth}: ${wide}`);
    }
    if (document.querySelectorAll('h1').length !== 1) faults.push(`${document.querySelectorAll('h1').length} h1`);
    if (!root.lang) faults.push('no lang');
    if (!document.title.trim()) faults.push('no title');
    for (const link of document.querySelectorAll('a[href]')) {
      if (!/^(https?|mailto):$/.test(link.protocol ?? new URL(link.href.baseVal, location).protocol)) faults.push(`link to ${link.getAttribute('href')}`);
    }
    for (const table of document.querySelectorAll('table')) if (!table.caption?.textContent.trim()) faults.push('a table without a caption');
    // A number is read at one glance: never on two lines.
    for (const number of document.querySelectorAll('data')) {
      const lines = new Set([...number.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top)));
      if (lines.size > 1) faults.push(`a number on ${lines.size} lines: ${number.textContent.trim()}`);
    }
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    const twice = ids.filter((id, at) => ids.indexOf(id) !== at);
    if (twice.length) faults.push(`identifiers given twice: ${[...new Set(twice)].slice(0, 5)}`);
    return [...new Set(faults)];
  });
}

// The figures and cells of a page that are values: text, exact value and link.
export async function numbers(page) {
  return page.evaluate(() => [...document.querySelectorAll('main data')].map((data) => ({
    text: data.textContent.trim(), exact: data.value, link: data.closest('a')?.getAttribute('href') ?? data.querySelector('a')?.getAttribute('href') ?? null,
  })));
}

// The pages that a role sees in the navigation, without parameters.
export async function navigation(page) {
  const links = await page.evaluate(() => [...document.querySelectorAll('nav a[href]')].map((link) => new URL(link.href).pathname));
  return [...new Set(links)];
}

// Asks the interface with the session of a role.
export async function api(visitor, where) {
  const response = await visitor.context.request.get(new URL(where, base).href);
  claim(response.ok(), `${where}: ${response.status()} ${(await response.text()).slice(0, 300)}`);
  return (await response.json()).data;
}
