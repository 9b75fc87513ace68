// The contract's ReportReader on the parsers of this folder.
import type { ReportReader } from '../contract/report-reader.ts';
import { readCobertura, readLcov } from './coverage.ts';
import { readJunit } from './junit.ts';
import { loadXmlReader } from './xml.ts';

/** A promise, since it loads the XML parser: call it for a run that has reports to read, not before. */
export async function createReportReader(): Promise<ReportReader> {
  const readXml = await loadXmlReader();
  return {
    junit: (xml) => readJunit(xml, readXml),
    cobertura: (xml) => readCobertura(xml, readXml),
    lcov: readLcov,
  };
}
