// A figure from its rows, computed here a second time: from the CSV that a reader downloads.

// The records of a CSV text, as lists of texts.
export function records(text) {
  const rows = [];
  let [row, field, quoted, at] = [[], '', false, 0];
  const body = text.replace(/^\ufeff/, '');
  for (; at < body.length; at += 1) {
    const sign = body[at];
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (body[at + 1] === '"') { field += '"'; at += 1; } else quoted = false;
    } else if (sign === '"' && field === '') quoted = true;
    else if (sign === ',') { row.push(field); field = ''; }
    else if (sign === '\n' || sign === '\r') {
      if (sign === '\r' && body[at + 1] === '\n') at += 1;
      rows.push([...row, field]);
      [row, field] = [[], ''];
    } else field += sign;
  }
  if (field !== '' || row.length) rows.push([...row, field]);
  return rows;
}

// The rows of a CSV text as objects by column.
export function table(text) {
  const [head, ...rest] = records(text);
  return rest.map((row) => Object.fromEntries(head.map((name, at) => [name, row[at] ?? ''])));
}

// An exact decimal as an integer in units of 10^-12.
function exact(text) {
  const [, sign, whole, part = ''] = /^([+-]?)(\d+)(?:\.(\d+))?$/.exec(text) ?? (() => { throw new Error(`no number: ${text}`); })();
  const value = BigInt(whole) * 10n ** 12n + BigInt(part.slice(0, 12).padEnd(12, '0'));
  return sign === '-' ? -value : value;
}

const number = (value) => Number(value) / 1e12;
const isTrue = (text) => text === 'true';

// What a measure gives over rows: a number, or null where there is nothing to measure.
function measured(measure, rows) {
  if (measure === 'count') return rows.length;
  const [[kind, column]] = Object.entries(measure);
  if (rows.length && !(column in rows[0])) throw new Error(`the rows have no column ${column}`);
  const present = rows.map((row) => row[column]).filter((text) => text !== '');
  if (kind === 'count_distinct') return new Set(present).size;
  if (kind === 'sum') return number(present.map(exact).reduce((a, b) => a + b, 0n));
  if (present.length === 0) return null;
  if (kind === 'share') return present.filter(isTrue).length / present.length;
  const values = present.map((text) => number(exact(text))).sort((a, b) => a - b);
  if (kind === 'mean') return values.reduce((a, b) => a + b, 0) / values.length;
  if (kind === 'median') {
    const middle = values.length >> 1;
    return values.length % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  }
  throw new Error(`a measure without a rule here: ${kind}`);
}

// The figure that its evidence gives; `rows` and `per` are what its two downloads hold.
export function figure(evidence, rows, per) {
  const top = measured(evidence.measure, rows);
  if (!evidence.per) return top;
  const bottom = measured(evidence.per.measure, per);
  if (top === null || !bottom) return null;
  const [numerator, denominator] = evidence.factor ?? [1, 1];
  return (top / bottom) * (numerator / denominator) + (evidence.plus ?? 0);
}

// The number in a value of an answer; null for none.
export function plain(value) {
  switch (value.unit) {
    case 'money': return Number(value.amount);
    case 'share': return value.total === 0 ? null : value.of / value.total;
    case 'none': return null;
    default: return Number(value.value);
  }
}

// The openable figures of an answer: identifier, value, evidence.
export function openable(answer) {
  const found = answer.figures.filter((one) => one.evidence).map((one) => [one.id, one.value, one.evidence]);
  for (const one of answer.tables) {
    for (const row of one.rows) {
      row.entries.forEach((entry, at) => {
        if (entry?.evidence) found.push([`${one.id}.${row.id}.${one.columns[at].id}`, entry.value, entry.evidence]);
      });
    }
  }
  return found;
}

// Whether two numbers are the same, but for the rounding to `unit`s in which the value is kept.
export function same(found, stated) {
  if (found === null || stated === null) return found === stated;
  return Math.abs(found - stated) <= Math.max(0.0051, Math.abs(stated) * 1e-9);
}
