// A plan → how its jobs are spread over machines of their own, for whoever has them.
import { machinesOf, neededBy, onlyWords, type Machine } from '../../providers/shared/machines.ts';
import { instanceName } from '../model/instance-name.ts';
import type { MachinePreview } from '../model/plan-preview.ts';
import type { Plan } from '../model/plan.ts';

/** The machines get their work in this very run, so a matrix that depends on its event is known. In the order of the plan. */
export function previewMachines(plan: Plan): readonly MachinePreview[] {
  const machines = machinesOf(plan, new Set(), (name) => name);
  return machines.flatMap((machine) => {
    const needs = neededBy(machine, machines).flatMap(namesOf);
    const { job, instances } = machine;
    const words = instances?.map((values) => [job.name, ...onlyWords(values)]) ?? [[job.name]];
    return namesOf(machine).map((name, at) => ({ name, words: words[at] ?? [], needs }));
  });
}

const namesOf = ({ job, instances }: Machine): readonly string[] =>
  instances?.map((values) => instanceName(job.name, values)) ?? [job.name];
