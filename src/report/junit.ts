// JUnit XML, as pytest, Jest, Vitest, gotestsum, Surefire, PHPUnit and RSpec write it → TestReport.
import { stripVTControlCharacters } from 'node:util';
import { ok, type Outcome } from '../model/failure.ts';
import type { FailedTest, TestReport } from '../model/test-report.ts';
import { findPlace, looksLikeSourceFile } from './source-place.ts';
import { attribute, children, invalidReport, textOf, type ReadXml, type XmlElement } from './xml.ts';

/** More than anyone reads; all are counted. */
const FAILURES_KEPT = 500;
/** Characters; a report may hold megabytes of any of them. */
const [NAME_LENGTH, MESSAGE_LENGTH, TEXT_LENGTH] = [500, 4000, 32_000];

export function readJunit(xml: Uint8Array, readXml: ReadXml): Outcome<TestReport> {
  const root = readXml(xml, { skip: ['system-out', 'system-err', 'properties'] });
  if (!root.ok) return root;
  const { name, element } = root.value;
  if (name !== 'testsuites' && name !== 'testsuite') {
    return invalidReport(`its root is <${name}>, not <testsuites> or <testsuite>`);
  }
  return ok(readSuite(element));
}

function readSuite(suite: XmlElement, inheritedFile?: string): TestReport {
  const file = attribute(suite, 'file') ?? inheritedFile;
  const parts = [
    ...children(suite, 'testsuite').map((inner) => readSuite(inner, file)),
    ...children(suite, 'testcase').map((test) => readCase(test, file)),
  ];
  let [tests, failed, skipped, durationMs] = [0, 0, 0, 0];
  const failures: FailedTest[] = [];
  for (const part of parts) {
    tests += part.tests;
    failed += part.failed;
    skipped += part.skipped;
    durationMs += part.durationMs;
    failures.push(...part.failures.slice(0, FAILURES_KEPT - failures.length));
  }
  return { tests, failed, skipped, durationMs: milliseconds(suite) ?? durationMs, failures };
}

function readCase(test: XmlElement, suiteFile: string | undefined): TestReport {
  const faults = [...children(test, 'failure'), ...children(test, 'error')];
  return {
    tests: 1,
    failed: faults.length > 0 ? 1 : 0,
    skipped: faults.length === 0 && children(test, 'skipped').length > 0 ? 1 : 0,
    durationMs: milliseconds(test) ?? 0,
    failures: faults[0] === undefined ? [] : [readFailure(test, faults[0], suiteFile)],
  };
}

function readFailure(test: XmlElement, fault: XmlElement, suiteFile: string | undefined): FailedTest {
  const className = (attribute(test, 'classname') ?? '').slice(0, NAME_LENGTH);
  const title = (attribute(test, 'name') ?? '').slice(0, NAME_LENGTH);
  // Vitest puts the file where others put the class.
  const classIsFile = looksLikeSourceFile(className);
  const text = readable(textOf(fault));
  const message = readable(attribute(fault, 'message') ?? '');
  const line = Number(attribute(test, 'line') ?? NaN);
  const place = findPlace(`${message}\n${text}`, {
    file: attribute(test, 'file') ?? (classIsFile ? className : suiteFile),
    line: Number.isInteger(line) && line > 0 ? line : undefined,
    className: `${className} ${title}`,
  });
  return {
    name:
      classIsFile || title.includes(className) ? title : title === '' ? className : `${className} > ${title}`,
    // gotestsum's message is "Failed", RSpec's and PHPUnit's text tells more than a missing one.
    message: (/^(?:failed|failure|error)?$/i.test(message) ? text : message).slice(0, MESSAGE_LENGTH),
    ...place,
  };
}

const readable = (text: string): string =>
  stripVTControlCharacters(text.slice(0, TEXT_LENGTH))
    .replace(/\r\n?/g, '\n')
    // Go's own framing around the lines that matter.
    .replace(/^(?:=== (?:RUN|PAUSE|CONT|NAME)|[ \t]*--- FAIL:).*\n?/gm, '')
    .trim();

/** `time` is in seconds; Surefire writes `1,234.5`. */
function milliseconds(element: XmlElement): number | undefined {
  const time = attribute(element, 'time')?.replaceAll(',', '') ?? '';
  const seconds = time === '' ? NaN : Number(time);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.round(seconds * 1000) : undefined;
}
