// The thread of GitHub's client for caches.
import { serveCalls } from './sdk-thread.ts';
import type { SdkActions } from './sdk-calls.ts';
import { restoreCache, saveCache } from '@actions/cache';

serveCalls((action: SdkActions['cache']) => {
  switch (action.type) {
    case 'restore': {
      const { path, key, restoreKeys, lookupOnly } = action;
      return restoreCache([path], key, [...restoreKeys], { lookupOnly });
    }
    case 'save':
      return saveCache([action.path], action.key);
  }
});
