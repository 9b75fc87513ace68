// Notices from before a run's first event → held back until it was told, then told.
import type { Notice } from '../model/event.ts';

export interface Notices {
  readonly tell: (code: string, message: string) => void;
  /** The run has started: what was held back is told now, the rest at once. */
  readonly release: () => void;
}

export function holdNotices(emit: (notice: Notice) => void): Notices {
  const held: Notice[] = [];
  let isOpen = false;
  return {
    tell: (code, message) => {
      const notice = { type: 'notice', level: 'warning', code, message } as const;
      if (isOpen) emit(notice);
      else held.push(notice);
    },
    release: () => {
      isOpen = true;
      held.splice(0).forEach(emit);
    },
  };
}
