// Cobertura XML and lcov files → how many lines are covered.
import { ok, type Outcome } from '../model/failure.ts';
import type { Coverage } from '../model/test-report.ts';
import { attribute, invalidReport, type ReadXml } from './xml.ts';

/** The root's own counts; where it has none, the lines of the classes are counted, and no tree of them is built. */
export function readCobertura(xml: Uint8Array, readXml: ReadXml): Outcome<Coverage> {
  let [covered, lines] = [0, 0];
  const root = readXml(xml, {
    // A method's lines are its class's as well.
    skip: ['methods'],
    visit: (name, attributes) => {
      if (name !== 'line') return name === 'coverage';
      lines++;
      if (Number(attribute(attributes, 'hits')) > 0) covered++;
      return false;
    },
  });
  if (!root.ok) return root;
  const { name, element } = root.value;
  if (name !== 'coverage') return invalidReport(`its root is <${name}>, not <coverage>`);
  const said = {
    covered: count(attribute(element, 'lines-covered')),
    lines: count(attribute(element, 'lines-valid')),
  };
  if (said.covered !== undefined && said.lines !== undefined && said.covered <= said.lines) {
    return ok({ covered: said.covered, lines: said.lines });
  }
  return lines > 0 ? ok({ covered, lines }) : invalidReport('it counts no lines');
}

/** Records of one file (one for each test, or merged ones) are taken together: a line is covered if any says so. */
export function readLcov(text: Uint8Array): Outcome<Coverage> {
  const files = new Map<string, Map<number, boolean>>();
  let file: Map<number, boolean> | undefined;
  for (const line of linesOf(text)) {
    if (line.startsWith('SF:')) {
      file = files.get(line) ?? new Map<number, boolean>();
      files.set(line, file);
    } else if (line.startsWith('DA:')) {
      const [number = NaN, hits = NaN] = line.slice(3).split(',', 2).map(Number);
      if (file === undefined || !Number.isInteger(number) || Number.isNaN(hits)) {
        return invalidReport(`an lcov line makes no sense: ${line.slice(0, 80)}`);
      }
      file.set(number, hits > 0 || file.get(number) === true);
    } else if (line === 'end_of_record') {
      file = undefined;
    }
  }
  if (files.size === 0) return invalidReport('it is no lcov file: no SF: line');
  if (file !== undefined) return invalidReport('it is cut short: no end_of_record at its end');
  let [covered, lines] = [0, 0];
  for (const hit of files.values()) {
    lines += hit.size;
    for (const isCovered of hit.values()) if (isCovered) covered++;
  }
  return ok({ covered, lines });
}

function* linesOf(bytes: Uint8Array): Generator<string> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let start = 0; start < buffer.length;) {
    const newline = buffer.indexOf(10, start);
    const end = newline < 0 ? buffer.length : newline;
    yield buffer.toString('utf8', start, end).trim();
    start = end + 1;
  }
}

function count(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
