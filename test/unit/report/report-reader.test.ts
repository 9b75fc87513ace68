import { beforeAll, describe, expect, test } from 'vitest';
import type { ReportReader } from '../../../src/contract/report-reader.ts';
import type { Outcome } from '../../../src/model/failure.ts';
import type { TestReport } from '../../../src/model/test-report.ts';
import { createReportReader } from '../../../src/report/report-reader.ts';

let reader: ReportReader;
beforeAll(async () => {
  reader = await createReportReader();
});

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.failure.message);
  return outcome.value;
}
const junit = (xml: string): TestReport => value(reader.junit(Buffer.from(xml)));
const refusal = (outcome: Outcome<unknown>): string => {
  expect(outcome).toMatchObject({ ok: false, failure: { kind: 'pipeline', code: 'invalid-report' } });
  return outcome.ok ? '' : outcome.failure.message;
};

describe('JUnit as its writers write it', () => {
  test('pytest', () => {
    const xml = `<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.064" timestamp="2026-11-22T00:00:00" hostname="x">
<testcase classname="tests.test_cart.TestCart" name="test_ok" time="0.001" />
<testcase classname="tests.test_cart.TestCart" name="test_adds[1-2]" time="0.002"><failure message="AssertionError: assert 3 == 4&#10; +  where 3 = add(1, 2)">self = &lt;tests.test_cart.TestCart object&gt;

    def test_adds(self):
&gt;       assert add(1, 2) == 4
E       AssertionError: assert 3 == 4

tests/test_cart.py:12: AssertionError</failure></testcase>
<testcase classname="tests.test_cart" name="test_db" time="0.001"><error message="failed on setup with &quot;KeyError&quot;">/usr/lib/python3/dist-packages/_pytest/runner.py:3: in x
tests/conftest.py:5: KeyError</error></testcase>
<testcase classname="tests.test_cart" name="test_later" time="0.000"><skipped type="pytest.skip" message="later">tests/test_cart.py:20: later</skipped></testcase>
</testsuite></testsuites>`;
    expect(junit(xml)).toEqual({
      tests: 4,
      failed: 2,
      skipped: 1,
      durationMs: 64,
      failures: [
        {
          name: 'tests.test_cart.TestCart > test_adds[1-2]',
          message: 'AssertionError: assert 3 == 4\n +  where 3 = add(1, 2)',
          file: 'tests/test_cart.py',
          line: 12,
        },
        {
          name: 'tests.test_cart > test_db',
          message: 'failed on setup with "KeyError"',
          file: 'tests/conftest.py',
          line: 5,
        },
      ],
    });
  });

  test('Vitest', () => {
    const xml = `<?xml version="1.0" encoding="UTF-8" ?>
<testsuites name="vitest tests" tests="2" failures="1" errors="0" time="0.41">
    <testsuite name="src/cart.test.ts" timestamp="2026-11-22T00:00:00.000Z" hostname="x" tests="2" failures="1" errors="0" skipped="0" time="0.0123">
        <testcase classname="src/cart.test.ts" name="cart &gt; adds up" time="0.006">
            <failure message="expected 3 to be 4 // Object.is equality" type="AssertionError">
AssertionError: expected 3 to be 4 // Object.is equality
 ❯ node_modules/vitest/dist/x.js:1:1
 ❯ src/cart.test.ts:42:15
            </failure>
        </testcase>
        <testcase classname="src/cart.test.ts" name="cart &gt; is empty" time="0.001"></testcase>
    </testsuite>
</testsuites>`;
    expect(junit(xml)).toEqual({
      tests: 2,
      failed: 1,
      skipped: 0,
      durationMs: 410,
      failures: [
        {
          name: 'cart > adds up',
          message: 'expected 3 to be 4 // Object.is equality',
          file: 'src/cart.test.ts',
          line: 42,
        },
      ],
    });
  });

  test('jest-junit', () => {
    const xml = `<testsuites name="jest tests" tests="1" failures="1" errors="0" time="1.2"><testsuite name="cart" errors="0" failures="1" skipped="0" time="0.8" tests="1">
<testcase classname="cart adds up" name="cart adds up" time="0.004"><failure>Error: expect(received).toBe(expected)

Expected: 4
Received: 3
    at Object.&lt;anonymous&gt; (/work/src/cart.test.js:5:17)
    at new Promise (&lt;anonymous&gt;)
    at run (/work/node_modules/jest-circus/build/utils.js:1:1)</failure></testcase></testsuite></testsuites>`;
    expect(junit(xml).failures).toEqual([
      {
        name: 'cart adds up',
        message: expect.stringMatching(/^Error: expect\(received\)/) as string,
        file: 'src/cart.test.js',
        line: 5,
      },
    ]);
  });

  test('gotestsum', () => {
    const xml = `<testsuites tests="2" failures="1" errors="0" time="0.5"><testsuite tests="2" failures="1" time="0.003000" name="example.com/web/cart" timestamp="2026-11-22T00:00:00Z"><properties><property name="go.version" value="go1.24"></property></properties>
<testcase classname="example.com/web/cart" name="TestAdd/sub" time="0.000000"><failure message="Failed" type="">=== RUN   TestAdd/sub&#xA;    cart_test.go:12: expected 4, got 3&#xA;--- FAIL: TestAdd/sub (0.00s)&#xA;</failure></testcase>
<testcase classname="example.com/web/cart" name="TestOk" time="0.000000"></testcase></testsuite></testsuites>`;
    expect(junit(xml).failures).toEqual([
      {
        name: 'example.com/web/cart > TestAdd/sub',
        message: 'cart_test.go:12: expected 4, got 3',
        file: 'cart_test.go',
        line: 12,
      },
    ]);
  });

  test('Surefire', () => {
    const xml = `<testsuite name="com.acme.CartTest" time="1,234.5" tests="3" errors="0" skipped="1" failures="1">
<properties><property name="a" value="b"/></properties>
<testcase name="adds" classname="com.acme.CartTest" time="0.01"><failure message="expected: &lt;4&gt; but was: &lt;3&gt;" type="org.opentest4j.AssertionFailedError"><![CDATA[org.opentest4j.AssertionFailedError: expected: <4> but was: <3>
	at org.junit.jupiter.api.AssertionUtils.fail(AssertionUtils.java:55)
	at com.acme.CartTest.adds(CartTest.java:17)
]]></failure><system-out><![CDATA[</system-out> <b> ]]></system-out></testcase>
<testcase name="later" classname="com.acme.CartTest"><skipped/></testcase>
<testcase name="flaky" classname="com.acme.CartTest"><flakyFailure message="x">y</flakyFailure></testcase></testsuite>`;
    expect(junit(xml)).toEqual({
      tests: 3,
      failed: 1,
      skipped: 1,
      durationMs: 1_234_500,
      failures: [
        {
          name: 'com.acme.CartTest > adds',
          message: 'expected: <4> but was: <3>',
          file: 'CartTest.java',
          line: 17,
        },
      ],
    });
  });

  test('PHPUnit: nested suites, file and line as attributes', () => {
    const xml = `<testsuites><testsuite name="/work/phpunit.xml" tests="1" time="0.02"><testsuite name="Unit" tests="1"><testsuite name="Tests\\CartTest" file="/work/tests/CartTest.php" tests="1">
<testcase name="testAdds" file="/work/tests/CartTest.php" line="9" class="Tests\\CartTest" classname="Tests.CartTest" assertions="1" time="0.01"><failure type="PHPUnit\\Framework\\ExpectationFailedException">Tests\\CartTest::testAdds
Failed asserting that 3 is identical to 4.

/work/vendor/phpunit/x.php:3
/work/tests/CartTest.php:13</failure></testcase></testsuite></testsuite></testsuite></testsuites>`;
    expect(junit(xml)).toMatchObject({
      tests: 1,
      durationMs: 20,
      failures: [{ name: 'Tests.CartTest > testAdds', file: 'tests/CartTest.php', line: 13 }],
    });
  });

  test('RSpec', () => {
    const xml = `<testsuite name="rspec" tests="1" skipped="0" failures="1" errors="0" time="0.01"><testcase classname="spec.cart_spec" name="Cart adds up" file="./spec/cart_spec.rb" time="0.002"><failure message="expected: 4&#10;     got: 3" type="RSpec::Expectations::ExpectationNotMetError">Failure/Error: expect(1 + 2).to eq 4
/usr/lib/ruby/gems/rspec/x.rb:1
./spec/cart_spec.rb:3:in 'block (2 levels)'</failure></testcase></testsuite>`;
    expect(junit(xml).failures).toEqual([
      {
        name: 'spec.cart_spec > Cart adds up',
        message: 'expected: 4\n     got: 3',
        file: 'spec/cart_spec.rb',
        line: 3,
      },
    ]);
  });

  test('unittest, C# and a place outside the workspace', () => {
    const failing = (text: string): string =>
      `<testsuite><testcase classname="x" name="y"><failure>${text}</failure></testcase></testsuite>`;
    expect(junit(failing('File "/work/tests/test_a.py", line 7, in t')).failures[0]).toMatchObject({
      file: 'tests/test_a.py',
      line: 7,
    });
    expect(junit(failing('at A.B() in /work/src/A.cs:line 33')).failures[0]).toMatchObject({
      file: 'src/A.cs',
      line: 33,
    });
    expect(junit(failing('/etc/a.py:3: x ../b.py:4: y')).failures[0]).not.toHaveProperty('file');
  });
});

describe('the file of a failed test is a path in the workspace', () => {
  const placed = (file: string, text = 'no') =>
    junit(
      `<testsuite><testcase name="y" file="${file}" line="3"><failure>${text}</failure></testcase></testsuite>`,
    ).failures[0]?.file;
  test.each([
    ['src/a.ts', 'src/a.ts'],
    ['./src/a.ts', 'src/a.ts'],
    ['/work/src/a.ts', 'src/a.ts'],
    ['/work//./src/../src/a.ts', 'src/a.ts'],
    ['file:///work/src/a.ts', 'src/a.ts'],
    ['src\\sub\\a.ts', 'src/sub/a.ts'],
    ['.\\src\\a.ts', 'src/a.ts'],
    ['src/a\\b.ts', 'src/a\\b.ts'],
  ])('%s: %s', (file, expected) => expect(placed(file)).toBe(expected));
  test.each([
    ...['/etc/passwd', '../a.ts', '/work/../etc/passwd', '/work', '/work/', '.', '..', '/workspace/a.ts'],
    ...['C:\\agent\\src\\a.ts', 'C:/agent/src/a.ts', '\\\\server\\a.ts', 'a/../../b.ts', 'file:///etc/a.ts'],
  ])('%s: none, for it lies outside', (file) => expect(placed(file)).toBeUndefined());

  test('in a text too', () => {
    expect(placed('', 'at A.B() in .\\src\\A.cs:line 33')).toBe('src/A.cs');
    expect(placed('', 'at A.B() in C:\\work\\A.cs:line 33')).toBeUndefined();
  });
});

describe('odd JUnit files', () => {
  test.each([
    ['no tests', '<testsuites/>'],
    ['a comment after the end', '<testsuites></testsuites>\n<!-- > -->\n'],
    ['a DTD that is only named', '<!DOCTYPE testsuites SYSTEM "http://x/y.dtd"><testsuites></testsuites>'],
    ['a namespace', '<j:testsuites xmlns:j="urn:x"></j:testsuites>'],
  ])('%s', (_what, xml) =>
    expect(junit(xml)).toEqual({ tests: 0, failed: 0, skipped: 0, durationMs: 0, failures: [] }),
  );

  test('encodings', () => {
    const xml = (encoding: string): string =>
      `<?xml version="1.0" encoding="${encoding}"?><testsuite><testcase name="größe"><failure message="é"/></testcase></testsuite>`;
    const utf16 = Buffer.from(`\ufeff${xml('UTF-16')}`, 'utf16le');
    const files = [
      Buffer.from(xml('UTF-8')),
      Buffer.from(`\ufeff${xml('UTF-8')}`),
      Buffer.from(xml('ISO-8859-1'), 'latin1'),
      utf16,
      Buffer.from(utf16).swap16(),
      utf16.subarray(2),
    ];
    for (const file of files) {
      expect(value(reader.junit(file)).failures).toEqual([{ name: 'größe', message: 'é' }]);
    }
    refusal(reader.junit(Buffer.from(xml('klingon'))));
  });

  test('terminal colours, control characters and references in messages', () => {
    const xml =
      '<testsuite><testcase name="a"><failure message="&#x1b;[31mred&#27;[0m &unknown; &#x110000; &amp;lt;"/></testcase></testsuite>';
    expect(junit(xml).failures[0]?.message).toBe('red &unknown; \ufffd &lt;');
  });

  test('names like those of Object are names', () => {
    expect(junit('<testsuite><testcase name="__proto__" classname="constructor"/></testsuite>').tests).toBe(
      1,
    );
  });

  test('all failures are counted, not all are kept, no message is endless', () => {
    const one = `<testcase name="a"><failure>${'x'.repeat(10_000)}</failure></testcase>`;
    const report = junit(`<testsuite>${one.repeat(600)}</testsuite>`);
    expect([report.failed, report.failures.length, report.failures[0]?.message.length]).toEqual([
      600, 500, 4000,
    ]);
  });

  test('a failure text of one endless word does not take forever', () => {
    const words = [
      'a.'.repeat(500_000),
      'a/'.repeat(500_000),
      '.py:'.repeat(250_000),
      'x'.repeat(1_000_000),
      '\n'.repeat(1_000_000),
    ];
    for (const word of words) {
      expect(
        junit(`<testsuite><testcase name="a"><failure>${word}</failure></testcase></testsuite>`).failed,
      ).toBe(1);
    }
  });
});

describe('what is refused, and never thrown', () => {
  const laughs = `<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "${'&a;'.repeat(100)}">]><testsuites>&b;</testsuites>`;
  test.each([
    ['nothing', ''],
    ['blanks', ' \n'],
    ['text', 'hello'],
    ['JSON', '{"a": 1}'],
    ['HTML', '<html><body></body></html>'],
    ['two roots', '<testsuite></testsuite><testsuites></testsuites>'],
    ['cut within a tag', '<testsuites><testsuite><testcase name="a'],
    ['cut after a tag', '<testsuites><testsuite><testcase name="a"/>'],
    ['billion laughs', laughs],
    [
      'an external entity',
      '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><testsuites>&b;</testsuites>',
    ],
    ['entities after a comment that looks like an element', `<!-- <a> -->${laughs}`],
    ['deep nesting', '<testsuite>'.repeat(100_000) + '</testsuite>'.repeat(100_000)],
    ['a million open brackets', '<'.repeat(1_000_000)],
    ['a million comments opened', '<!--'.repeat(250_000)],
    ['a million comments opened before a DTD', '<!--'.repeat(250_000) + '<!DOCTYPE a>'],
    ['a million blank lines', '\n'.repeat(1_000_000) + 'x'],
    ['NUL bytes', '\0'.repeat(1000)],
  ])('%s', (_what, xml) => {
    expect(refusal(reader.junit(Buffer.from(xml)))).toMatch(/^The report cannot be read: .+\.$/);
    refusal(reader.cobertura(Buffer.from(xml)));
  });
});

describe('cobertura', () => {
  const cobertura = (xml: string) => value(reader.cobertura(Buffer.from(xml)));
  const lines =
    '<lines><line number="1" hits="2"/><line number="2" hits="0"/><line number="3" hits="1"/></lines>';
  const classes = `<packages><package><classes><class><methods><method>${lines}</method></methods>${lines}</class></classes></package></packages>`;

  test('the counts of the root, also behind the DTD that Istanbul names', () => {
    const xml = `<?xml version="1.0" ?><!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage lines-valid="1000" lines-covered="812" line-rate="0.812">${classes}</coverage>`;
    expect(cobertura(xml)).toEqual({ covered: 812, lines: 1000 });
  });
  test('no counts: the lines of the classes', () => {
    expect(cobertura(`<coverage line-rate="0.66">${classes}</coverage>`)).toEqual({ covered: 2, lines: 3 });
    expect(cobertura(`<coverage lines-valid="1" lines-covered="9">${classes}</coverage>`)).toEqual({
      covered: 2,
      lines: 3,
    });
  });
  test.each(['<coverage></coverage>', '<testsuites></testsuites>', `<coverage>${classes}`])(
    'refused: %s',
    (xml) => {
      refusal(reader.cobertura(Buffer.from(xml)));
    },
  );
});

describe('lcov', () => {
  const lcov = (text: string) => reader.lcov(Buffer.from(text));
  test('lines of all files, records of one file together', () => {
    const text =
      'TN:\nSF:a.js\nFN:1,f\nDA:1,1\nDA:2,0,abc\nLF:2\nLH:1\nend_of_record\nSF:b.js\r\nDA:1,0\r\nend_of_record\r\nTN:x\nSF:a.js\nDA:2,5\nend_of_record';
    expect(value(lcov(text))).toEqual({ covered: 2, lines: 3 });
  });
  test.each([
    ['nothing', ''],
    ['no lcov', 'hello\n'],
    ['cut short', 'SF:a.js\nDA:1,1\n'],
    ['a line outside a file', 'DA:1,1\nSF:a\nend_of_record\n'],
    ['no numbers', 'SF:a\nDA:x,y\nend_of_record\n'],
  ])('refused: %s', (_what, text) => {
    refusal(lcov(text));
  });
});
