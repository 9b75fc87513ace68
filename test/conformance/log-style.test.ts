// Runs the log style contract for GitHub's commands, GitLab's sections and Jenkins' lines, each read by the platform's own rules.
import { stripVTControlCharacters } from 'node:util';
import { githubLogs } from '../../providers/github/logs.ts';
import { gitlabLogs } from '../../providers/gitlab/logs.ts';
import { jenkinsLogs } from '../../providers/jenkins/logs.ts';
import { readGitlabLog } from '../rig/gitlab-log.ts';
import { jenkinsNotes } from '../rig/jenkins-log.ts';
import { readRunnerLog } from '../rig/runner-log.ts';
import { logStyleContract } from './log-style.ts';

logStyleContract("GitHub's commands", () => ({
  style: githubLogs(),
  read: (log) => {
    const { commands, annotations, masks, shown, stopped } = readRunnerLog(log);
    const titles = commands.filter(({ name }) => name === 'group').map(({ data }) => data);
    const own = ['group', 'endgroup', 'stop-commands', 'add-mask', 'error', 'warning', 'notice'];
    const heeded = commands.filter(({ name }) => !own.includes(name)).map(({ name }) => name);
    return {
      ...{ folds: titles, annotations: annotations.length, masks, shown },
      // A group ends at the first end, or with the next one.
      open: titles.slice(commands.filter(({ name }) => name === 'endgroup').length),
      heeded: stopped ? [...heeded, 'stop-commands'] : heeded,
    };
  },
}));

logStyleContract("GitLab's sections", () => ({
  style: gitlabLogs(),
  read: (log) => {
    const { sections, lines, oddities } = readGitlabLog(log);
    return {
      ...{ folds: sections.map(({ title }) => title), annotations: 0, masks: [], heeded: oddities },
      open: sections.filter(({ seconds }) => seconds === null).map(({ title }) => title),
      shown: lines.map(({ text }) => text).join('\n'),
    };
  },
}));

logStyleContract("Jenkins' lines", () => ({
  ...{ style: jenkinsLogs(true), foldless: true },
  read: (log) => ({
    ...{ folds: [], open: [], annotations: 0, masks: [], heeded: jenkinsNotes(log) },
    shown: stripVTControlCharacters(log),
  }),
}));
